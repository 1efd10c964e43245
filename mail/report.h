/* SPDX-License-Identifier: ISC
 *
 * report.h: delivery status notifications (RFC 3464 in the multipart/report of
 * RFC 6522; internationalised RFC 6533), as a pure function: facts in, a whole
 * message out, with CRLF. It goes to the sender of a message that was not
 * delivered, is late, or arrived and that was asked for.
 *
 *   multipart/report
 *     text/plain                    for people: what happened, to whom, what to do
 *     message/delivery-status       for programs
 *     message/rfc822                the message, or text/rfc822-headers: its header
 *
 * Whatever stands in the facts, each leaves as one line where one line belongs (C02).
 */
#ifndef MANSIO_MAIL_REPORT_H
#define MANSIO_MAIL_REPORT_H

#include "base/arena.h"
#include "base/buf.h"

enum report_action { /* RFC 3464 2.3.3; in the order of their weight */
	REPORT_FAILED,
	REPORT_DELAYED,
	REPORT_EXPANDED, /* to the addresses behind it */
	REPORT_RELAYED, /* to a server that will tell no more */
	REPORT_DELIVERED,
};

/* Whose word ended it. A server's stands in `code`, `reply` and `remote`, which the others have not. */
enum report_by {
	REPORT_BY_SERVER,
	REPORT_BY_LIST, /* this server sends nothing to the address: `reply` says why and how long */
	REPORT_BY_ADMIN, /* the administrator of this server */
};

struct report_rcpt {
	enum report_action action;
	struct str address; /* printed */
	struct str orcpt; /* ORCPT= as given ("rfc822;xtext"), empty: none */
	/* The reply that decided, empty: the reason is our own and stands in `reply` with code 0. */
	int code;
	struct str status, reply; /* status empty: x.0.0 */
	enum report_by by; /* REPORT_FAILED */
	struct str remote; /* the server that said it, empty: this one */
	int64_t last_attempt; /* 0: none */
	int64_t retry_until; /* REPORT_DELAYED: then we give up; 0: not known */
};

struct report {
	struct str hostname; /* Reporting-MTA */
	struct str postmaster; /* From: (RFC 3461 6.1), empty: postmaster at hostname */
	struct str id; /* of the report: Message-ID and boundary; letters and digits */
	int64_t time; /* Date: */
	struct str sender; /* of the message: To: of the report */
	/* A notice about a forward goes to the alias's postmaster instead (who is `sender` then); empty: a report. */
	struct str alias, origin; /* the address that sent it on, and the message's sender */
	struct str message_id; /* of the suite (m=), for Final-Log-ID */
	struct str envid; /* ENVID= as given (xtext), empty: none */
	int64_t arrival;
	struct str future; /* Future-Release-Request: as asked for, empty: not (RFC 4865 5.1) */
	bool smtputf8; /* the message was sent with SMTPUTF8 */
	struct str content; /* the message, or at least all of its header */
	bool whole; /* it is all, and goes along; else the header only */
	const struct report_rcpt *rcpt;
	size_t nrcpt; /* at least one */
};

/* What the envelope of the report must say. */
struct report_needs {
	bool body8, smtputf8;
};

void report_print(const struct report *r, struct buf *out, struct report_needs *needs_out);

/* report_text.c: the part for people, printable ASCII and UTF-8, lines of at most 998 bytes. */
void report_text(const struct report *r, struct buf *out);
/* The gravest action of all: what the report is about. */
enum report_action report_about(const struct report *r);
/* One line of anything: controls become "?", without `utf8` also what is not ASCII. */
void report_line(struct str s, bool utf8, struct buf *out);

#endif
