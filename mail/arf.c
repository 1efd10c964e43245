/* SPDX-License-Identifier: ISC
 *
 * arf.c: see arf.h. RFC 5965 2: multipart/report, report-type=feedback-report; its second part
 * is message/feedback-report (fields), its third the message (message/rfc822) or its header
 * (text/rfc822-headers). The parts are looked for by their types, among the first few.
 */
#include "mail/arf.h"

#include "mail/envelope.h"
#include "mail/report_read.h"

#define PARTS 20
#define RECEIVED_MAX 1000 /* bytes of a Received field that are looked at */

static struct str first(struct str have, struct str value)
{
	return have.n > 0 ? have : value;
}

/* feedback-type = token */
static struct str type_of(struct str body, struct arena *a)
{
	struct str s = report_line_of(body, a);
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
	struct header_walk w = { .message = str_sub(text, 0, REPORT_FIELDS_MAX) };
	struct header_field f;
	bool version = false;

	while (header_walk(&w, &f)) {
		if (str_ieqc(f.name, "Feedback-Type"))
			out->type = first(out->type, type_of(f.body, a));
		else if (str_ieqc(f.name, "User-Agent"))
			out->agent = first(out->agent, report_line_of(f.body, a));
		else if (str_ieqc(f.name, "Version"))
			version = true;
		else if (str_ieqc(f.name, "Reporting-MTA"))
			out->reporter = first(out->reporter, report_line_of(f.body, a));
		else if (str_ieqc(f.name, "Source-IP"))
			out->source = first(out->source, str_trim(report_line_of(f.body, a)));
		else if (str_ieqc(f.name, "Original-Mail-From"))
			out->sender = first(out->sender, report_address_of(f.body, a));
		else if (str_ieqc(f.name, "Original-Rcpt-To"))
			out->recipient = first(out->recipient, report_address_of(f.body, a));
	}
	return version && out->agent.n > 0 && out->type.n > 0;
}

static struct str next_word(struct str *text)
{
	struct str word;
	size_t i, k;

	for (i = 0; i < text->n && (text->p[i] == ' ' || text->p[i] == '\t'); i++)
		;
	for (k = i; k < text->n && text->p[k] != ' ' && text->p[k] != '\t' && text->p[k] != ';'; k++)
		;
	word = str_sub(*text, i, k);
	*text = k < text->n && text->p[k] == ';' ? STR("") : str_from(*text, k);
	return word;
}

/* "by NAME ... id ID" of a Received field (RFC 5321 4.4). */
static void read_received(struct str body, struct arena *a, struct arf *out)
{
	struct str text = header_unfold(str_sub(body, 0, RECEIVED_MAX), a), word, by = STR(""), id = STR("");

	while (text.n > 0 && !id.n) {
		word = next_word(&text);
		if (str_ieqc(word, "by") && !by.n)
			by = next_word(&text);
		else if (str_ieqc(word, "id") && by.n)
			id = next_word(&text);
	}
	if (envelope_id_ok(id) && out->nreceived < ARF_RECEIVED) /* others may have other ids: they are not ours */
		out->received[out->nreceived++] = (struct arf_received){ report_line_of(by, a), id };
}

/* The message that it is about: its header. */
static void read_original(struct str text, struct arena *a, struct arf *out)
{
	struct header_walk w = { .message = str_sub(text, 0, REPORT_FIELDS_MAX) };
	struct header_field f;

	while (header_walk(&w, &f)) {
		if (str_ieqc(f.name, "Message-ID"))
			out->message_id = first(out->message_id, str_trim(report_line_of(f.body, a)));
		else if (str_ieqc(f.name, "Subject"))
			out->subject = first(out->subject, report_line_of(f.body, a));
		else if (str_ieqc(f.name, "Return-Path"))
			out->returned = first(out->returned, report_address_of(f.body, a));
		else if (str_ieqc(f.name, "Received"))
			read_received(f.body, a, out);
	}
}

int arf_parse(struct str message, struct arena *a, struct arf *out)
{
	static const struct mime_limits limits = { .depth = 4, .parts = PARTS, .params = 16,
		.header = { .fields = 500, .field_bytes = 16384, .bytes = REPORT_FIELDS_MAX } };
	struct arf found = { .type = STR("") };
	bool good = false;
	struct mime mime;
	size_t i;

	mime_parse(message, &limits, a, &mime);
	if (mime.n == 0 || !mime_part_is(&mime.part[0], "multipart", "report") ||
	    !str_ieqc(mime_param(&mime.part[0], "report-type"), "feedback-report"))
		return 0;
	for (i = 1; i < mime.n; i++) {
		const struct mime_part *p = &mime.part[i];

		if (p->parent != 0)
			continue;
		if (mime_part_is(p, "message", "feedback-report"))
			good = read_report(report_part(message, p, a), a, &found) || good;
		else if (mime_part_is(p, "message", "rfc822") || mime_part_is(p, "text", "rfc822-headers"))
			read_original(report_part(message, p, a), a, &found);
	}
	if (!good)
		return E_SYNTAX;
	*out = found;
	return 1;
}
