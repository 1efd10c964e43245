/* SPDX-License-Identifier: ISC
 *
 * job.h: one attempt with one message, as queued asks for it (docs/QUEUE.md), and what
 * became of each recipient.
 */
#ifndef MANSIO_SMTP_SEND_JOB_H
#define MANSIO_SMTP_SEND_JOB_H

#include <sys/queue.h>

#include "base/clock.h"
#include "mail/dsn.h"
#include "net/ipc.h"

enum rcpt_state {
	RCPT_OPEN, /* to be tried */
	RCPT_TRIED, /* in the present transaction, no answer yet */
	RCPT_TAKEN, /* RCPT was accepted, the message was not answered yet */
	RCPT_MORE, /* refused because there were too many: goes in the next transaction */
	RCPT_KNOWN, /* code, status and reply are the result */
	RCPT_TOLD, /* ... and queued has it */
};

struct job_rcpt {
	struct str address; /* printed */
	struct str said; /* how this server is told it; empty: as it is */
	uint32_t number;
	uint32_t notify; /* bits of mail/envelope.h */
	struct str orcpt; /* "rfc822;xtext" */
	enum rcpt_state state;
	int code;
	char status[12];
	struct str reply;
};

struct job {
	struct job *next;
	struct arena a;
	struct str id, message, sender, envid, session, user;
	struct str dest; /* domain in lower case, or literal, of all recipients; empty: not told */
	struct str hop; /* "HOST:PORT": goes there whatever DNS says */
	bool lmtp; /* else to the smarthost */
	bool utf8;
	bool fresh; /* what is known of its destination is forgotten */
	bool requiretls; /* RFC 8689: verified TLS to a server that passes this on, or a report */
	int priority; /* RFC 6710, -9 to 9 */
	bool report; /* of our own making */
	bool tls_optional; /* its header says "TLS-Required: No" (RFC 8689 3) */
	struct auth_test *test; /* of a test alone: what the rules make of it (way.c) */
	bool resign; /* its text was made 7-bit text after it was signed: goes to signd again */
	struct probe *probe; /* no message at all: probe.c looks where it would go */
	bool forward; /* sent on by an address of ours; who brought it: */
	struct str peer, helo, alias, origin; /* origin: the sender as it came */
	struct str found, chain; /* what signd found of a forward, as it came */
	bool confirmed; /* ... is who he says, as signd found */
	struct str prepend; /* header fields with CRLF that go before the message (its signature), in the arena */
	enum { JOB_RET_NONE, JOB_RET_FULL, JOB_RET_HDRS } ret;
	int fd; /* of the message, owned */
	uint64_t offset, size;
	struct job_rcpt *rcpt;
	size_t nrcpt;
	deadline until;
	struct str remote; /* who answered, empty: nobody, or our own lmtpd */
	struct str tried; /* which better servers were passed over, and why */
	struct str ip, tls; /* of the connection to it: "192.0.2.1", "none" or "TLSv1.3 ..." */
	bool dsn; /* the next server takes care of NOTIFY */
	bool begun; /* bytes of the message have left */
	struct str warm; /* "SOURCE PROVIDER DAY": counts for a new source address; p NULL: no */
	bool memory; /* nobody was asked: what was found out before still counts */
	bool patient; /* those with code 0 wait, and that is nobody's fault */
	bool orphan; /* the queued that asked is gone */
	bool goes_on; /* ... but the message was on its way: in the list of those */
	LIST_ENTRY(job) others;
	unsigned again; /* s: when those that were not tried (code 0) are to be tried; 0: queued knows */
};

/* Takes the descriptor out of m. 0 or E_PEER: fields are missing, or hold what may not
 * stand in a command. */
int job_parse(struct ipc_msg *m, struct job **out);
void job_free(struct job *j);

/* The result of one recipient. reply: the server's, or a sentence. */
void job_set(struct job *j, struct job_rcpt *r, int code, const char *status, struct str reply);
/* ... of all that have none yet. RCPT_MORE keeps what it was refused with. */
void job_fail(struct job *j, const struct dsn *why);
bool job_open(const struct job *j); /* some recipient has no result */
bool job_news(const struct job *j); /* some result is known that queued was not told */
/* The next message with results that queued does not know, at most `max` recipients (which are
 * RCPT_TOLD then). last: nothing more will come of this job. */
void job_results(struct job *j, size_t max, struct ipc_msg *m, bool *last_out);

#endif
