/* SPDX-License-Identifier: ISC
 *
 * mime_decode.c: transfer encodings (RFC 2045 6.7, 6.8), read leniently: what
 * base64 does not know is skipped, an '=' that is no escape stands for itself.
 * Results are cut at out->max (E_LIMIT sticks), never refused.
 */
#include "mail/mime.h"

#define CHUNK 4096

/* Bytes on their way to the buffer: what does not fit is cut, not refused. */
struct sink {
	struct buf *out;
	size_t n;
	char chunk[CHUNK];
};

static void sink_flush(struct sink *s)
{
	size_t fits = MIN(s->n, s->out->max - s->out->n);

	buf_add(s->out, s->chunk, fits);
	if (fits < s->n)
		buf_add(s->out, s->chunk + fits, s->n - fits);
	s->n = 0;
}

static void sink_c(struct sink *s, char c)
{
	if (s->n == CHUNK)
		sink_flush(s);
	s->chunk[s->n++] = c;
}

/* 0..63, or 64: '=', 65: skip */
static unsigned base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 64 : 65;
}

/* Padding ends a group and not the text: some programs join encoded pieces. */
static void decode_base64(struct str s, struct sink *to)
{
	uint32_t bits = 0;
	unsigned n = 0, v;
	size_t i;

	for (i = 0; i < s.n && !to->out->err; i++) {
		v = base64_value((unsigned char)s.p[i]);
		if (v == 65)
			continue;
		if (v == 64) {
			n = 0;
			continue;
		}
		bits = (bits << 6 | v) & 0xffffff;
		n++;
		if (n > 1)
			sink_c(to, (char)(bits >> (n == 2 ? 4 : n == 3 ? 2 : 0)));
		n &= 3;
	}
}

static int hex_value(char c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One line without its end; true if it ends in a soft break. */
static bool decode_qp_line(struct str line, struct sink *to)
{
	size_t i;

	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--;
	for (i = 0; i < line.n; i++) {
		int hi = -1, lo = -1;

		if (line.p[i] != '=') {
			sink_c(to, line.p[i]);
			continue;
		}
		if (i + 1 == line.n)
			return true;
		if (i + 2 < line.n) {
			hi = hex_value(line.p[i + 1]);
			lo = hex_value(line.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			sink_c(to, (char)(hi << 4 | lo));
			i += 2;
		} else {
			sink_c(to, '=');
		}
	}
	return false;
}

static void decode_qp(struct str s, struct sink *to)
{
	while (s.n && !to->out->err) {
		const char *nl = memchr(s.p, '\n', s.n);
		struct str line = { s.p, nl ? (size_t)(nl - s.p) : s.n };
		bool cr = nl && line.n && line.p[line.n - 1] == '\r';

		s = str_from(s, line.n + (nl != NULL));
		if (cr)
			line.n--;
		if (decode_qp_line(line, to) || !nl)
			continue;
		if (cr)
			sink_c(to, '\r');
		sink_c(to, '\n');
	}
}

void mime_decode(struct str body, struct str encoding, struct buf *out)
{
	struct sink to = { .out = out };
	size_t fits;

	if (str_ieqc(encoding, "base64")) {
		decode_base64(body, &to);
		sink_flush(&to);
	} else if (str_ieqc(encoding, "quoted-printable")) {
		decode_qp(body, &to);
		sink_flush(&to);
	} else {
		fits = MIN(body.n, out->max - out->n);
		buf_add(out, body.p, fits);
		if (fits < body.n)
			buf_add(out, body.p + fits, body.n - fits);
	}
}
