/* SPDX-License-Identifier: ISC
 *
 * session.h: one SMTP session in this room, from the hand-over to its end, and
 * the transaction in it: two lives, two structs. The session belongs to the
 * connection; the transaction begins with MAIL and ends with the message, RSET
 * or the session.
 *
 *                 MAIL          RCPT           DATA ... CRLF.CRLF
 *       READY ----------> MAIL -------> RCPT ---------------------> READY
 *         ^                 |             |  BDAT          BDAT LAST  ^
 *         |<---- RSET ------+<----RSET ---+--------> BDAT ------------+
 *
 * session_move() makes every move. RSET leads to READY from everywhere; so do
 * EHLO and HELO, which front answers: the session goes back to it (hand-back).
 */
#ifndef MANSIO_SMTP_RECEIVE_SESSION_H
#define MANSIO_SMTP_RECEIVE_SESSION_H

#include "auth/auth.h"
#include "conf/trust.h"
#include "mail/dsn.h"
#include "mail/smtpdata.h"
#include "mail/smtp.h"
#include "net/handover.h"
#include "net/stream.h"
#include "net/suppressfilter.h"
#include "smtp/receive/lmtp.h"
#include "trace/trace.h"

#define AUTHD_WAIT_MS 10000 /* for an answer to any question */

/* What the process has, for all its sessions. Changed between two commands only. */
struct room {
	const struct conf *conf; /* may be another one after a reload */
	const char *hostname;
	int authd, lmtpd, queued, policyd; /* links, -1: not there */
	const struct suppressfilter *suppressed; /* of that queued, NULL: not known */
	struct lmtp_spare spare; /* connection to a child of lmtpd, between two messages */
	int control; /* readable: something for on_control */
	bool stopping;
	void (*on_control)(struct room *room); /* handles what waits there */
	/* The client of that session is silent for long, or no more; NULL: nobody asks. */
	void (*silent)(struct room *room, struct str id, bool silent);
};

enum session_state { /* bits: verbs.c says in which each verb is legal */
	SESSION_READY = 1,
	SESSION_MAIL = 2,
	SESSION_RCPT = 4,
	SESSION_BDAT = 8, /* a chunk came: only BDAT, RSET, NOOP, QUIT */
};

enum route {
	ROUTE_STRAIGHT, /* to a mailbox here: lmtpd has accepted it in this transaction */
	ROUTE_QUEUE, /* to a mailbox here, by way of the queue */
	ROUTE_OUTSIDE, /* by way of the queue */
};

/* Number i of the list is recipient i + 1 of the delivery ids and of the envelope. */
struct recipient {
	struct str address; /* printed */
	enum route route;
	uint32_t notify; /* bits of envelope_notify (mail/envelope.h) */
	struct str orcpt;
	/* Straight: what lmtpd said to the message; 0: not asked, or nothing. */
	int code;
	struct str status, reply;
};

/* What was said in a transaction, to be said again (park.c). */
struct park {
	struct buf said;
	uint32_t replies; /* that the client has for it */
};

/* What authd said of recipients, before their RCPT is read (arrival.c). */
struct ahead {
	struct arena a;
	struct str address[AUTH_ARRIVALS_MAX]; /* printed; empty: taken */
	struct auth_arrival arrival[AUTH_ARRIVALS_MAX];
	size_t n;
	deadline until; /* then they are too old */
};

#define TX_ID 12
#define HELO_KEPT 255 /* of what EHLO said goes on: the longest name there is */

