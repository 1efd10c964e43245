/* SPDX-License-Identifier: ISC
 *
 * verp.c: see verp.h.
 */
#include "mail/verp.h"

#include "mail/address.h"

int verp_check(struct str delimiters)
{
	size_t i;

	for (i = 0; i < delimiters.n; i++)
		if (!memchr("-+=", delimiters.p[i], 3))
			return E_SYNTAX;
	return delimiters.n == 2 ? 0 : E_SYNTAX;
}

int verp_address(struct str delimiters, struct str sender, struct str rcpt, struct arena *a, struct str *out)
{
	struct address from, to, x;

	if (verp_check(delimiters) < 0 || address_parse_all(sender, a, &from) < 0 || address_parse_all(rcpt, a, &to) < 0 ||
	    from.domain.n == 0 || to.domain.n == 0)
		return E_SYNTAX;
	x = from;
	x.local = str_of(arena_fmt(a, "%.*s%c%.*s%c%.*s", STRF(from.local), delimiters.p[0], STRF(to.local), delimiters.p[1],
		STRF(to.domain)));
	x.utf8 = from.utf8 || to.utf8;
	if (x.local.n > ADDRESS_LOCAL_MAX || x.local.n + 1 + x.domain.n > ADDRESS_MAX)
		return E_LIMIT;
	*out = address_text(a, &x);
	return 0;
}
