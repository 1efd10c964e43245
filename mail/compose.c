/* SPDX-License-Identifier: ISC
 *
 * compose.c: see compose.h. The tree, with what is not needed left out:
 *
 *   mixed -- alternative -- text
 *     |          `-- related -- html
 *     |                `-- parts with a cid
 *     `-- the other parts
 *
 * A boundary begins with "=_", which neither quoted-printable nor base64 can hold.
 */
#include "mail/compose.h"

#include "base/codec.h"
#include "mail/charset.h"

#define LINE 76
#define WORD_MAX 900 /* RFC 5322 2.1.1: 998 bytes a line */
#define NAME_MAX_BYTES 500
#define VALUE_MAX 16000

static int say(struct buf *why, const char *what, struct str name, const char *text)
{
	buf_fmt(why, "%s%.*s: %s", what, STRF(str_sub(name, 0, 60)), text);
	return E_SYNTAX;
}

/* --- header fields ------------------------------------------------------------------ */

static bool is_token(struct str s, const char *more)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (!c || !strchr(more, c)))
			return false;
	}
	return s.n > 0;
}

/* "a long text" in lines; what is not ASCII in encoded words (RFC 2047). */
static int text_add(struct buf *out, size_t column, struct str s)
{
	struct str word;
	bool first = true;

	if (!str_is_ascii(s) || str_search(s, STR("=?")) >= 0) {
		if (column + 45 > LINE && column > 1)
			buf_puts(out, "\r\n ");
		encoded_words_encode(s, out);
		return 0;
	}
	while (s.n > 0) {
		word = str_cut(&s, ' ');
		if (word.n > WORD_MAX)
			return E_LIMIT;
		if (!first && word.n > 0 && column + 1 + word.n > LINE) {
			buf_puts(out, "\r\n ");
			column = 1;
		} else if (!first) {
			buf_c(out, ' ');
			column++;
		}
		buf_str(out, word);
		column += word.n;
		first = false;
	}
	return 0;
}

static int text_field(struct buf *out, const char *name, struct str value, struct buf *why)
{
	struct str v = str_trim(value);

	if (str_has_ctl(v) || !str_is_utf8(v))
		return say(why, name, STR(""), "may hold no line breaks and control characters");
	if (v.n > VALUE_MAX)
		return say(why, name, STR(""), "is too long");
	buf_fmt(out, "%s: ", name);
	if (text_add(out, strlen(name) + 2, v) < 0)
		return say(why, name, STR(""), "has a word that is too long");
	buf_puts(out, "\r\n");
	return 0;
}

static void quoted(struct buf *out, struct str s)
{
	size_t i;

	buf_c(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_c(out, '\\');
		buf_c(out, s.p[i]);
	}
	buf_c(out, '"');
}

static int mailbox(struct buf *out, const struct compose_address *a, struct buf *why)
{
	struct str name = str_trim(a->name);

	if (str_has_ctl(name) || !str_is_utf8(name) || name.n > NAME_MAX_BYTES)
		return say(why, "the name of ", a->address, "may hold no control characters, and 500 bytes at most");
	if (name.n == 0) {
		buf_str(out, a->address);
		return 0;
	}
	if (!str_is_ascii(name) || str_search(name, STR("=?")) >= 0)
		encoded_words_encode(name, out);
	else if (is_token(name, "!#$%&'*+-/=?^_`{|}~ "))
		buf_str(out, name);
	else
		quoted(out, name);
	buf_fmt(out, "\r\n <%.*s>", STRF(a->address));
	return 0;
}

static int address_field(struct buf *out, const char *name, const struct compose_address *a, size_t n,
	bool *utf8_out, struct buf *why)
{
	size_t i;
	int r = 0;

	if (n == 0)
		return 0;
	buf_fmt(out, "%s: ", name);
	for (i = 0; i < n && r == 0; i++) {
		if (i)
			buf_puts(out, ",\r\n ");
		r = mailbox(out, &a[i], why);
		*utf8_out |= !str_is_ascii(a[i].address);
	}
	buf_puts(out, "\r\n");
	return r;
}

/* Fields that say what the message is, where it was and who vouches for it are not for the
 * program that sends it. */
static bool is_ours(struct str name)
{
	static const char *const ours[] = { "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "mime-version",
		"received", "return-path", "dkim-signature", "delivered-to", "authentication-results" };
	static const char *const begin[] = { "content-", "resent-", "arc-", "received-" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(ours); i++)
		if (str_ieqc(name, ours[i]))
			return true;
	for (i = 0; i < ARRAY_LEN(begin); i++)
		if (str_istarts(name, begin[i]))
			return true;
	return false;
}

