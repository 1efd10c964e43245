/* SPDX-License-Identifier: ISC
 *
 * sender.h: private to the program sender: jobs, routes, sessions.
 *
 *   sender.c    the process: links, settings, results, stop
 *   route.c     a way that jobs go (the smarthost; our own lmtpd): who waits, which
 *               sessions there are, addresses
 *   session.c   one connection: its socket, TLS, deadlines; the dialogue is client.h
 *
 * Always true:
 *   1. A job is in exactly one place: waiting at its route, in a session's client, or freed.
 *   2. Sessions only note what happened, and wake the work event; jobs are given and
 *      taken, and sessions freed, there (route_work), never in the middle of a session's step.
 *   3. A credit is given back to queued for each job that it gave (docs/QUEUE.md).
 */
#ifndef MANSIO_SMTP_SEND_SENDER_H
#define MANSIO_SMTP_SEND_SENDER_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "conf/program.h"
#include "net/resolver.h"
#include "smtp/send/client.h"

struct sender;
struct route;

struct session {
	struct session *next;
	struct route *route;
	struct client client;
	int fd;
	bool connecting; /* connect(2) is under way */
	bool tls_wants_write;
	bool tls_failed, clear; /* opportunistic: the next try goes without */
	bool ready_told; /* the log knows that it works */
	struct tls *tls;
	struct event ev, ev_timer;
	short ev_what;
	uint64_t seen; /* client.progress when the deadline was set */
	deadline until;
	struct addr addr[RESOLVER_ADDRESSES]; /* to try, from at on */
	size_t naddrs, at;
};

struct route {
	struct sender *sender;
	bool lmtp;
	struct client_options *opt; /* NULL: there is no such way */
	struct job *waiting, **last;
	size_t nwaiting, max;
	struct session *sessions;
	size_t granted; /* places that queued knows of, jobs in hand included */
	struct addr addr[RESOLVER_ADDRESSES];
	size_t naddrs;
	deadline addrs_until;
	uint64_t looking; /* number of the question under way, 0: none */
	deadline look_until;
	deadline hold; /* no new session before, after one failed beside others that work */
	bool login_told; /* the admin knows that the login fails */
	char failure[120]; /* why the last session failed; empty since one worked */
};

struct result {
	struct result *next;
	struct ipc_msg m;
};

struct sender {
	struct program program;
	struct event_base *base;
	const struct conf *conf;
	int queued, lmtpd, resolver;
	struct event ev_control, ev_queued, ev_queued_out, ev_resolver, ev_work, ev_tick, ev_stop;
	struct route smarthost, local;
	struct result *results, **last_result; /* that the link could not take yet */
	uint64_t questions;
	bool stopping;
	char told[160]; /* the last status */
	char scratch[64 * 1024]; /* one read, on its way to a client */
};

/* sender.c */
void sender_done(struct sender *s, struct job *j); /* all results are there: tells, frees */
void sender_tell(struct sender *s, struct job *j); /* some are there: a crash shall not double them */
void sender_wake(struct sender *s); /* the work event, soon */

/* route.c */
void route_init(struct route *r, struct sender *s, bool lmtp);
/* New options (a reference is taken over, NULL: none); sessions of the old ones end when idle. */
void route_set(struct route *r, struct client_options *opt, size_t max);
void route_add(struct route *r, struct job *j);
void route_work(struct route *r);
/* Once a second while it has something to wait for. */
void route_tick(struct route *r);
bool route_waits(const struct route *r);
void route_addresses(struct route *r, const struct resolver_addresses *a);
/* There is a resolver again: asks it for what is waited for. */
void route_ask_again(struct route *r);
/* For a stop, or when queued is gone: ends all that has not begun with a message; what has,
 * goes on (orphan: its results are nobody's). */
void route_drop(struct route *r, bool orphan);
/* For `mansio status`: how it stands with the smarthost. */
void route_note(const struct route *r, char *out, size_t n);
/* Places for jobs: what queued is told at the start of its link. */
size_t route_places(const struct route *r);

/* session.c */
/* To the first of the addresses; for lmtp over a pair whose other end goes to lmtpd. NULL: why. */
struct session *session_open(struct route *r, struct dsn *why);
void session_free(struct session *s);
void session_step(struct session *s); /* does what can be done now */
/* The set-up failed: goes on with the next address, or without TLS where that may be. False: no
 * way is left. */
bool session_next_address(struct session *s);

#endif
