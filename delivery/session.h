/* SPDX-License-Identifier: ISC
 *
 * session.h: one LMTP connection in a child of lmtpd (RFC 2033): the session,
 * and the messages that this child may deliver.
 *
 *   NEW --LHLO--> READY --MAIL--> MAIL --RCPT--> RCPT --DATA--> (deliver) READY, served
 *                   ^              |               |---BDAT--> BDAT --LAST--^
 *                   `---- RSET ----+---------------'-----------'
 *
 * One child takes up to delivery.messages_per_process messages of a connection,
 * one after the other; on the MAIL behind the last of them the connection goes
 * back to the parent ("again"), which forks a fresh child. The keys of a
 * message's mailboxes come before its content is looked at and are closed
 * behind its last reply; what has no key is shut by plain permissions. Before
 * the first content the process enters SANDBOX_STORE. With one message a
 * process, or where permissions do not guard the mail root (everything runs
 * as one user), Landlock ties it to that message's mailboxes as well.
 */
#ifndef MANSIO_DELIVERY_SESSION_H
#define MANSIO_DELIVERY_SESSION_H

#include "auth/auth.h"
#include "conf/conf.h"
#include "mail/dsn.h"
#include "mail/smtp.h"
#include "mail/smtpdata.h"
#include "net/addr.h"
#include "net/stream.h"
#include "trace/trace.h"

enum session_state {
	SESSION_NEW = 1,
	SESSION_READY = 2,
	SESSION_MAIL = 4,
	SESSION_RCPT = 8,
	SESSION_BDAT = 16,
};

enum session_end {
	SESSION_ON,
	SESSION_CLOSE,
	SESSION_DRAIN, /* the client may still be sending */
	SESSION_AGAIN, /* to the parent, with `unused` as the first line */
};

/* A mailbox that takes part in this message. */
struct account {
	struct str name;
	uint64_t quota_bytes, quota_messages;
	int key; /* -1: not here yet */
};

/* Where one copy goes: account, and folder by detail. */
struct target {
	size_t account; /* index */
	struct str detail;
};

struct recipient {
	struct str address; /* printed */
	uint32_t number; /* of the delivery id: XN=, else the next one */
	uint32_t notify; /* bits of envelope_notify */
	struct str orcpt;
	struct target *target;
	size_t ntargets;
	struct str *outside; /* where it is forwarded to */
	size_t noutside;
};

/* An outside address, and what became of it. */
struct forwarded {
	struct str address;
	struct dsn why;
};

#define TX_ID 12
struct tx {
	struct arena a;
	char id[33]; /* m=: the XID of smtpd, else our own */
	bool xid; /* id is a delivery id */
	struct str sender; /* printed, empty: null */
	uint64_t declared;
	bool smtputf8, body8;
	struct str user; /* XUSER=: who sent it logged in; empty: nobody */
	struct str envid;
	int ret; /* of enum in struct envelope */
	bool requiretls; /* XREQUIRETLS=, XPRIORITY=, XPEER=, XHELO=: for what goes on from here */
	int priority;
	struct str peer, helo;
	struct recipient *rcpt;
	size_t nrcpt, rcpt_cap;
	struct account *account;
	size_t naccounts, account_cap, ntargets, noutside;
	int queue; /* link of our own to queued, -1: not needed yet */
	struct forwarded *forwarded; /* addresses that were served in this message */
	size_t nforwarded;
	struct buf body;
	struct smtp_data reader;
	bool failed; /* BDAT: a chunk was refused */
};

struct session {
	const struct conf *conf;
	const char *hostname;
	int authd, parent; /* links */
	bool inside; /* the client is our smtpd */
	int64_t may_serve, served; /* messages in this child's life */
	char id[TX_ID + 1]; /* s=: the session that the message came in */
	struct str helo;
	struct addr peer;
	struct arena a, cmd;
	struct stream io;
	enum session_state state;
	enum session_end end;
	struct str unused;
	int64_t errors;
	struct tx tx;
};

/* m: what brought the connection: "lmtp", "accept" or "again" (docs/PROCESSES.md). */
void session_init(struct session *s, struct ipc_msg *m, int client);
/* Our smtpd goes on with a message of another session; false: no session id. */
bool session_rename(struct session *s, struct str id);
void session_run(struct session *s);
void session_done(struct session *s);

void tx_begin(struct session *s);
void tx_reset(struct session *s);
void reply(struct session *s, int code, const char *status, const char *fmt, ...) PRINTF(4, 5);
void reply_dsn(struct session *s, const struct dsn *why);
void reply_error(struct session *s, int code, const char *status, const char *fmt, ...) PRINTF(4, 5);
void event_begin(struct session *s, struct trace *t, enum trace_level level, const char *name);
/* The wait for the client ended with err: last words, end. */
void session_lost(struct session *s, int err);

/* commands.c */
void verb_run(struct session *s, struct str line);
/* receive.c */
void cmd_data(struct session *s, struct str args);
void cmd_bdat(struct session *s, struct str args);
/* recipient.c: resolves and adds, or -1 with why. r: address, number, notify, orcpt. */
int recipient_add(struct session *s, const struct recipient *r, struct dsn *why);
/* deliver.c: the message is whole: locks the process in, stores a copy for each target, one
 * reply for each recipient. */
void deliver(struct session *s);
/* One copy of the head that final delivery puts in front (RFC 5321 4.4); deliver_fields:
 * the same without Return-Path. */
void deliver_head(const struct session *s, struct str account, struct buf *out);
void deliver_fields(const struct session *s, struct str account, struct buf *out);

#endif
