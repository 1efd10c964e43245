/* SPDX-License-Identifier: ISC
 *
 * tlsa.c: TLSA records as values (see tlsa.h).
 */
#include "net/tlsa.h"

#include "base/codec.h"

static int number(struct str *rest, uint8_t *out)
{
	uint64_t v;

	if (str_u64(str_cut(rest, ' '), 255, &v) < 0)
		return E_SYNTAX;
	*out = (uint8_t)v;
	return 0;
}

int tlsa_parse(struct str text, struct tlsa *out)
{
	struct tlsa t = { 0 };

	if (number(&text, &t.usage) < 0 || number(&text, &t.selector) < 0 || number(&text, &t.mtype) < 0 || !text.n)
		return E_SYNTAX;
	buf_init(&t.data, TLSA_MAX);
	if (hex_decode(text, &t.data) < 0 || t.data.err) {
		buf_done(&t.data);
		return E_SYNTAX;
	}
	*out = t;
	return 0;
}

bool tlsa_usable(struct str text)
{
	static const size_t length[] = { 0, 32, 64 }; /* full, SHA-256, SHA-512 */
	struct tlsa t;
	bool good;

	if (tlsa_parse(text, &t) < 0)
		return false;
	good = (t.usage == 2 || t.usage == 3) && t.selector <= 1 && t.mtype < ARRAY_LEN(length) &&
		(t.mtype == 0 ? t.data.n > 0 : t.data.n == length[t.mtype]);
	buf_done(&t.data);
	return good;
}
