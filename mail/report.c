/* SPDX-License-Identifier: ISC
 *
 * report.c: builds a delivery status notification (see report.h).
 *
 * The report must get through everywhere: what has characters beyond ASCII is
 * encoded to 7 bits (RFC 6533 4.5), but for a message that came as 8-bit MIME
 * without SMTPUTF8, which may not be encoded (RFC 2046 5.2.1). Auto-Submitted
 * (RFC 3834 5) and the null sender keep other programs from answering it.
 */
#include "mail/report.h"

#include "base/codec.h"
#include "base/cur.h"
#include "mail/date.h"
#include "mail/header.h"

#define HEADER_MAX 65536 /* of a returned header */
#define SUBJECT_MAX 200
#define FOLD 76

/* --- encodings --------------------------------------------------------------------- */

/* Quoted-printable of lines that end in LF or CRLF (RFC 2045 6.7); ends with a CRLF. */
static void quoted(struct str text, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";

	while (text.n) {
		struct str line = str_cut(&text, '\n');
		size_t i, column = 0;

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		for (i = 0; i < line.n; i++) {
			unsigned char c = (unsigned char)line.p[i];
			bool blank = (c == ' ' || c == '\t') && i + 1 < line.n;
			bool plain = blank || (c > 0x20 && c < 0x7f && c != '=');

			if (column + (plain ? 1 : 3) > FOLD - 1) {
				buf_puts(out, "=\r\n");
				column = 0;
			}
			if (plain)
				buf_c(out, (char)c);
			else
				buf_fmt(out, "=%c%c", hex[c >> 4], hex[c & 15]);
			column += plain ? 1 : 3;
		}
		buf_puts(out, "\r\n");
	}
}

/* Plain text as it is, other text quoted; with its fields. */
static void text_part(struct str text, const char *type, struct buf *out)
{
	bool ascii = str_is_ascii(text);

	buf_fmt(out, "Content-Type: %s\r\n", type);
	if (!ascii)
		buf_puts(out, "Content-Transfer-Encoding: quoted-printable\r\n");
	buf_puts(out, "\r\n");
	if (!ascii) {
		quoted(text, out);
		return;
	}
	while (text.n) {
		struct str line = str_cut(&text, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		buf_str(out, line);
		buf_puts(out, "\r\n");
	}
}

static void base64_lines(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i += 57) {
		base64_encode(str_sub(s, i, i + 57), out);
		buf_puts(out, "\r\n");
	}
}

/* "Name: value", folded at blanks, each long word on a line of its own. */
static void field(const char *name, struct str value, struct buf *out)
{
	size_t column = strlen(name) + 1;

	buf_fmt(out, "%s:", name);
	while (value.n) {
		struct str word = str_cut(&value, ' ');

		if (!word.n)
			continue;
		if (column + 1 + word.n > FOLD && column > strlen(name) + 1) {
			buf_puts(out, "\r\n");
			column = 0;
		}
		buf_c(out, ' ');
		buf_str(out, word);
		column += 1 + word.n;
	}
	buf_puts(out, "\r\n");
}

static void date_field(const char *name, int64_t time, struct buf *out)
{
	buf_fmt(out, "%s: ", name);
	date_print(time, 0, out);
	buf_puts(out, "\r\n");
}

/* --- message/delivery-status (RFC 3464 2) -------------------------------------------- */

/* utf-8-addr-xtext, utf-8-addr-unitext -> utf-8-address (RFC 6533 3): "\x{C4}" is a code point. */
static void unitext(struct str s, struct buf *out)
{
	struct cur c = cur_of(s);

	while (!cur_end(&c)) {
		struct cur was = c;
		uint32_t code = 0;
		int i, b = 0;

		if (!cur_word(&c, "\\x{")) {
			buf_c(out, (char)cur_next(&c));
			continue;
		}
		for (i = 0; i < 7; i++) {
			b = ascii_lower((char)cur_next(&c));
			if (b >= '0' && b <= '9')
				code = code << 4 | (uint32_t)(b - '0');
			else if (b >= 'a' && b <= 'f')
				code = code << 4 | (uint32_t)(b - 'a' + 10);
			else
				break;
		}
		if (b != '}' || !i || code < 0x20 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
			c = was;
			buf_c(out, (char)cur_next(&c));
		} else if (code < 0x80) {
			buf_c(out, (char)code);
		} else if (code < 0x800) {
			buf_fmt(out, "%c%c", (int)(0xc0 | code >> 6), (int)(0x80 | (code & 63)));
		} else if (code < 0x10000) {
			buf_fmt(out, "%c%c%c", (int)(0xe0 | code >> 12), (int)(0x80 | (code >> 6 & 63)),
				(int)(0x80 | (code & 63)));
		} else {
			buf_fmt(out, "%c%c%c%c", (int)(0xf0 | code >> 18), (int)(0x80 | (code >> 12 & 63)),
				(int)(0x80 | (code >> 6 & 63)), (int)(0x80 | (code & 63)));
		}
	}
}

