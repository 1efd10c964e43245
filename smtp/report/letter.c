/* SPDX-License-Identifier: ISC
 *
 * letter.c: the message that carries a report (RFC 8460 5.1, 5.3), printed, and the report found in one (see tlsrpt.h).
 */
#include "smtp/report/tlsrpt.h"

#include "base/codec.h"
#include "mail/date.h"
#include "mail/mime.h"

#define LINE 76

void tlsrpt_filename(const struct tlsrpt *r, struct str domain, struct buf *out)
{
	struct arena a;
	struct str id = r->id;
	size_t i;

	arena_init(&a);
	buf_fmt(out, "%.*s!%.*s!%lld!%lld!", STRF(tlsrpt_domain_of(r->contact, &a)), STRF(domain), (long long)r->start, (long long)r->end);
	id = str_cut(&id, '@');
	for (i = 0; i < id.n; i++) /* unique-id = 1*(ALPHA / DIGIT) */
		if ((id.p[i] >= '0' && id.p[i] <= '9') || (ascii_lower(id.p[i]) >= 'a' && ascii_lower(id.p[i]) <= 'z'))
			buf_c(out, id.p[i]);
	buf_puts(out, ".json.gz");
	arena_done(&a);
}

static void attach(struct str packed, struct buf *out)
{
	struct buf b;
	size_t i;

	buf_init(&b, packed.n * 2 + 8);
	base64_encode(packed, &b);
	for (i = 0; i < b.n; i += LINE) {
		buf_str(out, str_sub(buf_view(&b), i, i + LINE));
		buf_puts(out, "\r\n");
	}
	buf_done(&b);
}

static void head(const struct tlsrpt_letter *l, struct str submitter, struct buf *out)
{
	const struct tlsrpt *r = l->report;

	buf_puts(out, "Date: ");
	date_print(l->now, 0, out);
	buf_fmt(out, "\r\nMessage-ID: <%.*s.tlsrpt@%.*s>\r\nFrom: %.*s\r\nTo: %.*s\r\n", STRF(l->boundary), STRF(l->host), STRF(l->from), STRF(l->to));
	buf_fmt(out, "Subject: Report Domain: %.*s\r\n Submitter: %.*s\r\n Report-ID: <%.*s>\r\n", STRF(l->domain), STRF(submitter), STRF(r->id));
	buf_fmt(out, "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n", STRF(l->domain), STRF(submitter));
	/* it is about broken TLS, so broken TLS must not keep it (RFC 8460 3; RFC 8689 5); and nobody answers it (RFC 3834 5) */
	buf_puts(out, "TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
	buf_fmt(out, "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"%.*s\"\r\n\r\n", STRF(l->boundary));
}

void tlsrpt_letter_print(const struct tlsrpt_letter *l, struct buf *out)
{
	struct str submitter;
	struct buf name;
	struct arena a;

	arena_init(&a);
	buf_init(&name, 2048);
	submitter = tlsrpt_domain_of(l->report->contact, &a);
	tlsrpt_filename(l->report, l->domain, &name);
	head(l, submitter, out);
	buf_fmt(out, "--%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", STRF(l->boundary));
	buf_fmt(out, "This is an aggregate report of %.*s about TLS with the mail\r\nservers of %.*s (RFC 8460).\r\n\r\n", STRF(submitter), STRF(l->domain));
	buf_fmt(out, "--%.*s\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n", STRF(l->boundary));
	buf_fmt(out, "Content-Disposition: attachment;\r\n filename=\"%.*s\"\r\n\r\n", STRF(buf_view(&name)));
	attach(l->packed, out);
	buf_fmt(out, "--%.*s--\r\n", STRF(l->boundary));
	buf_done(&name);
	arena_done(&a);
}

/* --- the other way --------------------------------------------------------------------------------- */

bool tlsrpt_is_letter(struct str message)
{
	struct header_walk w = { .message = message };
	struct header_field f;
	bool named = false, type = false;

	while (header_walk(&w, &f)) {
		named |= str_ieqc(f.name, "TLS-Report-Domain");
		if (str_ieqc(f.name, "Content-Type"))
			type |= str_search(f.body, STR("tlsrpt")) >= 0;
	}
	return named || type;
}

static bool is_report(const struct mime_part *p)
{
	return str_eqc(p->type, "application") && (str_eqc(p->subtype, "tlsrpt+gzip") || str_eqc(p->subtype, "tlsrpt+json"));
}

int tlsrpt_letter_find(struct str message, struct buf *out)
{
	const struct mime_limits limits = { .depth = 5, .parts = 20, .params = 20, .header = mime_default_limits.header };
	struct mime m;
	struct arena a;
	size_t i;
	int r = E_NOTFOUND;

	arena_init(&a);
	mime_parse(message, &limits, &a, &m);
	for (i = 0; i < m.n && r; i++) {
		const struct mime_part *p = &m.part[i];

		if (p->multipart || !is_report(p))
			continue;
		mime_decode(str_sub(message, p->body_at, p->body_at + p->body_size), p->encoding, out);
		r = out->err;
	}
	arena_done(&a);
	return r;
}
