/* SPDX-License-Identifier: ISC
 *
 * convert.c: 8-bit text for servers that take 7-bit text only (see convert.h).
 *
 * The MIME tree (mail/mime.h, depth and number of parts bounded, nothing recursive) lists the parts
 * in the order of the message. So one pass writes it anew: what lies between parts (delimiters,
 * preambles) as it is, the header of each part with another Content-Transfer-Encoding if it needs
 * one, its body encoded or as it is.
 *
 * By the book (RFC 2045 6.4, RFC 6152 3):
 *   - a leaf gets quoted-printable, or base64 if it is no text or mostly 8-bit;
 *   - containers (multipart, message/rfc822) are never encoded, they are relabelled "7bit";
 *   - a multipart/signed is not touched (RFC 1847 2.1): with 8-bit text in it the message
 *     cannot go; nor can one with 8-bit characters in a header (that is SMTPUTF8), in a message/... that
 *     must be 7-bit, or behind a label that says it is encoded already;
 *   - the text of a message without MIME is declared (RFC 1428).
 *
 * No line of an encoded body begins with "--": no new delimiter can come to be.
 */
#include "smtp/send/convert.h"

#include "base/codec.h"
#include "mail/mime.h"

#define QP_LINE 75 /* and "=" behind it */
#define BASE64_LINE 57 /* bytes that make 76 characters */

enum treat { KEEP, LABEL, QP, BASE64 };

struct conv {
	struct str m;
	struct mime mime;
	const char *why;
	struct buf *out;
};

static bool refuse(struct conv *v, const char *why)
{
	v->why = why;
	return false;
}

static size_t count8(struct str s)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		n += (unsigned char)s.p[i] >> 7;
	return n;
}

static struct str header_of(const struct conv *v, const struct mime_part *p)
{
	return str_sub(v->m, p->header_at, p->header_at + p->header_size);
}

static struct str body_of(const struct conv *v, const struct mime_part *p)
{
	return str_sub(v->m, p->body_at, p->body_at + p->body_size);
}

static bool is_identity(const struct mime_part *p)
{
	return str_eqc(p->encoding, "7bit") || str_eqc(p->encoding, "8bit") || str_eqc(p->encoding, "binary");
}

/* --- what to do with a part ------------------------------------------------------- */

static bool decide_body(struct conv *v, const struct mime_part *p, enum treat *out)
{
	struct str body = body_of(v, p);
	size_t eight = count8(body);

	if (!eight) {
		*out = is_identity(p) && !str_eqc(p->encoding, "7bit") ? LABEL : KEEP;
		return true;
	}
	if (p->multipart || str_eqc(p->type, "message"))
		return refuse(v, "a part that must be 7-bit text is not");
	if (!is_identity(p))
		return refuse(v, "a part is not in the encoding that it names");
	*out = str_eqc(p->type, "text") && eight <= body.n / 4 && !memchr(body.p, 0, body.n) ? QP : BASE64;
	return true;
}

static bool decide(struct conv *v, const struct mime_part *p, bool frozen, enum treat *out)
{
	if (count8(header_of(v, p)))
		return refuse(v, "its header has 8-bit characters");
	if (frozen) {
		*out = KEEP;
		return p->first_child >= 0 || !count8(body_of(v, p)) || refuse(v, "it is signed");
	}
	if (p->first_child < 0)
		return decide_body(v, p, out);
	*out = is_identity(p) && !str_eqc(p->encoding, "7bit") ? LABEL : KEEP;
	return true;
}

/* --- headers, and what lies between parts ------------------------------------------- */

static void put_field(struct buf *out, struct str raw)
{
	buf_str(out, raw);
	if (raw.n && raw.p[raw.n - 1] != '\n')
		buf_puts(out, "\r\n");
}

/* The fields that a part needs which is encoded now. */
static void put_declarations(const struct conv *v, const struct mime_part *p, bool version, bool type)
{
	bool top = p->parent < 0 || v->mime.part[p->parent].message;

	if (top && !version)
		buf_puts(v->out, "MIME-Version: 1.0\r\n");
	if (!type)
		buf_fmt(v->out, "Content-Type: text/plain; charset=%s\r\n",
			str_is_utf8(body_of(v, p)) ? "utf-8" : "unknown-8bit");
}