/* ORCPT= "type;xtext" as "type; address". */
static void original(struct str orcpt, struct buf *out)
{
	struct str rest = orcpt, type = str_cut(&rest, ';');
	struct buf text;

	if (!rest.n)
		return;
	buf_init(&text, orcpt.n + 1);
	if (str_ieqc(type, "utf-8"))
		unitext(rest, &text);
	else if (xtext_decode(rest, &text))
		buf_str(&text, rest);
	buf_puts(out, "Original-Recipient: ");
	report_line(type, false, out);
	buf_c(out, ';');
	report_line(buf_view(&text), true, out);
	buf_puts(out, "\r\n");
	buf_done(&text);
}

static struct str status_of(const struct report_rcpt *c)
{
	static const char *const none[] = { "5.0.0", "4.0.0", "2.0.0", "2.0.0", "2.0.0" };

	return c->status.n ? c->status : str_of(none[c->action]);
}

static void diagnostic(const struct report_rcpt *c, struct buf *out)
{
	struct buf text;

	if (!c->reply.n)
		return;
	buf_init(&text, c->reply.n + 64);
	if (c->code)
		buf_fmt(&text, "smtp; %d ", c->code);
	else
		buf_puts(&text, "x-mansio; "); /* our own reason, no reply (RFC 3464 2.1.2) */
	if (c->code && c->status.n) {
		report_line(str_sub(c->status, 0, 12), false, &text);
		buf_c(&text, ' ');
	}
	report_line(str_sub(c->reply, 0, 900), false, &text);
	field("Diagnostic-Code", buf_view(&text), out);
	buf_done(&text);
}

static void recipient(const struct report *r, const struct report_rcpt *c, struct buf *out)
{
	static const char *const action[] = { "failed", "delayed", "expanded", "relayed", "delivered" };

	buf_puts(out, "\r\n");
	original(c->orcpt, out);
	buf_fmt(out, "Final-Recipient: %s;", str_is_ascii(c->address) ? "rfc822" : "utf-8");
	report_line(c->address, true, out);
	buf_fmt(out, "\r\nAction: %s\r\nStatus: ", action[c->action]);
	report_line(status_of(c), false, out);
	buf_puts(out, "\r\n");
	if (c->remote.n) {
		buf_puts(out, "Remote-MTA: dns;");
		report_line(c->remote, false, out);
		buf_puts(out, "\r\n");
	}
	diagnostic(c, out);
	if (c->last_attempt)
		date_field("Last-Attempt-Date", c->last_attempt, out);
	if (r->message_id.n) {
		buf_puts(out, "Final-Log-ID: ");
		report_line(r->message_id, false, out);
		buf_puts(out, "\r\n");
	}
	if (c->action == REPORT_DELAYED && c->retry_until)
		date_field("Will-Retry-Until", c->retry_until, out);
}

static void status_fields(const struct report *r, struct buf *out)
{
	struct buf envid;
	size_t i;

	if (r->envid.n) {
		buf_init(&envid, r->envid.n + 1);
		if (xtext_decode(r->envid, &envid))
			buf_str(&envid, r->envid);
		buf_puts(out, "Original-Envelope-Id: ");
		report_line(buf_view(&envid), false, out);
		buf_puts(out, "\r\n");
		buf_done(&envid);
	}
	buf_puts(out, "Reporting-MTA: dns;");
	report_line(r->hostname, false, out);
	buf_puts(out, "\r\n");
	date_field("Arrival-Date", r->arrival, out);
	if (r->future.n) { /* RFC 4865 5.1 */
		buf_puts(out, "Future-Release-Request: ");
		report_line(r->future, false, out);
		buf_puts(out, "\r\n");
	}
	for (i = 0; i < r->nrcpt; i++)
		recipient(r, &r->rcpt[i], out);
}

/* --- what is returned ------------------------------------------------------------------ */

/* Whole fields, as many as fit. */
static struct str header_of(struct str content)
{
	struct header_walk w = { .message = content };
	struct header_field f;
	size_t n = 0;

	while (header_walk(&w, &f)) {
		size_t end = (size_t)(f.raw.p - content.p) + f.raw.n;

		if (end > HEADER_MAX)
			break;
		n = end;
	}
	return str_sub(content, 0, n);
}

static void returned(const struct report *r, struct buf *out)
{
	struct str header = header_of(r->content);
	bool global = r->smtputf8 && str_is_utf8(header) && !str_is_ascii(header);

	if (!r->whole) {
		text_part(header, global ? "message/global-headers" : "text/rfc822-headers", out);
		return;
	}
	buf_fmt(out, "Content-Type: message/%s\r\n", global ? "global" : "rfc822");
	if (global) {
		buf_puts(out, "Content-Transfer-Encoding: base64\r\n\r\n");
		base64_lines(r->content, out);
		return;
	}
	if (!str_is_ascii(r->content))
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\n");
	buf_str(out, r->content);
	if (!str_ends(r->content, "\r\n"))
		buf_puts(out, "\r\n");
}

