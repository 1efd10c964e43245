/* SPDX-License-Identifier: ISC
 *
 * gs2.c: RFC 5801 4, as RFC 5802 7 uses it (without the non-standard flag).
 */
#include "auth/gs2.h"

static bool is_cb_char(int ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '.' || ch == '-';
}

/* saslname = 1*(UTF8-char-safe / "=2C" / "=3D") */
static int saslname(struct cur *c, struct str *out)
{
	const unsigned char *start = c->p;

	while (!cur_end(c) && cur_peek(c) != ',') {
		if (cur_peek(c) == '\0')
			return E_SYNTAX;
		if (cur_take(c, '=')) {
			if (!cur_word(c, "2C") && !cur_word(c, "3D"))
				return E_SYNTAX;
		} else {
			cur_next(c);
		}
	}
	*out = str_make(start, (size_t)(c->p - start));
	return out->n > 0 && str_is_utf8(*out) ? 1 : E_SYNTAX;
}

/* gs2-header  = gs2-cb-flag "," [ "a=" saslname ] ","
 * gs2-cb-flag = ("p=" cb-name) / "n" / "y"
 * cb-name     = 1*(ALPHA / DIGIT / "." / "-") */
int gs2_parse(struct cur *c, struct gs2 *out)
{
	struct gs2 v = { .binding = STR(""), .authzid = STR("") };
	const unsigned char *start;

	if (cur_word(c, "p=")) {
		v.flag = GS2_USED;
		for (start = c->p; is_cb_char(cur_peek(c));)
			cur_next(c);
		v.binding = str_make(start, (size_t)(c->p - start));
		if (v.binding.n == 0)
			return E_SYNTAX;
	} else if (cur_take(c, 'n')) {
		v.flag = GS2_NONE;
	} else if (cur_take(c, 'y')) {
		v.flag = GS2_UNUSED;
	} else {
		return E_SYNTAX;
	}
	if (!cur_take(c, ','))
		return E_SYNTAX;
	if (cur_word(c, "a=") && saslname(c, &v.authzid) < 0)
		return E_SYNTAX;
	if (!cur_take(c, ','))
		return E_SYNTAX;
	*out = v;
	return 1;
}
