/* SPDX-License-Identifier: ISC
 *
 * imapset.c (fuzz): a resolved set is sorted, apart, and prints to itself.
 */
#include "mail/imapset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(str_make(data, size)), again;
	struct imapset s, t;
	struct arena a;
	struct buf b;
	size_t i;

	arena_init(&a);
	buf_init(&b, 1 << 20);
	if (imapset_parse(&c, &a, &s) == 1) {
		imapset_resolve(&s, 1000);
		for (i = 0; i < s.n; i++) {
			BUG_ON(s.r[i].lo > s.r[i].hi || !imapset_has(&s, s.r[i].lo) || !imapset_has(&s, s.r[i].hi));
			BUG_ON(i && (s.r[i].lo <= s.r[i - 1].hi + 1 || imapset_has(&s, s.r[i].lo - 1)));
		}
		imapset_print(&s, &b);
		again = cur_of(buf_view(&b));
		BUG_ON(imapset_parse(&again, &a, &t) != 1 || t.n != s.n || !cur_end(&again));
	}
	buf_done(&b);
	arena_done(&a);
	return 0;
}
