/* SPDX-License-Identifier: ISC
 *
 * arf.c: see arf.h. RFC 5965 2: multipart/report, report-type=feedback-report; its second part
 * is message/feedback-report (fields), its third the message (message/rfc822) or its header
 * (text/rfc822-headers). The parts are looked for by their types, among the first few.
 */
#include "mail/arf.h"

#include "mail/mime.h"

#define PARTS 20
#define FIELDS_MAX (64 * 1024) /* of the report, and of the header of the message */

/* A value as one harmless line. */
static struct str clean(struct str body, struct arena *a)
{
	struct str s = header_unfold(body, a);
	size_t i;
	char *p;

	s = str_sub(s, 0, ARF_TEXT);
	while (s.n > 0 && !str_is_utf8(s) && ((unsigned char)s.p[s.n - 1] & 0x80))
		s.n--; /* cut inside of a character */
	p = arena_alloc(a, s.n + 1);
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		p[i] = c < 32 || c == 127 || (c > 127 && !str_is_utf8(s)) ? '?' : (char)c;
	}
	return str_make(p, s.n);
}

static struct str address(struct str body, struct arena *a)
{
	struct str s = str_trim(clean(body, a));

	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = str_sub(s, 1, s.n - 1);
	return s;
}

static struct str first(struct str have, struct str value)
{
	return have.n > 0 ? have : value;
}

/* feedback-type = token */
static struct str type_of(struct str body, struct arena *a)
{
	struct str s = clean(body, a);
	char *p = arena_cstr(a, str_trim(s));
	size_t i;

	for (i = 0; p[i]; i++) {
		p[i] = ascii_lower(p[i]);
		if ((p[i] < 'a' || p[i] > 'z') && p[i] != '-')
			return STR("");
	}
	return i > 40 ? STR("") : str_of(p);
}

/* Fields of the second part. True: Version and User-Agent, which must be there, are. */
static bool read_report(struct str text, struct arena *a, struct arf *out)
{
	struct header_walk w = { .message = str_sub(text, 0, FIELDS_MAX) };
	struct header_field f;
	bool version = false;

	while (header_walk(&w, &f)) {
		if (str_ieqc(f.name, "Feedback-Type"))
			out->type = first(out->type, type_of(f.body, a));
		else if (str_ieqc(f.name, "User-Agent"))
			out->agent = first(out->agent, clean(f.body, a));
		else if (str_ieqc(f.name, "Version"))
			version = true;
		else if (str_ieqc(f.name, "Reporting-MTA"))
			out->reporter = first(out->reporter, clean(f.body, a));
		else if (str_ieqc(f.name, "Source-IP"))
			out->source = first(out->source, str_trim(clean(f.body, a)));
		else if (str_ieqc(f.name, "Original-Mail-From"))
			out->sender = first(out->sender, address(f.body, a));
		else if (str_ieqc(f.name, "Original-Rcpt-To"))
			out->recipient = first(out->recipient, address(f.body, a));
	}
	return version && out->agent.n > 0 && out->type.n > 0;
}

/* The message that it is about: its header. */
static void read_original(struct str text, struct arena *a, struct arf *out)
{
	struct header_walk w = { .message = str_sub(text, 0, FIELDS_MAX) };
	struct header_field f;

	while (header_walk(&w, &f)) {
		if (str_ieqc(f.name, "Message-ID"))
			out->message_id = first(out->message_id, str_trim(clean(f.body, a)));
		else if (str_ieqc(f.name, "Subject"))
			out->subject = first(out->subject, clean(f.body, a));
	}
}

static struct str content(struct str message, const struct mime_part *p, struct arena *a)
{
	struct str body = str_sub(message, p->body_at, p->body_at + MIN(p->body_size, (size_t)FIELDS_MAX));
	struct buf out;

	if (str_eqc(p->encoding, "7bit") || str_eqc(p->encoding, "8bit"))
		return body;
	buf_init(&out, FIELDS_MAX + 4096);
	mime_decode(body, p->encoding, &out);
	body = arena_str(a, buf_view(&out));
	buf_done(&out);
	return body;
}

static bool is(const struct mime_part *p, const char *type, const char *subtype)
{
	return str_eqc(p->type, type) && str_eqc(p->subtype, subtype);
}

int arf_parse(struct str message, struct arena *a, struct arf *out)
{
	static const struct mime_limits limits = { .depth = 4, .parts = PARTS, .params = 16,
		.header = { .fields = 500, .field_bytes = 16384, .bytes = FIELDS_MAX } };
	struct arf found = { .type = STR("") };
	bool good = false;
	struct mime mime;
	size_t i;

	mime_parse(message, &limits, a, &mime);
	if (mime.n == 0 || !is(&mime.part[0], "multipart", "report") ||
	    !str_ieqc(mime_param(&mime.part[0], "report-type"), "feedback-report"))
		return 0;
	for (i = 1; i < mime.n; i++) {
		const struct mime_part *p = &mime.part[i];

		if (p->parent != 0)
			continue;
		if (is(p, "message", "feedback-report"))
			good = read_report(content(message, p, a), a, &found) || good;
		else if (is(p, "message", "rfc822") || is(p, "text", "rfc822-headers"))
			read_original(content(message, p, a), a, &found);
	}
	if (!good)
		return E_SYNTAX;
	*out = found;
	return 1;
}