struct tx {
	struct arena a;
	char id[TX_ID + 1]; /* m= in every event, the id of Received, the delivery id */
	struct str sender; /* printed, empty: null */
	struct str named; /* the same as MAIL named it, before rewriting */
	bool smtputf8, body8;
	bool hold; /* a rule of access wants it kept in the queue */
	bool relay; /* a rule of access lets this client send to other domains */
	bool requiretls; /* RFC 8689 */
	int64_t release; /* not before, Unix seconds (RFC 4865); 0: at once */
	struct str future; /* how that was asked for (mail/envelope.h) */
	int priority; /* RFC 6710 */
	bool priority_given;
	bool unasked; /* queued did not say who is suppressed: this transaction asks no more */
	struct str verp; /* XVERP: its delimiters, empty: not asked for */
	struct str envid; /* ENVID= as given */
	int ret; /* RET=: of the enum in struct envelope */
	uint64_t declared; /* SIZE=, 0: not said */
	struct ahead ahead;
	struct recipient *rcpt;
	size_t nrcpt, rcpt_cap, refused;
	struct buf body; /* the message as it came */
	struct str header, subject, message_id; /* its header, and what stands there (content_check) */
	int64_t began; /* the message was whole: monotonic µs */
	struct smtp_data reader;
	struct park park;
	bool accepted; /* the MAIL or RCPT that was just run */
	uint64_t chunk_left; /* BDAT: bytes that are still to come */
	bool failed; /* BDAT: a chunk was refused, the rest is read and thrown away */
	struct lmtp lmtp;
};

enum session_end {
	SESSION_ON, /* goes on */
	SESSION_CLOSE, /* last reply is written */
	SESSION_DRAIN, /* as CLOSE, and the client may still be sending: swallow it first */
	SESSION_HANDBACK, /* to front; `unused` is what it shall read again */
};

struct session {
	struct room *room;
	struct arena a; /* the session's */
	struct arena cmd; /* reset before each command */
	struct handover h; /* deep copy */
	struct auth_identity who;
	struct str rewritten; /* the sender of this MAIL by the rules, in `cmd`; empty: as given */
	bool authenticated, submission;
	bool posted; /* by HTTP, for webadmind: one letter, whose recipients were all said before */
	bool local; /* over run/submit, authenticated by the kernel: who.user is "uid N" */
	/* A transaction that slept at the door: its id, replies that the client has already,
	 * whether a recipient was refused. */
	struct str again;
	uint32_t swallow;
	bool refused_before;
	bool skipping; /* bytes come that are thrown away: not the time to sleep */
	bool silent; /* as it was told */
	const char *about; /* "to", "from", "author": whom a refusal is about, for its event; else NULL */
	struct str about_whom;
	deadline turn; /* from then on it goes back to front between two messages */
	struct stream io;
	enum session_state state;
	enum session_end end;
	struct str unused;
	uint32_t errors, messages;
	struct {
		uint64_t from; /* bytes_in when it began */
		int64_t ms;
	} slow; /* waiting for a message below the minimum rate */
	struct tx tx;
};

/* A session that front handed over, with its descriptors (taken). */
void session_init(struct session *s, struct room *room, const struct handover *h, int client,
	int lease);
/* Redeems the ticket. False: a reply was written, the session is to end. */
bool session_identify(struct session *s);
/* local.c: the same for a session over run/submit. */
bool local_identify(struct session *s);
/* Talks until the session ends or goes back; what it was is in s->end. */
void session_run(struct session *s);
/* The message "handback" for front (descriptor "client" is added, stays ours). */
void session_handback(struct session *s, struct ipc_msg *m);
void session_done(struct session *s);
void session_move(struct session *s, enum session_state to);
/* The wait of session_fill ended because the transaction goes to sleep. */
#define E_PARKED E_STALE
/* stream_fill for the bytes of a message: waits smtp.data_timeout with the minimum
 * rate; front is told of clients that are silent for limit.pressure_wait. */
int session_fill(struct session *s);
/* Ends the transaction: memory, LMTP connection, state. */
void tx_reset(struct session *s);
void tx_begin(struct session *s);

/* Replies. With a status of 4 or 5 the event `refused` is traced. */
void reply(struct session *s, int code, const char *status, const char *fmt, ...) PRINTF(4, 5);
void reply_dsn(struct session *s, const struct dsn *why);
/* As reply, and counted: too many end the session with 421. */
void reply_error(struct session *s, int code, const char *status, const char *fmt, ...) PRINTF(4, 5);

