/* SPDX-License-Identifier: ISC
 *
 * conn.h: one client's connection, from accept to its end.
 *
 *            accept
 *              v
 *   PROXY -> START -> HANDSHAKE <------ STARTTLS (reply is being flushed)
 *              v          v                ^
 *            DELAY --->  TALK -------------+
 *                        ^ ^ ^ |
 *               AUTHD <--+ | | +--> OFFERED -> ROOM     a room has it
 *                WAIT <----+ +---------<---------+      hand-back
 *                                OFFERED <-- SLEEP <-- ROOM   an idle IMAP session (sleep.c)
 *   any -> CLOSING (flush) -> LINGER (client's last bytes) -> DEAD
 *
 * conn_move is the only function that changes the state, by one table of
 * legal moves. conn_close ends a connection at once from any state; the
 * memory lives until the event loop's next turn, so callers up the stack may
 * still look at c->state. Invariants:
 *   1. No byte is read from a client while its replies wait (back-pressure),
 *      while authd thinks, while it waits for a place, or while a room has it.
 *   2. Buffers exist only while they hold something: a sleeper keeps none.
 *   3. A TLS close ends the connection, whatever the state (C04).
 */
#ifndef MANSIO_FRONT_CONN_H
#define MANSIO_FRONT_CONN_H

#include "base/clock.h"
#include "conf/trust.h"
#include "front/front.h"
#include "front/parse.h"
#include "net/handover.h"

enum conn_state {
	CONN_START, CONN_PROXY, CONN_HANDSHAKE, CONN_DELAY, CONN_TALK, CONN_STARTTLS, CONN_AUTHD,
	CONN_WAIT, /* for a share of the smtpds: places.c */
	CONN_OFFERED, CONN_ROOM,
	CONN_SLEEP, /* IMAP in IDLE, without a process */
	CONN_CLOSING, CONN_LINGER, CONN_DEAD, CONN_NSTATES
};

/* Why the door says goodbye; each dialogue has its words. */
enum bye {
	BYE_BUSY, BYE_ADDRESS, BYE_NETWORK, BYE_TIMEOUT, BYE_NO_ROOM, BYE_STOP, BYE_KICK, BYE_ERRORS,
	BYE_FAILURES, BYE_TOO_LONG, BYE_MALFORMED, BYE_BANNED, BYE_NREASONS
};

enum sasl_result {
	SASL_OK, SASL_FAIL, SASL_UNAVAILABLE, SASL_LIMIT, /* authd's */
	SASL_CLOCK, /* of the client is too far from ours */
	SASL_ABORTED, /* client sent "*" */
	SASL_SYNTAX, /* not base64 */
	SASL_NRESULTS
};

/* What a protocol says before login; one row of functions each. NULL: it has nothing to do there; challenge and result
 * are for those with logins. */
struct dialogue {
	void (*greet)(struct conn *c);
	/* Takes one command out of c->in: 1 done, 0 more bytes are needed. */
	int (*step)(struct conn *c);
	void (*challenge)(struct conn *c, struct str base64);
	void (*result)(struct conn *c, enum sasl_result r);
	void (*fields)(struct conn *c, struct handover *h); /* what the room must know */
	void (*forget)(struct conn *c); /* all that was said: after STARTTLS, at the end */
	/* Texts without CRLF. Of a login that does not come about; of SASL_OK: the account has too many sessions. */
	const char *refused[SASL_NRESULTS];
	/* Of a goodbye; also used before a conn exists. */
	const char *bye[BYE_NREASONS];
};
extern const struct dialogue smtp_dialogue, imap_dialogue, pop3_dialogue, https_dialogue, http_dialogue;

/* The room's side of a session; exists from hand-over to its end. */
struct room_side {
	int pair, lease; /* pair: -1 if the room has the socket itself */
	struct event ev_pair, ev_lease;
	short pair_mask;
	struct buf to_room, to_client; /* what did not go at once */
	bool client_eof, room_eof, shut;
	bool client_write; /* a TLS read must write first */
};

#define POP3_RANDOM 26 /* characters of rand_id: 134 bits */

