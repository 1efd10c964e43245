/* SPDX-License-Identifier: ISC
 *
 * mutf7.c: mailbox names in modified UTF-7 (RFC 3501 5.1.3): printable ASCII
 * stands for itself, "&-" is "&", and everything else is UTF-16 in base64
 * with ',' for '/' and no padding, between '&' and '-'.
 *
 * Decoding is strict, because a name must have one spelling only: what the
 * encoder would not write (ASCII in base64, one run cut in two, stray bits,
 * lone surrogates) is E_SYNTAX. So "&AC4ALg-" is no hidden "..".
 */
#include "mail/imapset.h"

#include <unistr.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

static int put_char(ucs4_t u, struct buf *out)
{
	uint8_t utf8[6];
	int n;

	/* printable ASCII never comes in base64, control characters never */
	if (u < 0xa0 || u == 0xfffe || u == 0xffff)
		return E_SYNTAX;
	n = u8_uctomb(utf8, u, sizeof utf8);
	if (n < 1)
		return E_SYNTAX;
	buf_add(out, utf8, (size_t)n);
	return 0;
}

/* One UTF-16 unit; *high keeps the first half of a surrogate pair. */
static int put_unit(uint32_t unit, uint32_t *high, struct buf *out)
{
	if (*high) {
		uint32_t u = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);

		if (unit < 0xdc00 || unit > 0xdfff)
			return E_SYNTAX;
		*high = 0;
		return put_char(u, out);
	}
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return E_SYNTAX;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return 0;
	}
	return put_char(unit, out);
}

/* From behind '&' to behind '-'; at least one character. */
static int decode_shifted(struct cur *c, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	int nbits = 0, v, units = 0;

	while (cur_peek(c) >= 0 && (v = value_of((char)cur_peek(c))) >= 0) {
		c->p++;
		bits = (bits << 6 | (uint32_t)v) & 0x3fffff;
		nbits += 6;
		if (nbits < 16)
			continue;
		nbits -= 16;
		if (put_unit(bits >> nbits & 0xffff, &high, out))
			return E_SYNTAX;
		units++;
	}
	if (!cur_take(c, '-') || !units || high || nbits >= 6 || (bits & ((1u << nbits) - 1)))
		return E_SYNTAX;
	return 0;
}

static int decode(struct cur *c, struct buf *out)
{
	bool shifted = false; /* the character before came out of a shift */
	int b;

	while ((b = cur_next(c)) >= 0) {
		if (b < 0x20 || b > 0x7e)
			return E_SYNTAX;
		if (b != '&') {
			buf_c(out, (char)b);
			shifted = false;
		} else if (cur_take(c, '-')) {
			buf_c(out, '&');
			shifted = false;
		} else {
			if (shifted || decode_shifted(c, out))
				return E_SYNTAX;
			shifted = true;
		}
	}
	return 0;
}

int mutf7_decode(struct str s, struct buf *out)
{
	struct cur c = cur_of(s);
	size_t before = out->n;
	int r = decode(&c, out);

	if (r)
		buf_cut(out, before);
	return r ? r : out->err;
}

struct encoder {
	struct buf *out;
	uint32_t bits;
	int nbits;
	bool shifted;
};

static void encode_unit(struct encoder *e, uint32_t unit)
{
	if (!e->shifted)
		buf_c(e->out, '&');
	e->shifted = true;
	e->bits = (e->bits << 16 | unit) & 0x3fffff;
	e->nbits += 16;
	while (e->nbits >= 6) {
		e->nbits -= 6;
		buf_c(e->out, alphabet[e->bits >> e->nbits & 63]);
	}
}

static void encode_end(struct encoder *e)
{
	if (!e->shifted)
		return;
	if (e->nbits)
		buf_c(e->out, alphabet[e->bits << (6 - e->nbits) & 63]);
	buf_c(e->out, '-');
	e->shifted = false;
	e->bits = 0;
	e->nbits = 0;
}

void mutf7_encode(struct str utf8, struct buf *out)
{
	struct encoder e = { .out = out };
	const uint8_t *p = (const uint8_t *)utf8.p;
	size_t left = utf8.n;

	while (left) {
		ucs4_t u;
		int n = u8_mbtouc(&u, p, left); /* broken bytes become U+FFFD */

		p += n;
		left -= (size_t)n;
		if (u >= 0x20 && u <= 0x7e) {
			encode_end(&e);
			buf_c(out, (char)u);
			if (u == '&')
				buf_c(out, '-');
		} else if (u < 0x10000) {
			encode_unit(&e, u);
		} else {
			encode_unit(&e, 0xd800 + ((u - 0x10000) >> 10));
			encode_unit(&e, 0xdc00 + ((u - 0x10000) & 0x3ff));
		}
	}
	encode_end(&e);
}