void reply_error_dsn(struct session *s, const struct dsn *why);

/* A trace event with the ids of session and transaction. */
void event_begin(struct session *s, struct trace *t, enum trace_level level, const char *name);

/* Takes the links that master has replaced: before the first question of a command. */
void room_update(struct room *room);
/* A question on `was` failed: waits shortly for a new link. True: ask again. */
bool room_relink(struct room *room, const int *link, int was);

/* park.c: a transaction that waits at the door. What was accepted: a command with its
 * reply, a command whose reply comes later, bytes of the message. */
void park_line(struct session *s, struct str line);
void park_command(struct session *s, struct str line);
void park_bytes(struct session *s, struct str bytes);
bool park_possible(const struct session *s);
void park(struct session *s, bool inside); /* the session goes back to front; inside: a message */
void park_restore(struct session *s);

/* verbs.c */
void verb_run(struct session *s, struct str line);

/* One file each. */
void cmd_mail(struct session *s, struct str args);
void cmd_rcpt(struct session *s, struct str args);
void cmd_data(struct session *s, struct str args);
void cmd_bdat(struct session *s, struct str args);
void cmd_rset(struct session *s, struct str args);
void cmd_noop(struct session *s, struct str args);
void cmd_vrfy(struct session *s, struct str args);
void cmd_help(struct session *s, struct str args);
void cmd_quit(struct session *s, struct str args);
void cmd_etrn(struct session *s, struct str args);
void cmd_handback(struct session *s, struct str args);
void cmd_not_here(struct session *s, struct str args);

/* policy_*.c: 0, or -1 with the refusal in why. */
int policy_sender(struct session *s, const struct smtp_path_command *c, struct dsn *why);
/* Of the whole message: may it have the authors that its header names? */
int policy_author(struct session *s, struct dsn *why);
/* Has the client a right to send from here: logged in, in [smtp] relay_networks, with one of
 * relay_certificates, or by a rule? */
bool policy_trusted(const struct session *s);
/* What the settings know a client by that is not logged in (conf/trust.h). */
struct trust_client policy_client(const struct session *s);
/* May it have mail for the domain sent on (ETRN)? */
bool policy_etrn(const struct session *s, struct str domain);
/* *address: as given; "postmaster" alone becomes the address that we have for it, and what the
 * rules of rewriting name the new one.
 * *route_out: STRAIGHT for an address of ours that nothing keeps from it, QUEUE, OUTSIDE. */
int policy_rcpt(struct session *s, struct str *address, enum route *route_out, struct dsn *why);
/* arrival.c: what authd says of mail of this transaction for the address (auth_arrivals). What out points to stays until
 * the next call. 0 or negative. */
int arrival_ask(struct session *s, struct str address, struct auth_arrival *out);
/* Is mail to that address outside stopped (net/suppressed.h)? Then the refusal is in why. */
bool policy_suppressed(struct session *s, struct str address, struct dsn *why);
/* Is there somebody whom a report about this message may be sent to? */
bool policy_report(const struct session *s);

/* content.c: looks at the whole message. 0, or -1 with the refusal in why. */
int content_check(struct session *s, struct dsn *why);
/* The refusal for a fault of the reader. */
void content_fault(struct session *s, struct dsn *why);
/* The fields that we put in front. */
void content_head(struct session *s, struct buf *out);

/* queue.c: hands the message to the queue, for those of its recipients that have no copy yet.
 * 0: it is safe there; -1 with the refusal in why. */
int queue_put(struct session *s, struct dsn *why);

/* submit.c: checks, delivers, replies, ends the transaction. */
void submit(struct session *s);

/* complaint.c: an accepted message that is a report of abuse is told. */
void complaint_look(struct session *s);
/* tlsreport.c: the same for a report about TLS. */
void tlsreport_look(struct session *s);

#endif
