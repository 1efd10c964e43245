/* SPDX-License-Identifier: ISC
 *
 * near.c: edit distance (optimal string alignment: Levenshtein, and a swap of
 * two neighbours counts one), for "did you mean".
 */
#include "conf/near.h"

#include <limits.h>

#define NEAR_MAX 64

unsigned near_distance(struct str a, struct str b)
{
	unsigned row[3][NEAR_MAX + 1], d;
	size_t i, j;

	if (a.n > NEAR_MAX || b.n > NEAR_MAX)
		return UINT_MAX;
	for (j = 0; j <= b.n; j++)
		row[0][j] = (unsigned)j;
	for (i = 1; i <= a.n; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (j = 1; j <= b.n; j++) {
			d = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			d = MIN(d, up[j] + 1);
			d = MIN(d, cur[j - 1] + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				d = MIN(d, upup[j - 2] + 1);
			cur[j] = d;
		}
	}
	return row[a.n % 3][b.n];
}

bool near_enough(struct str word, unsigned d)
{
	return d <= MAX(1u, (unsigned)MIN(word.n, (size_t)NEAR_MAX) / 3);
}
