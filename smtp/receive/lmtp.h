/* SPDX-License-Identifier: ISC
 *
 * lmtp.h: the client side of the straight path: an LMTP connection to a child
 * of lmtpd for one transaction (RFC 2033, docs/PROCESSES.md). It opens with the
 * first recipient, so that lmtpd's refusals reach the client at RCPT. Where a
 * message has got all its replies, the connection is kept as the room's spare
 * and serves the next transaction, of whichever session.
 *
 *   CLOSED --lmtp_rcpt--> OPEN --lmtp_send--> SENT --lmtp_result × n--> (lmtp_close) CLOSED
 *                          any failure: BROKEN, everything after it has no answer
 *   A link to lmtpd that is dead leaves it CLOSED: the caller may try another.
 */
#ifndef MANSIO_SMTP_RECEIVE_LMTP_H
#define MANSIO_SMTP_RECEIVE_LMTP_H

#include "mail/dsn.h"
#include "net/stream.h"

/* A connection between two transactions. */
struct lmtp_spare {
	bool there;
	struct stream io;
	deadline until; /* from then on an idle smtpd lets it go */
};

struct lmtp {
	enum { LMTP_CLOSED, LMTP_OPEN, LMTP_SENT, LMTP_BROKEN } state;
	bool connected; /* io is there */
	struct stream io;
	int err; /* why it is BROKEN, or could not be opened */
	size_t accepted; /* recipients */
	size_t replied; /* of them, behind the message */
	struct lmtp_spare *spare; /* NULL: it is closed in the end */
	int64_t keep_ms;
};

struct lmtp_envelope {
	const char *hostname, *id; /* id: XID= */
	struct str session, sender; /* sender empty: null */
	struct str user; /* who is logged in; empty: nobody */
	struct str envid; /* empty: none */
	const char *ret; /* "FULL", "HDRS"; NULL: none */
	uint64_t size; /* 0: unknown */
	bool body8, smtputf8, requiretls;
	int priority;
	struct str peer, helo; /* who brought it, empty: nobody known */
	struct lmtp_spare *spare; /* is taken, and put back by lmtp_close; may be NULL */
	int64_t keep_ms;
};

struct lmtp_rcpt {
	struct str address;
	uint32_t number; /* XN= */
	uint32_t notify; /* bits of envelope_notify */
	struct str orcpt;
};

/* Opens over the link to lmtpd if needed and asks for the recipient. 0: it is taken; 1: `why` is
 * lmtpd's refusal; -1: no answer (in that time). */
int lmtp_rcpt(struct lmtp *l, int link, const struct lmtp_envelope *e, const struct lmtp_rcpt *r,
	int64_t timeout_ms, struct dsn *why);
/* Sends the message, head and body one behind the other. 0 or -1. */
int lmtp_send(struct lmtp *l, struct str head, struct str body, int64_t timeout_ms);
/* The reply for the next accepted recipient; call it `accepted` times. 0, or -1: no answer. */
int lmtp_result(struct lmtp *l, deadline d, struct dsn *why);
void lmtp_close(struct lmtp *l);
void lmtp_spare_close(struct lmtp_spare *spare);

#endif
