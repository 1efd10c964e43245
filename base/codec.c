/* SPDX-License-Identifier: ISC
 *
 * codec.c: base64 (RFC 4648 4, 5), hex, percent, xtext (RFC 3461 4).
 *
 * Every decoder reserves room for the largest possible result, writes there,
 * and counts it in only when all of the input was good: out never holds half
 * an answer. The three escape encodings share one coder: an escape character
 * and a question which bytes need it.
 */
#include "base/codec.h"

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

void base64_encode(struct str in, struct buf *out)
{
	const unsigned char *s = (const unsigned char *)in.p;
	size_t len = in.n / 3 * 4 + (in.n % 3 ? 4 : 0), i;
	char *p = buf_room(out, len);

	if (!p)
		return;
	for (i = 0; i + 2 < in.n; i += 3, s += 3) {
		*p++ = digits64[s[0] >> 2];
		*p++ = digits64[(s[0] & 3) << 4 | s[1] >> 4];
		*p++ = digits64[(s[1] & 15) << 2 | s[2] >> 6];
		*p++ = digits64[s[2] & 63];
	}
	if (in.n % 3) {
		unsigned second = in.n % 3 == 2 ? s[1] : 0;

		*p++ = digits64[s[0] >> 2];
		*p++ = digits64[(s[0] & 3) << 4 | second >> 4];
		*p++ = in.n % 3 == 2 ? digits64[(second & 15) << 2] : '=';
		*p++ = '=';
	}
	buf_grew(out, len);
}

/* Value of a base64 digit, or a number above 63. */
static unsigned value64(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

int base64_decode(struct str in, struct buf *out)
{
	const unsigned char *s = (const unsigned char *)in.p;
	size_t i, pad = 0, len;
	unsigned char *p;

	if (in.n % 4)
		return E_SYNTAX;
	if (in.n && s[in.n - 1] == '=')
		pad = s[in.n - 2] == '=' ? 2 : 1;
	len = in.n / 4 * 3 - pad;
	p = (unsigned char *)buf_room(out, len);
	if (!p)
		return out->err;
	for (i = 0; i < in.n; i += 4, s += 4) {
		size_t gone = i + 4 == in.n ? pad : 0;
		unsigned a = value64(s[0]), b = value64(s[1]);
		unsigned c = gone < 2 ? value64(s[2]) : 0, d = gone < 1 ? value64(s[3]) : 0;

		if ((a | b | c | d) > 63)
			return E_SYNTAX;
		/* RFC 4648 3.5: the bits that are not used must be zero */
		if ((gone == 2 && (b & 15)) || (gone == 1 && (c & 3)))
			return E_SYNTAX;
		*p++ = (unsigned char)(a << 2 | b >> 4);
		if (gone < 2)
			*p++ = (unsigned char)(b << 4 | c >> 2);
		if (gone < 1)
			*p++ = (unsigned char)(c << 6 | d);
	}
	buf_grew(out, len);
	return 0;
}

void base64url_encode(struct str in, struct buf *out)
{
	size_t from = out->n, i;

	base64_encode(in, out);
	for (i = from; i < out->n; i++) {
		if (out->p[i] == '+')
			out->p[i] = '-';
		else if (out->p[i] == '/')
			out->p[i] = '_';
		else if (out->p[i] == '=') {
			buf_cut(out, i);
			return;
		}
	}
}

int base64url_decode(struct str in, struct buf *out)
{
	struct buf text;
	size_t i;
	int r;

	buf_init(&text, in.n + 4);
	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '+' || in.p[i] == '/') {
			buf_done(&text);
			return E_SYNTAX;
		}
		buf_c(&text, in.p[i] == '-' ? '+' : in.p[i] == '_' ? '/' : in.p[i]);
	}
	while (text.n % 4)
		buf_c(&text, '=');
	r = text.err ? text.err : base64_decode(buf_view(&text), out);
	buf_done(&text);
	return r;
}

void hex_encode(struct str in, struct buf *out)
{
	size_t len, i;
	char *p;

	if (!size_mul(in.n, 2, &len))
		die_oom(in.n);
	p = buf_room(out, len);
	if (!p)
		return;
	for (i = 0; i < in.n; i++) {
		*p++ = hex_lower[(unsigned char)in.p[i] >> 4];
		*p++ = hex_lower[(unsigned char)in.p[i] & 15];
	}
	buf_grew(out, len);
}

/* Value of a hex digit or -1; lower case only where `lower`. */
static int hex_value(char c, bool lower)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (lower && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int hex_pair(const char *p, bool lower)
{
	int hi = hex_value(p[0], lower), lo = hex_value(p[1], lower);

	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

int hex_decode(struct str in, struct buf *out)
{
	char *p;
	size_t i;

	if (in.n % 2)
		return E_SYNTAX;
	p = buf_room(out, in.n / 2);
	if (!p)
		return out->err;
	for (i = 0; i < in.n; i += 2) {
		int v = hex_pair(in.p + i, true);

		if (v < 0)
			return E_SYNTAX;
		p[i / 2] = (char)v;
	}
	buf_grew(out, in.n / 2);
	return 0;
}

/* Must c be written as an escape? xtext has one more: "=". */
static bool escaped(unsigned char c, char escape)
{
	return c < 0x21 || c > 0x7e || c == (unsigned char)escape || (escape == '+' && c == '=');
}

static void escape_encode(struct str in, char escape, struct buf *out)
{
	size_t i, from = 0;

	for (i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		char hex[3] = { escape, hex_upper[c >> 4], hex_upper[c & 15] };

		if (!escaped(c, escape))
			continue;
		buf_add(out, in.p + from, i - from);
		buf_add(out, hex, sizeof hex);
		from = i + 1;
	}
	if (in.n)
		buf_add(out, in.p + from, in.n - from);
}

static int escape_decode(struct str in, char escape, bool lower, struct buf *out)
{
	size_t i, n = 0;
	char *p;

	if (out->err)
		return out->err;
	/* measured first: an input may be three times as long as its meaning */
	for (i = 0; i < in.n; i++, n++)
		if (in.p[i] == escape)
			i += 2;
	p = buf_room(out, n);
	if (!p)
		return out->err;
	for (i = 0; i < in.n; i++) {
		int v = (unsigned char)in.p[i];

		if (in.p[i] == escape) {
			v = in.n - i < 3 ? -1 : hex_pair(in.p + i + 1, lower);
			i += 2;
		} else if (escaped((unsigned char)v, escape)) {
			v = -1;
		}
		if (v < 0)
			return E_SYNTAX;
		*p++ = (char)v;
	}
	buf_grew(out, n);
	return 0;
}

void percent_encode(struct str in, struct buf *out)
{
	escape_encode(in, '%', out);
}

int percent_decode(struct str in, struct buf *out)
{
	return escape_decode(in, '%', true, out);
}

/* xtext = *( xchar / hexchar ); hexchar = "+" and two UPPER CASE hex digits */
void xtext_encode(struct str in, struct buf *out)
{
	escape_encode(in, '+', out);
}

int xtext_decode(struct str in, struct buf *out)
{
	return escape_decode(in, '+', false, out);
}