static void put_header(struct conv *v, const struct mime_part *p, enum treat t)
{
	static const char *const label[] = { [LABEL] = "7bit", [QP] = "quoted-printable", [BASE64] = "base64" };
	struct str header = header_of(v, p);
	struct header_walk w = { .message = header };
	bool version = false, type = false;
	struct header_field f;
	size_t at = 0;

	if (t == KEEP) {
		buf_str(v->out, header);
		return;
	}
	while (header_walk(&w, &f)) {
		at = (size_t)(f.raw.p - header.p) + f.raw.n;
		version |= str_ieqc(f.name, "MIME-Version");
		type |= str_ieqc(f.name, "Content-Type");
		if (!str_ieqc(f.name, "Content-Transfer-Encoding"))
			put_field(v->out, f.raw);
	}
	if (t != LABEL)
		put_declarations(v, p, version, type);
	buf_fmt(v->out, "Content-Transfer-Encoding: %s\r\n", label[t]);
	buf_str(v->out, str_from(header, at)); /* the empty line */
}

/* Delimiters and the text around them, which nobody reads (RFC 2046 5.1.1): "?" there for each 8-bit
 * character. */
static bool put_between(struct conv *v, size_t from, size_t to)
{
	struct str rest = str_sub(v->m, from, to);
	size_t i;

	while (rest.n) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		struct str line = str_sub(rest, 0, lf ? (size_t)(lf - rest.p) + 1 : rest.n);

		rest = str_from(rest, line.n);
		if (!count8(line)) {
			buf_str(v->out, line);
			continue;
		}
		if (str_starts(line, "--"))
			return refuse(v, "a delimiter of its parts has 8-bit characters");
		for (i = 0; i < line.n; i++)
			buf_c(v->out, (unsigned char)line.p[i] & 0x80 ? '?' : line.p[i]);
	}
	return true;
}

/* --- bodies ---------------------------------------------------------------------------- */

static bool is_end(struct str s, size_t i)
{
	return i >= s.n || s.p[i] == '\r' || s.p[i] == '\n';
}

/* RFC 2045 6.7; and no line begins with "-" or "From ". */
static bool is_literal(struct str s, size_t i, size_t column)
{
	char b = s.p[i];

	if (b == ' ' || b == '\t')
		return !is_end(s, i + 1);
	if (b < ' ' || b > '~' || b == '=')
		return false;
	return column || (b != '-' && !str_starts(str_from(s, i), "From "));
}

static void put_qp(struct str s, struct buf *out)
{
	size_t i = 0, column = 0;

	while (i < s.n) {
		bool literal = is_literal(s, i, column);

		if (is_end(s, i)) {
			i += s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : 1;
			buf_puts(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + (literal ? 1 : 3) > QP_LINE) {
			buf_puts(out, "=\r\n");
			column = 0;
			continue;
		}
		if (literal)
			buf_c(out, s.p[i]);
		else
			buf_fmt(out, "=%02X", (unsigned char)s.p[i]);
		column += literal ? 1 : 3;
		i++;
	}
}

static void put_base64(struct str s, bool last, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i += BASE64_LINE) {
		if (i)
			buf_puts(out, "\r\n");
		base64_encode(str_sub(s, i, MIN(i + BASE64_LINE, s.n)), out);
	}
	if (last)
		buf_puts(out, "\r\n");
}

static void put_body(struct conv *v, const struct mime_part *p, enum treat t)
{
	struct str body = body_of(v, p);

	if (t == QP)
		put_qp(body, v->out);
	else if (t == BASE64)
		put_base64(body, p->body_at + p->body_size == v->m.n, v->out);
	else
		buf_str(v->out, body);
}

/* --- all of it --------------------------------------------------------------------------- */

/* Is it inside of a multipart/signed? Parents come before their parts. */
static void find_frozen(const struct mime *m, bool *frozen)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		int up = m->part[i].parent;

		frozen[i] = up >= 0 && (frozen[up] ||
			(str_eqc(m->part[up].type, "multipart") && str_eqc(m->part[up].subtype, "signed")));
	}
}

static bool convert(struct conv *v, const bool *frozen)
{
	size_t i, at = 0;

	if (v->mime.cut)
		return refuse(v, "it has too many parts");
	for (i = 0; i < v->mime.n && !v->out->err; i++) {
		const struct mime_part *p = &v->mime.part[i];
		enum treat t = KEEP;

		if (!decide(v, p, frozen[i], &t) || !put_between(v, at, p->header_at))
			return false;
		put_header(v, p, t);
		at = p->body_at;
		if (p->first_child >= 0)
			continue;
		put_body(v, p, t);
		at += p->body_size;
	}
	return put_between(v, at, v->m.n);
}

int convert_7bit(struct str message, struct buf *out, const char **why_out)
{
	struct conv v = { .m = message, .out = out };
	struct arena a;
	bool *frozen, good;

	arena_init(&a);
	mime_parse(message, NULL, &a, &v.mime);
	frozen = arena_array(&a, v.mime.n, sizeof *frozen);
	find_frozen(&v.mime, frozen);
	good = convert(&v, frozen);
	arena_done(&a);
	if (out->err)
		return out->err;
	if (!good)
		*why_out = v.why;
	return good ? 0 : E_UNSUPPORTED;
}