static int fields(const struct compose *c, struct buf *out, struct buf *why)
{
	char name[80];
	size_t i;
	int r = 0;

	for (i = 0; i < c->nfield && r == 0; i++) {
		const struct compose_field *f = &c->field[i];

		if (!is_token(f->name, "-_") || f->name.n > 70)
			return say(why, "headers: ", f->name, "is no name of a header field");
		if (is_ours(f->name))
			return say(why, "headers: ", f->name, "cannot be given here");
		snprintf(name, sizeof(name), "%.*s", STRF(f->name));
		r = text_field(out, name, f->value, why);
	}
	return r;
}

/* --- content --------------------------------------------------------------------------- */

static void base64_lines(struct buf *out, struct str b64)
{
	size_t i;

	for (i = 0; i < b64.n; i += LINE) {
		buf_str(out, str_sub(b64, i, i + LINE));
		buf_puts(out, "\r\n");
	}
}

/* Every kind of line end becomes one that is. */
static void crlf(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\r' && s.p[i] != '\n') {
			buf_c(out, s.p[i]);
			continue;
		}
		if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
			i++;
		buf_puts(out, "\r\n");
	}
	if (s.n > 0 && s.p[s.n - 1] != '\n' && s.p[s.n - 1] != '\r')
		buf_puts(out, "\r\n");
}

/* RFC 2045 6.7; s has CRLF alone, and ends with it. */
static void quoted_printable(struct str s, struct buf *out)
{
	size_t i, column = 0;

	for (i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		bool end = i + 1 < s.n && s.p[i + 1] == '\r', plain;

		if (ch == '\r') {
			buf_puts(out, "\r\n");
			column = 0;
			i++;
			continue;
		}
		plain = (ch > 32 && ch < 127 && ch != '=') || ((ch == ' ' || ch == '\t') && !end);
		/* a lone dot and "From " are misread by some that come after us */
		if (column == 0 && (ch == '.' || ch == 'F'))
			plain = false;
		if (column + (plain ? 1 : 3) > LINE - 1) {
			buf_puts(out, "=\r\n");
			column = 0;
		}
		if (plain)
			buf_c(out, (char)ch);
		else
			buf_fmt(out, "=%02X", ch);
		column += plain ? 1 : 3;
	}
}

static void text_part(struct buf *out, const char *subtype, struct str text)
{
	struct buf lines, coded;
	size_t i, eight = 0;

	buf_init(&lines, out->max);
	crlf(text, &lines);
	for (i = 0; i < lines.n; i++)
		eight += (unsigned char)lines.p[i] > 127;
	buf_fmt(out, "Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", subtype,
		eight > lines.n / 3 ? "base64" : "quoted-printable");
	if (eight > lines.n / 3) {
		buf_init(&coded, out->max);
		base64_encode(buf_view(&lines), &coded);
		base64_lines(out, buf_view(&coded));
		buf_done(&coded);
	} else {
		quoted_printable(buf_view(&lines), out);
	}
	if (lines.err)
		out->err = lines.err;
	buf_done(&lines);
}

/* filename="plain" or filename*0*=utf-8''... (RFC 2231 3, 4). */
static void filename(struct buf *out, struct str name)
{
	struct buf coded;
	struct str rest;
	size_t i, n;

	if (is_token(name, "!#$&+-.^_`{}~ ") && name.n <= 60) {
		buf_fmt(out, ";\r\n filename=\"%.*s\"", STRF(name));
		return;
	}
	buf_init(&coded, 3 * name.n + 1);
	for (i = 0; i < name.n; i++)
		if (is_token(str_sub(name, i, i + 1), "-._~"))
			buf_c(&coded, name.p[i]);
		else
			buf_fmt(&coded, "%%%02X", (unsigned char)name.p[i]);
	rest = buf_view(&coded);
	if (rest.n <= 50) {
		buf_fmt(out, ";\r\n filename*=utf-8''%.*s", STRF(rest));
		rest.n = 0;
	}
	for (i = 0; rest.n > 0; i++) {
		n = MIN(rest.n, (size_t)50);
		while (n < rest.n && n > 2 && (rest.p[n - 1] == '%' || rest.p[n - 2] == '%'))
			n--; /* never inside of %XX */
		buf_fmt(out, ";\r\n filename*%zu*=%s%.*s", i, i ? "" : "utf-8''", STRF(str_sub(rest, 0, n)));
		rest = str_from(rest, n);
	}
	buf_done(&coded);
}

