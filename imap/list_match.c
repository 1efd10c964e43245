/* SPDX-License-Identifier: ISC
 *
 * list_match.c: matching of names as a walk of a set of pattern positions over
 * the name, one byte after the other: no backtracking, so that a pattern like
 * "*%*%*%a" costs no more than others of its length (C09).
 */
#include "imap/list_match.h"

#define NAME_BYTES 1024 /* no folder's name is longer; a pattern of more literals matches none */
#define POSITIONS (2 * NAME_BYTES + 2)

static bool is_wild(char c)
{
	return c == '*' || c == '%';
}

void list_pattern_make(struct str pattern, struct arena *a, struct list_pattern *out)
{
	char *p = arena_alloc(a, pattern.n + 1);
	size_t i, n = 0, literals = 0;

	for (i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		if (is_wild(c) && n && is_wild(p[n - 1])) {
			if (c == '*')
				p[n - 1] = '*';
			continue;
		}
		p[n++] = c;
		literals += !is_wild(c);
	}
	out->text = str_make(p, n);
	out->literals = literals;
}

/* at[i]: the first i bytes of the pattern match what was read. A wildcard also
 * matches nothing, so a set position before it sets the one behind it. */
static void skip_wilds(const struct str p, bool *at)
{
	size_t i;

	for (i = 0; i < p.n; i++)
		if (at[i] && is_wild(p.p[i]))
			at[i + 1] = true;
}

bool list_match(const struct list_pattern *pattern, struct str name)
{
	const struct str p = pattern->text;
	bool now[POSITIONS], next[POSITIONS];
	bool inbox = str_starts(name, "INBOX") && (name.n == 5 || name.p[5] == '/');
	size_t i, k;

	if (pattern->literals > name.n || name.n > NAME_BYTES)
		return false;
	memset(now, 0, p.n + 1);
	now[0] = true;
	skip_wilds(p, now);
	for (k = 0; k < name.n; k++) {
		char c = name.p[k];

		memset(next, 0, p.n + 1);
		for (i = 0; i < p.n; i++) {
			if (!now[i])
				continue;
			if (p.p[i] == '*' || (p.p[i] == '%' && c != '/'))
				next[i] = true;
			else if (p.p[i] == c || (inbox && k < 5 && ascii_upper(p.p[i]) == c))
				next[i + 1] = true;
		}
		skip_wilds(p, next);
		memcpy(now, next, p.n + 1);
	}
	return now[p.n];
}