struct conn {
	struct conn *next, *prev, *more_next;
	struct conn *wait_next, *wait_prev; /* in WAIT */
	struct front *front;
	const struct service *service;
	enum conn_state state;
	int fd; /* -1 while a room has the socket itself */
	struct event ev, timer;
	short mask; /* what ev waits for */
	struct tls *tls;
	bool tls_write; /* TLS must write before it can go on */
	struct addr peer, local;
	char id[13];
	bool in_total, in_address, in_user, in_smtp; /* counted there */
	bool eof;
	bool silent; /* in a room: its client says nothing for long */
	bool offer, more; /* see conn_offer, conn_more */
	struct buf in, out;
	size_t in_pos; /* consumed */
	size_t scanned; /* of the unconsumed bytes: searched for a line end */
	uint64_t bytes_in, bytes_out, lingered;
	int64_t since; /* clock_unix */
	deadline login_by; /* IMAP, POP3: until logged in */
	uint32_t errors, failures;
	const char *reason; /* of the close, static text */
	enum bye kicked; /* goodbye to say when the room gives up; BYE_NREASONS: none */
	/* login */
	uint64_t sasl; /* exchange at authd, 0: none */
	bool sasl_turn; /* the next line is the client's answer */
	bool sasl_final; /* success told with data: an empty answer ends it */
	char *mech, *user, *ticket, *state_text;
	bool certified; /* what it showed is good for a login by today's authorities: EXTERNAL is offered; authd decides */
	char *client_cert, *client_key; /* fingerprints of what the client showed in the handshake; NULL: nothing */
	struct room_side *room;
	struct sleeper *sleeper; /* in SLEEP, and on the way out of it */
	union {
		struct {
			char *helo;
			bool esmtp;
			enum { BEFORE_NOT_ASKED, BEFORE_ASKED, BEFORE_REFUSED, BEFORE_LATER } before; /* POP before SMTP, for the MAIL at hand */
			uint64_t skip; /* bytes of a refused BDAT still to come */
			/* A transaction that sleeps here: bytes of `in` that the room knows, all
			 * that there were when it came back, and when that was. 0: none. */
			uint32_t parked;
			size_t parked_in;
			bool parked_data;
			uint64_t parked_need;
			int64_t parked_at;
		} smtp;
		struct {
			char *tag, *id_params;
			size_t scan; /* of the command at hand, see imap_scan */
			unsigned literals;
		} imap;
		struct {
			char *user;
			char random[POP3_RANDOM + 1]; /* of the greeting's timestamp, for APOP; empty: it said none */
		} pop3;
	} u;
};

/* An accepted socket (non-blocking). Takes it. */
void conn_new(struct front *f, const struct service *service, int fd, const struct addr *peer,
	const struct addr *local, bool proxied);
void conn_move(struct conn *c, enum conn_state to);
/* Goes on with what is in the buffers; call after every change. */
void conn_run(struct conn *c);
void conn_watch(struct conn *c); /* events as the state wants them */
void conn_event(evutil_socket_t fd, short what, void *arg); /* of the client's socket */
void conn_more(struct conn *c); /* goes on in the loop's next turn */
void conn_do_more(struct front *f);
/* To the room, with all that is unread, as soon as the replies are flushed. */
void conn_offer(struct conn *c);
void conn_deadline(struct conn *c, int64_t ms);

/* Replies are collected; conn_run flushes. Only printable text of our own. */
void conn_say(struct conn *c, const char *fmt, ...) PRINTF(2, 3); /* adds CRLF */
/* Flush, then end. reason is static text for the log. */
void conn_finish(struct conn *c, const char *reason);
void conn_bye(struct conn *c, enum bye why);
/* listener.c: a last word in clear, where the protocol has one before TLS. Takes fd. */
void bye_say(const struct service *s, int fd, enum bye why);
void conn_close(struct conn *c, const char *reason);
void conn_reap(struct front *f);

/* One line of c->in without CRLF, consumed; it stays valid until the next read.
 * 1; 0: more bytes needed; E_LIMIT: longer than max; E_SYNTAX: bare CR or LF, NUL. */
int conn_line(struct conn *c, size_t max, struct str *out);
struct str conn_unread(const struct conn *c);
void conn_consume(struct conn *c, size_t n);
/* A bad command: counts; true if that was one too many (goodbye said). */
bool conn_error(struct conn *c);
/* 220/OK was said: flush, handshake. false: closed (bytes behind it, C05). */
bool conn_starttls(struct conn *c);
bool conn_can_starttls(const struct conn *c);
/* Passwords may be said here: TLS, or the try-out setting. */
bool conn_may_login(const struct conn *c);
const char *conn_mechs(const struct conn *c); /* to offer, "" none */
/* What the settings know the client by (conf/trust.h). */
struct trust_client conn_trust(const struct conn *c);
bool conn_has_mech(const struct conn *c, struct str mech);
void conn_set(char **field, struct str value); /* copy, old one wiped; empty: NULL */
/* Wire: > 0, 0 would block, negative gone (c->eof at a clean end). */
ssize_t conn_read(struct conn *c, void *p, size_t n);
ssize_t conn_write(struct conn *c, const void *p, size_t n);
/* Writes what waits. 0, also if some is left; negative: closed here. */
int conn_flush(struct conn *c);
/* Reads more into c->in: bytes, 0 would block, negative the client is gone. */
ssize_t conn_fill(struct conn *c);
void conn_release(struct conn *c); /* nothing unread: gives the memory back */
extern const char *const conn_bye_reason[BYE_NREASONS]; /* for the log */

