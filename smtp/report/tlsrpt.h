/* SPDX-License-Identifier: ISC
 *
 * tlsrpt.h: reports about TLS between mail servers (RFC 8460) as values: the record that asks for them, the report as JSON,
 * and the message that carries one. Pure and bounded: records and reports are written by strangers.
 *
 *   record.c   _smtp._tls.DOMAIN: where reports go (3)
 *   print.c    a report as JSON (4.4), packed (5.2)
 *   parse.c    unpacked, and read: nothing is believed, unknown members are passed over
 *   letter.c   the message around it (5.3), its file name (5.1); and found again in one
 *   signed.c   whether a message that brings one is signed by who sends it (3)
 */
#ifndef MANSIO_SMTP_REPORT_TLSRPT_H
#define MANSIO_SMTP_REPORT_TLSRPT_H

#include "base/arena.h"
#include "base/buf.h"

#define TLSRPT_URIS 10 /* of one record that are looked at */
#define TLSRPT_DEPTH 16 /* of the JSON; a report has six */
#define TLSRPT_VALUES 50000 /* in the JSON */
#define TLSRPT_POLICIES 200
#define TLSRPT_FAILURES 5000 /* of all policies together */
#define TLSRPT_LINES 64 /* of a policy's text, of its host patterns */
#define TLSRPT_TEXT 512 /* bytes of one string, the rest is cut */

struct tlsrpt_failure {
	struct str result; /* "certificate-expired" (4.3) */
	struct str local; /* address of the sending server */
	struct str mx, helo, ip; /* of the receiving one */
	struct str reason; /* failure-reason-code, or what else was said about it */
	uint64_t n; /* sessions */
};

struct tlsrpt_policy {
	struct str type; /* "tlsa", "sts", "no-policy-found" */
	struct str domain; /* lower case */
	struct str text, mx; /* lines, joined by \n */
	uint64_t ok, failed;
	struct tlsrpt_failure *failure;
	size_t nfailures;
};

struct tlsrpt {
	struct str organisation, contact, id;
	int64_t start, end; /* Unix time, both inside */
	struct tlsrpt_policy *policy;
	size_t npolicies;
};

/* One TXT record of _smtp._tls.DOMAIN: 1 and the URIs (views; https: and mailto: only), 0: something else, E_SYNTAX. */
int tlsrpt_record_parse(struct str txt, struct str uri_out[TLSRPT_URIS], size_t *n_out);
/* The address of a mailto: URI, decoded (RFC 6068 2). E_SYNTAX: none, or one that no mail may go to. */
int tlsrpt_mailto(struct str uri, struct arena *a, struct str *out);
/* The host of an https: URI, and its port (0: not said). E_SYNTAX: a name or password in it, no host name. */
int tlsrpt_https(struct str uri, struct str *host_out, uint16_t *port_out);

/* E_LIMIT: out is full. Strings that are no UTF-8 lose what is wrong. */
int tlsrpt_print(const struct tlsrpt *r, struct buf *out);
int tlsrpt_pack(struct str text, struct buf *out); /* gzip */

/* What came: unpacked if it is gzip, else as it is; out's maximum holds whatever the packed one says (E_LIMIT). E_SYNTAX. */
int tlsrpt_unpack(struct str data, struct buf *out);
/* E_SYNTAX, E_LIMIT; *why_out (static): what is wrong. Strings are one line each, printable, in the arena. */
int tlsrpt_parse(struct str json, struct arena *a, struct tlsrpt *out, const char **why_out);

struct tlsrpt_letter {
	struct str from, to, host; /* host: whose Message-ID it is */
	struct str boundary; /* random letters and digits */
	int64_t now;
	const struct tlsrpt *report; /* its policies may be left out */
	struct str domain; /* whom it is about */
	struct str packed;
};
void tlsrpt_letter_print(const struct tlsrpt_letter *l, struct buf *out);
/* "example.com!example.net!1470009600!1470095999!7.json.gz" */
void tlsrpt_filename(const struct tlsrpt *r, struct str domain, struct buf *out);
/* Says its header that a message brings such a report? */
bool tlsrpt_is_letter(struct str message);
/* The report's bytes, decoded, as they are packed. E_NOTFOUND, E_LIMIT (above out's maximum). */
int tlsrpt_letter_find(struct str message, struct buf *out);

/* Is the message signed (DKIM) for the domain, one above or one beneath it, all of its body and by a key that holds for that?
 * link: to resolverd. 0, or E_DENIED with why_out; E_TEMP: the DNS does not say now. */
int tlsrpt_signed(struct str message, struct str domain, int link, int64_t wait, const char **why_out);

/* The domain behind the @, lower case. */
struct str tlsrpt_domain_of(struct str address, struct arena *a);
/* "2026-11-22" */
void tlsrpt_day(int64_t t, char out[11]);

#endif
