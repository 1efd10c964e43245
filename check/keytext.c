/* SPDX-License-Identifier: ISC
 *
 * keytext.c: what a published text is, beside the key record that should be there (RFC 6376 3.6.1).
 */
#include "check/check.h"

#define CUT_LEAST 16 /* so much of a key is the same by no chance */

/* The value of a tag (RFC 6376 3.2) without white space; STR_NONE: it is not there. */
static struct str tag(struct arena *a, struct str text, const char *name)
{
	struct str rest = text, value;
	struct buf b;
	size_t i;

	while (rest.p) {
		value = str_cut(&rest, ';');
		if (!str_eqc(str_trim(str_cut(&value, '=')), name) || !value.p)
			continue;
		buf_init(&b, value.n + 1);
		for (i = 0; i < value.n; i++)
			if (!strchr(" \t\r\n", value.p[i]))
				buf_c(&b, value.p[i]);
		value = b.n ? arena_str(a, buf_view(&b)) : STR("");
		buf_done(&b);
		return value;
	}
	return STR_NONE;
}

/* A backslash, and what else has no place in a text, comes as "\DDD" (net/dns.c). */
static bool escaped(struct str text, size_t i)
{
	uint64_t v;

	return text.p[i] == '\\' && i + 4 <= text.n && str_u64(str_sub(text, i + 1, i + 4), 255, &v) == 0;
}

static struct str without_quotes(struct arena *a, struct str text)
{
	struct str out;
	struct buf b;
	size_t i;

	buf_init(&b, text.n + 1);
	for (i = 0; i < text.n; i++)
		if (escaped(text, i))
			i += 3;
		else if (text.p[i] != '"')
			buf_c(&b, text.p[i]);
	out = b.n ? arena_str(a, buf_view(&b)) : STR("");
	buf_done(&b);
	return out;
}

enum key_fault key_compare(struct arena *a, struct str found, struct str want)
{
	struct str plain = without_quotes(a, found), v = tag(a, plain, "v"), p = tag(a, plain, "p"), own = tag(a, want, "p");
	struct str kind = tag(a, plain, "k"), own_kind = tag(a, want, "k"), flags = tag(a, plain, "t"), hash = tag(a, plain, "h");

	if (!p.p)
		return KEY_BROKEN;
	if (p.n == 0)
		return KEY_REVOKED;
	if (!str_eq(p, own))
		return p.n >= CUT_LEAST && str_starts(own, arena_cstr(a, p)) ? KEY_CUT : KEY_OTHER;
	/* RFC 6376 3.6.1: v= first if it is there at all, k= is rsa if it is not */
	if ((v.p && (!str_eqc(v, "DKIM1") || !str_starts(str_trim(plain), "v"))) ||
		!str_eq(kind.n ? kind : STR("rsa"), own_kind.n ? own_kind : STR("rsa")) || (hash.n && str_search(hash, STR("sha256")) < 0))
		return KEY_BROKEN;
	if (plain.n != found.n)
		return KEY_QUOTED;
	return flags.n && str_find(flags, 'y') >= 0 ? KEY_ON_TRIAL : KEY_SAME;
}