/* --- the header of the report ------------------------------------------------------------ */

static bool id_plain(struct str id)
{
	size_t i;

	for (i = 0; i < id.n; i++)
		if (id.p[i] <= 0x20 || id.p[i] >= 0x7f)
			return false;
	return id.n > 2 && id.n < 250;
}

/* So that mail programs show the report beside its message (RFC 3834 3.1.3). */
static void reference(struct str content, struct arena *a, struct buf *out)
{
	struct header_walk w = { .message = content };
	struct header_field f;
	struct str *id;

	while (header_walk(&w, &f) && w.at <= HEADER_MAX) {
		if (!str_ieqc(f.name, "Message-ID"))
			continue;
		if (header_message_ids(f.body, a, 1, &id) == 1 && id_plain(id[0]))
			buf_fmt(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", STRF(id[0]), STRF(id[0]));
		return;
	}
}

/* Encoded words pass as they are: they are ASCII, and no cut goes through one. */
static void subject(const struct report *r, struct arena *a, struct buf *out)
{
	static const char *const about[] = { "Not delivered", "Delayed", "Delivered", "Delivered", "Delivered" };
	struct header_walk w = { .message = r->content };
	struct header_field f;
	struct str text = STR_NONE;

	while (!text.n && header_walk(&w, &f) && w.at <= HEADER_MAX)
		if (str_ieqc(f.name, "Subject"))
			text = header_unfold(f.body, a);
	if (text.n > SUBJECT_MAX) {
		ssize_t blank = str_rfind(str_sub(text, 0, SUBJECT_MAX), ' ');

		text.n = blank > 0 ? (size_t)blank : 0;
	}
	if (!text.n || !str_is_ascii(text) || str_has_ctl(text))
		field("Subject", str_of(about[report_about(r)]), out);
	else
		field("Subject", str_of(arena_fmt(a, "%s: %.*s", about[report_about(r)], STRF(text))), out);
}

static void head(const struct report *r, const char *boundary, bool body8, struct arena *a, struct buf *out)
{
	buf_puts(out, "From: Mail delivery <");
	if (r->postmaster.n)
		report_line(r->postmaster, true, out);
	else
		buf_fmt(out, "postmaster@%.*s", STRF(r->hostname));
	buf_puts(out, ">\r\nTo: <");
	report_line(r->sender, true, out);
	buf_puts(out, ">\r\n");
	subject(r, a, out);
	date_field("Date", r->time, out);
	buf_fmt(out, "Message-ID: <%.*s@%.*s>\r\n", STRF(r->id), STRF(r->hostname));
	reference(r->content, a, out);
	buf_puts(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_fmt(out, "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"%s\"\r\n", boundary);
	if (body8)
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\nThis is a delivery report in MIME format.\r\n");
}

/* One that does not stand in what is returned. */
static const char *choose_boundary(const struct report *r, struct arena *a)
{
	const char *b = arena_fmt(a, "=_report_%.*s", STRF(r->id));

	while (str_search(r->content, str_of(b)) >= 0)
		b = arena_fmt(a, "%s_", b);
	return b;
}

static void separate(const char *boundary, struct buf *out)
{
	buf_fmt(out, "\r\n--%s\r\n", boundary);
}

void report_print(const struct report *r, struct buf *out, struct report_needs *needs_out)
{
	const char *boundary, *status_type = "message/delivery-status";
	struct buf part, text;
	struct arena a;
	size_t from;

	BUG_ON(!r->nrcpt);
	arena_init(&a);
	buf_init(&part, out->max);
	buf_init(&text, out->max);
	boundary = choose_boundary(r, &a);
	returned(r, &part);
	head(r, boundary, !str_is_ascii(buf_view(&part)), &a, out);
	separate(boundary, out);
	report_text(r, &text);
	text_part(buf_view(&text), "text/plain; charset=utf-8", out);
	separate(boundary, out);
	buf_reset(&text);
	status_fields(r, &text);
	if (!str_is_ascii(buf_view(&text)))
		status_type = "message/global-delivery-status"; /* RFC 6533 4.1 */
	text_part(buf_view(&text), status_type, out);
	separate(boundary, out);
	from = out->n;
	buf_str(out, buf_view(&part));
	buf_fmt(out, "\r\n--%s--\r\n", boundary);
	if (part.err || text.err)
		out->err = part.err ? part.err : text.err;
	if (!out->err)
		*needs_out = (struct report_needs){
			.body8 = !str_is_ascii(str_from(buf_view(out), from)),
			.smtputf8 = !str_is_ascii(r->sender) || !str_is_ascii(r->postmaster),
		};
	buf_done(&part);
	buf_done(&text);
	arena_done(&a);
}