/* admit.c */
void conn_admit(struct conn *c); /* the peer's address is known */
void conn_read_proxy(struct conn *c);
void conn_early_talker(struct conn *c);
void conn_start_handshake(struct conn *c);
void conn_handshake(struct conn *c);
void conn_start_talk(struct conn *c, bool greet); /* greet: not after STARTTLS */
void conn_command_deadline(struct conn *c);

/* sasl.c: exchanges with authd. initial.p NULL: none was given. */
void sasl_start(struct conn *c, struct str mech, struct str initial);
/* POP before SMTP: may this client send as that address without AUTH? */
void sasl_before(struct conn *c, struct str sender);
void sasl_plain(struct conn *c, struct str user, struct str password);
int sasl_step(struct conn *c); /* the client's answer line: as dialogue.step */
void sasl_abort(struct conn *c); /* connection ends or waits too long */
void sasl_message(struct front *f, struct ipc_msg *m);
void sasl_link_lost(struct front *f);
void sasl_forget(struct conn *c); /* the session is over: no ticket of it is good any more */
bool sasl_login_done(struct conn *c); /* counts the account; false: too many sessions */
/* For dialogue.result: true: the account is logged in, which is the caller's to tell; false: the client was told why not, behind
 * its command's tag (NULL: the protocol has none), and what it did wrong is counted. */
bool sasl_outcome(struct conn *c, enum sasl_result r, const char *tag);

/* places.c: which SMTP sessions may go to an smtpd now.
 * False: the conn waits in CONN_WAIT, and is offered when its turn comes. */
bool places_take(struct conn *c);
void places_leave(struct conn *c); /* the room has it no more; nothing if it had no place */
void places_unqueue(struct conn *c); /* it leaves CONN_WAIT */
void places_timeout(struct conn *c); /* it has waited long enough */
void places_silent(struct conn *c); /* its client is silent: it goes if somebody waits */
void places_serve(struct front *f); /* who waited and now fits */

/* sleep.c */
bool sleep_may(const struct conn *c); /* there is a place for it */
/* From ROOM, with what the room gave back. Takes notify. */
void sleep_begin(struct conn *c, const struct handover *h, int notify);
void sleep_run(struct conn *c); /* as conn_run */
void sleep_timer(struct conn *c);
bool sleep_wants(const struct conn *c); /* it waits for a room: its client is not read */
void sleep_serve(struct front *f); /* wakes who wants it, as many as may at once */
/* While it is on its way to a room: what the room needs besides, and for how long it waits. */
void sleep_fields(const struct conn *c, struct handover *h);
int sleep_notify(const struct conn *c);
int64_t sleep_patience(const struct conn *c);
void sleep_again(struct conn *c); /* the room died on it: another one, soon */
void sleep_end(struct conn *c); /* a room has it, or it is over; nothing if it did not sleep */

/* handover.c. Without a room it says goodbye itself. */
void handover_offer(struct conn *c);
int handover_wake(struct conn *c); /* the same out of SLEEP; negative: no room took it, it sleeps on */
void handover_message(struct front *f, const char *room, struct ipc_msg *m);
void handover_timeout(struct conn *c);
void handover_end(struct conn *c, enum bye why); /* kick, stop */
void handover_free(struct conn *c);
const char *handover_end_reason(const struct conn *c); /* of a session that a room had, for the log */

/* challenge.c: what acmed has us answer; answer: NULL if nothing is pending for the token */
void challenge_message(struct front *f, int link, struct ipc_msg *m);
const char *challenge_answer(const struct front *f, struct str token);
void challenge_clear(void);

/* pump.c: while a room has the session and we the TLS */
void pump_client(struct conn *c, short what); /* client event while pumped */
void pump_pair_event(evutil_socket_t fd, short what, void *arg);
void pump_out(struct conn *c); /* room to client */
void pump_in(struct conn *c);
void pump_watch(struct conn *c); /* events as the buffers want them; ends the connection when all is said */
/* What lies in the pair and beside it, both ways, into c->in and c->out; room_fd: the room's end. */
void pump_drain(struct conn *c, int room_fd);

#endif