static int part_check(const struct compose_part *p, struct buf *why)
{
	struct str sub = p->type, top = str_cut(&sub, '/');

	if (!is_token(top, "-") || !is_token(sub, "-.+_") || p->type.n > 120)
		return say(why, "attachments: ", p->type, "is no media type");
	/* RFC 2046 5.1.1, 5.2.1: these may not be base64 */
	if (str_ieqc(top, "multipart") || str_ieqc(top, "message"))
		return say(why, "attachments: ", p->type, "cannot be attached: take application/octet-stream");
	if (str_has_ctl(p->filename) || !str_is_utf8(p->filename) || p->filename.n > 255)
		return say(why, "attachments: ", STR("filename"), "may hold no control characters, and 255 bytes at most");
	if (p->cid.n > 0 && (!is_token(p->cid, "-._@+") || p->cid.n > 200))
		return say(why, "attachments: ", STR("cid"), "letters, digits and - . _ @ + alone");
	return 0;
}

static int part_print(struct buf *out, const struct compose_part *p, struct buf *why)
{
	int r = part_check(p, why);

	if (r < 0)
		return r;
	buf_fmt(out, "Content-Type: %.*s\r\nContent-Transfer-Encoding: base64\r\n", STRF(p->type));
	if (p->cid.n > 0)
		buf_fmt(out, "Content-ID: <%.*s>\r\n", STRF(p->cid));
	buf_fmt(out, "Content-Disposition: %s", p->cid.n > 0 ? "inline" : "attachment");
	if (p->filename.n > 0)
		filename(out, p->filename);
	buf_puts(out, "\r\n\r\n");
	base64_lines(out, p->base64);
	return 0;
}

/* --- the tree ----------------------------------------------------------------------------- */

static void begin(struct buf *out, const struct compose *c, const char *kind)
{
	buf_fmt(out, "Content-Type: multipart/%s;\r\n boundary=\"=_%s-%s\"\r\n", kind, kind, c->boundary);
}

static void next(struct buf *out, const struct compose *c, const char *kind, bool last)
{
	buf_fmt(out, "\r\n--=_%s-%s%s\r\n", kind, c->boundary, last ? "--" : "");
}

static int parts(struct buf *out, const struct compose *c, const char *kind, bool with_cid, struct buf *why)
{
	size_t i;
	int r = 0;

	for (i = 0; i < c->npart && r == 0; i++) {
		if ((c->part[i].cid.n > 0) != with_cid)
			continue;
		next(out, c, kind, false);
		r = part_print(out, &c->part[i], why);
	}
	next(out, c, kind, true);
	return r;
}

static size_t count(const struct compose *c, bool with_cid)
{
	size_t i, n = 0;

	for (i = 0; i < c->npart; i++)
		n += (c->part[i].cid.n > 0) == with_cid;
	return n;
}

static int html(const struct compose *c, struct buf *out, struct buf *why)
{
	if (count(c, true) == 0) {
		text_part(out, "html", c->html);
		return 0;
	}
	begin(out, c, "related");
	next(out, c, "related", false);
	text_part(out, "html", c->html);
	return parts(out, c, "related", true, why);
}

static int body(const struct compose *c, struct buf *out, struct buf *why)
{
	int r;

	if (!c->html.p) {
		text_part(out, "plain", c->text);
		return 0;
	}
	if (!c->text.p)
		return html(c, out, why);
	begin(out, c, "alternative");
	next(out, c, "alternative", false);
	text_part(out, "plain", c->text);
	next(out, c, "alternative", false);
	r = html(c, out, why);
	next(out, c, "alternative", true);
	return r;
}

int compose_print(const struct compose *c, struct buf *out, bool *utf8_out, struct buf *why)
{
	bool utf8 = false;
	int r = address_field(out, "From", &c->from, 1, &utf8, why);

	if (r == 0)
		r = address_field(out, "To", c->to, c->nto, &utf8, why);
	if (r == 0)
		r = address_field(out, "Cc", c->cc, c->ncc, &utf8, why);
	if (r == 0)
		r = address_field(out, "Reply-To", c->reply_to, c->nreply_to, &utf8, why);
	if (r == 0 && c->subject.p)
		r = text_field(out, "Subject", c->subject, why);
	if (r == 0)
		r = fields(c, out, why);
	if (r == 0 && count(c, true) > 0 && !c->html.p)
		r = say(why, "attachments: ", STR("cid"), "is for parts of an html text, and there is none");
	buf_puts(out, "MIME-Version: 1.0\r\n");
	if (r == 0 && count(c, false) > 0) {
		begin(out, c, "mixed");
		next(out, c, "mixed", false);
		r = body(c, out, why);
		if (r == 0)
			r = parts(out, c, "mixed", false, why);
	} else if (r == 0) {
		r = body(c, out, why);
	}
	if (r == 0 && out->err) {
		buf_puts(why, "the message is too large");
		r = E_LIMIT;
	}
	if (r == 0)
		*utf8_out = utf8;
	return r;
}
