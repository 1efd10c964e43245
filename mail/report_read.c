/* SPDX-License-Identifier: ISC
 *
 * report_read.c: see report_read.h.
 */
#include "mail/report_read.h"

struct str report_line_of(struct str body, struct arena *a)
{
	struct str s = header_unfold(body, a);
	bool utf8;
	size_t i;
	char *p;

	s = str_sub(s, 0, REPORT_TEXT_MAX);
	while (s.n > 0 && !str_is_utf8(s) && ((unsigned char)s.p[s.n - 1] & 0x80))
		s.n--; /* cut inside of a character */
	utf8 = str_is_utf8(s);
	p = arena_alloc(a, s.n + 1);
	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		p[i] = c == '\t' ? ' ' : c < 32 || c == 127 || (c > 127 && !utf8) ? '?' : (char)c;
	}
	return str_make(p, s.n);
}

struct str report_address_of(struct str body, struct arena *a)
{
	struct str s = str_trim(report_line_of(body, a));

	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = str_sub(s, 1, s.n - 1);
	return s;
}

struct str report_part(struct str message, const struct mime_part *p, struct arena *a)
{
	struct str body = str_sub(message, p->body_at, p->body_at + MIN(p->body_size, (size_t)REPORT_FIELDS_MAX));
	struct buf out;

	if (str_eqc(p->encoding, "7bit") || str_eqc(p->encoding, "8bit"))
		return body;
	buf_init(&out, REPORT_FIELDS_MAX + 4096);
	mime_decode(body, p->encoding, &out);
	body = arena_str(a, buf_view(&out));
	buf_done(&out);
	return body;
}

bool mime_part_is(const struct mime_part *p, const char *type, const char *subtype)
{
	return str_eqc(p->type, type) && str_eqc(p->subtype, subtype);
}
