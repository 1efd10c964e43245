/* SPDX-License-Identifier: ISC
 *
 * envelope.h: what stands at the head of a message file in the spool, before
 * the content: everything that the queue must know of it, so that a lost
 * queue.db can be built anew from the files alone (docs/QUEUE.md).
 *
 *   mansio-envelope 1 0000000512 1a2b3c4d\n    length of the whole head in bytes, CRC-32C of what follows
 *   name=value\n ...                           percent-encoded values (base/codec.h)
 *   rcpt=address notify=... ...\n              one line a recipient: values percent-encoded, separated by blanks
 *   \n                                         then the content, with CRLF, as it is delivered
 *
 * Fields: id time size sender confirmed sender-local user session envid ret body8
 * smtputf8 report requiretls release future priority peer helo forward hold from alias verp; of a recipient: number local notify orcpt code status reply.
 * Written once, before the file has a name; never changed. Fields that a
 * reader does not know are ignored (a newer program wrote them).
 */
#ifndef MANSIO_MAIL_ENVELOPE_H
#define MANSIO_MAIL_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"

#define ENVELOPE_HEAD_MAX (4 * 1024 * 1024) /* 1,000 recipients of 2 KiB each fit twice */
#define ENVELOPE_ID_MAX 32 /* letters and digits */
#define ENVELOPE_PRIORITY_MAX 9 /* and -9 is the lowest (RFC 6710 4.1) */

enum envelope_notify { /* NOTIFY= of RFC 3461 4.1, bits; 0: not said (failure and delay) */
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8,
};

struct envelope_rcpt {
	struct str address; /* printed */
	uint32_t number; /* of the recipient in its message: the delivery id is <id>r<number> */
	bool local; /* to a mailbox here (LMTP); else to the outside */
	uint32_t notify; /* bits of envelope_notify */
	struct str orcpt; /* as given, "rfc822;xtext", empty: none (RFC 3461 4.2) */
	/* Refused for good before the queue had it (mixed results): to be reported at
	 * once, never tried. 0: to be delivered. */
	int code;
	struct str status, reply;
};

struct envelope {
	struct str id; /* message id of the suite: m= in every event, also the file's name */
	int64_t time; /* accepted, Unix seconds */
	struct str sender; /* printed, empty: null, never bounced to */
	/* May a report go to the sender? Only if something confirms it: authenticated, one of ours. */
	bool confirmed, sender_local;
	struct str user; /* who was logged in, empty: nobody */
	struct str session; /* session id, for the log */
	struct str envid; /* ENVID= as given (xtext), empty: none (RFC 3461 4.4) */
	enum { RET_NONE, RET_FULL, RET_HDRS } ret; /* RFC 3461 4.3 */
	bool body8, smtputf8;
	bool report; /* a report of our own making */
	bool requiretls; /* only over verified TLS, or not at all (RFC 8689) */
	int64_t release; /* not sent before, Unix seconds (RFC 4865); 0: at once */
	struct str future; /* how that was asked for: "for;60", "until;2026-..." (RFC 4865 5.1) */
	int priority; /* RFC 6710: -ENVELOPE_PRIORITY_MAX to ENVELOPE_PRIORITY_MAX; 0: as all */
	struct str peer, helo; /* who brought it: address and name as given, empty: nobody known */
	bool forward; /* sent on by an address of ours: */
	struct str from, alias; /* the sender that it says, and that address; empty: `sender`, nobody's */
	struct str verp; /* delimiters: each recipient outside gets it from a sender of its own (mail/verp.h); empty: no */
	bool hold; /* kept until the admin releases it */
	uint64_t size; /* of the content in bytes */
	struct envelope_rcpt *rcpt; /* at least one, with rising numbers */
	size_t nrcpt;
};

/* May be a message id: 1 to ENVELOPE_ID_MAX letters and digits. */
bool envelope_id_ok(struct str id);

/* The head, appended to out (out->err sticky on a limit). */
void envelope_print(const struct envelope *e, struct buf *out);
/* From the first bytes of a file: the length of the whole head. 0, E_SYNTAX, E_UNSUPPORTED (a newer
 * version), E_LIMIT. 40 bytes are enough. */
int envelope_length(struct str begin, size_t *out);
/* The whole head. Strings are copied into the arena. 0, E_SYNTAX, E_DAMAGED (CRC), E_LIMIT. */
int envelope_parse(struct str head, struct arena *a, struct envelope *out);

#endif
