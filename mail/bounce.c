/* SPDX-License-Identifier: ISC
 *
 * bounce.c: see bounce.h. RFC 3462: multipart/report, report-type=delivery-status; one of its parts is
 * message/delivery-status (RFC 3464 2): groups of fields, the first about the message, each other about a recipient.
 */
#include "mail/bounce.h"

#include "mail/report_read.h"

#define PARTS 20
#define GROUPS 1000

/* "rfc822;anna@example.org", "smtp; 550 no" without the type. */
static struct str typed(struct str body, struct arena *a)
{
	struct str s = report_line_of(body, a);
	ssize_t at = str_find(s, ';');

	return str_trim(at >= 0 ? str_from(s, (size_t)at + 1) : s);
}

/* status-code = ("2" / "4" / "5") "." 1*3DIGIT "." 1*3DIGIT, a comment may follow */
static struct str status_of(struct str body, struct arena *a)
{
	struct str s = str_trim(report_line_of(body, a)), code = str_cut(&s, ' '), rest = code, part;
	uint64_t n;
	int i;

	for (i = 0; i < 3; i++) {
		part = str_cut(&rest, '.');
		if (part.n < 1 || part.n > 3 || str_u64(part, 999, &n) < 0)
			return STR("");
	}
	return rest.p ? STR("") : code;
}

/* Fields of one group. True: it is a recipient who was given up. */
static bool read_group(struct str group, struct arena *a, struct bounce *out)
{
	struct header_walk w = { .message = group };
	struct header_field f;
	bool failed = false;

	while (header_walk(&w, &f)) {
		if (str_ieqc(f.name, "Action"))
			failed = str_ieqc(str_trim(report_line_of(f.body, a)), "failed");
		else if (str_ieqc(f.name, "Original-Recipient") || (str_ieqc(f.name, "Final-Recipient") && !out->recipient.n))
			out->recipient = typed(f.body, a);
		else if (str_ieqc(f.name, "Status"))
			out->status = status_of(f.body, a);
		else if (str_ieqc(f.name, "Diagnostic-Code"))
			out->diagnostic = typed(f.body, a);
		else if (str_ieqc(f.name, "Remote-MTA"))
			out->remote = typed(f.body, a);
		else if (str_ieqc(f.name, "Reporting-MTA"))
			out->reporter = typed(f.body, a);
	}
	return failed;
}

/* The next group, without the empty line behind it. */
static struct str group_of(struct str *text)
{
	struct str all, line;

	while (str_starts(*text, "\r\n") || str_starts(*text, "\n"))
		(void)str_cut(text, '\n');
	all = *text;
	while (text->n > 0) {
		line = str_cut(text, '\n');
		if (line.n == 0 || str_eqc(line, "\r"))
			return str_sub(all, 0, (size_t)(line.p - all.p));
	}
	return all;
}

static bool read_status(struct str text, struct arena *a, struct bounce *out)
{
	struct bounce about = { .recipient = STR("") }, one;
	int i;

	(void)read_group(group_of(&text), a, &about);
	for (i = 0; i < GROUPS && text.n > 0; i++) {
		one = (struct bounce){ .reporter = about.reporter };
		if (read_group(group_of(&text), a, &one)) {
			*out = one;
			return true;
		}
	}
	return false;
}

int bounce_parse(struct str message, struct arena *a, struct bounce *out)
{
	static const struct mime_limits limits = { .depth = 4, .parts = PARTS, .params = 16,
		.header = { .fields = 500, .field_bytes = 16384, .bytes = REPORT_FIELDS_MAX } };
	struct mime mime;
	size_t i;

	mime_parse(message, &limits, a, &mime);
	if (mime.n == 0 || !mime_part_is(&mime.part[0], "multipart", "report") ||
	    !str_ieqc(mime_param(&mime.part[0], "report-type"), "delivery-status"))
		return 0;
	for (i = 1; i < mime.n; i++)
		if (mime.part[i].parent == 0 && (mime_part_is(&mime.part[i], "message", "delivery-status") ||
		    mime_part_is(&mime.part[i], "message", "global-delivery-status")))
			return read_status(report_part(message, &mime.part[i], a), a, out) ? 1 : 0;
	return 0;
}
