/* SPDX-License-Identifier: ISC
 *
 * received.c: the Received field (see received.h).
 *
 *   Time-stamp-line = "Received:" FWS Stamp CRLF
 *   Stamp    = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
 *   Opt-info = [Via] [With] [ID] [For] [Additional-Registered-Clauses]
 *
 * TLS facts stand in a comment behind the protocol, as everybody writes them.
 */
#include "mail/received.h"

#include "mail/date.h"

const char *received_protocol(const struct received *r)
{
	static const char *const smtp[] = { "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA" };
	static const char *const utf8[] = { "UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA" };
	static const char *const lmtp[] = { "LMTP", "LMTPA", "LMTPS", "LMTPSA" };
	static const char *const utf8lmtp[] = { "UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA" };
	unsigned i = (r->auth ? 1 : 0) + (r->tls_version.n ? 2 : 0);

	if (r->lmtp)
		return r->utf8 ? utf8lmtp[i] : lmtp[i];
	if (r->utf8)
		return utf8[i];
	if (!r->esmtp && !i)
		return "SMTP";
	return smtp[i];
}

/* Printable only, nothing that opens or closes a comment. */
static void word(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		buf_c(out, c <= 0x20 || c == 0x7f || c == '(' || c == ')' || c == '\\' ? '?' : (char)c);
	}
}

/* An address in brackets; a quoted local part may hold spaces and parentheses. */
static void path(struct str s, struct buf *out)
{
	size_t i;

	buf_c(out, '<');
	for (i = 0; i < s.n; i++)
		buf_c(out, (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
	buf_c(out, '>');
}

void received_print(const struct received *r, struct buf *out)
{
	buf_puts(out, "Received: from ");
	if (r->helo.n)
		word(r->helo, out);
	else if (r->peer.n)
		buf_fmt(out, "[%.*s]", STRF(r->peer));
	else
		buf_puts(out, "localhost");
	if (r->helo.n && r->peer.n)
		buf_fmt(out, " ([%.*s])", STRF(r->peer));
	buf_puts(out, "\r\n\tby ");
	word(r->by, out);
	buf_fmt(out, " with %s", received_protocol(r));
	if (r->tls_version.n) {
		buf_puts(out, "\r\n\t(");
		word(r->tls_version, out);
		buf_puts(out, " with cipher ");
		word(r->tls_cipher, out);
		if (r->tls_bits)
			buf_fmt(out, ", %u bits", r->tls_bits);
		if (r->client_cert.n) {
			buf_puts(out, ",\r\n\tclient certificate sha256:");
			word(r->client_cert, out);
		}
		buf_puts(out, ")");
	}
	buf_puts(out, "\r\n\tid ");
	word(r->id, out);
	if (r->for_address.n) {
		buf_puts(out, " for ");
		path(r->for_address, out);
	}
	if (r->has_priority)
		buf_fmt(out, "\r\n\tPRIORITY %d", r->priority);
	buf_puts(out, ";\r\n\t");
	date_print(r->time, 0, out);
	buf_puts(out, "\r\n");
}
