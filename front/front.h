/* SPDX-License-Identifier: ISC
 *
 * front.h: the door as a whole: its settings, listeners, links to the other
 * processes, and the rows of services it speaks. Private to front/.
 */
#ifndef MANSIO_FRONT_FRONT_H
#define MANSIO_FRONT_FRONT_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/table.h"
#include "conf/program.h"
#include "front/limits.h"
#include "net/ipc_queue.h"
#include "net/tls.h"

struct conn;
struct dialogue;

/* What a port offers. */
struct service {
	const char *name; /* as in listen.NAME.N and in a hand-over */
	const struct dialogue *dialogue;
	const char *tls_name; /* ALPN and session binding */
	const char *room; /* the program behind the door */
	bool tls_first; /* TLS from the first byte */
	bool submission; /* SMTP for our people: AUTH is offered and needed */
	bool local; /* a unix socket: the room asks the kernel who it is */
};
const struct service *service_find(struct str name);

struct listener {
	struct listener *next;
	struct front *front;
	const struct service *service;
	int fd;
	struct event ev;
};

/* IMAP sessions without a process (sleep.c). */
struct sleepers {
	size_t n, waking;
	struct conn *first[2], *last[2]; /* who wants a room: by a client's word, by news */
};

/* A link to another process. When master sends a newer one of the same name,
 * the old is read until its end: sessions that went through it still report. */
struct link {
	struct link *next;
	struct front *front;
	char name[16];
	int fd;
	bool current; /* the one that is sent to */
	bool busy; /* being read: not to be freed now */
	struct event ev;
	struct ipc_queue out; /* what links_send sent; the others are written straight */
	struct event ev_out, ev_again;
};

struct front {
	struct program program;
	struct event_base *base;
	const struct conf *conf; /* program.conf, newest */
	struct tls_context *tls; /* NULL: no certificate */
	struct client_ca *client_ca; /* whose certificates stand for a login (EXTERNAL); NULL: nobody's */
	const char *hostname;
	struct listener *listeners;
	struct link *links;
	struct conn *conns, *dead, *more;
	size_t nconns;
	struct limits limits;
	struct conn *wait_first, *wait_last; /* for a place at an smtpd, in order */
	struct sleepers sleepers;
	struct banlist *bans; /* networks that get no connection to what has logins */
	size_t waiting; /* of them */
	size_t fronts; /* processes like this one, that share the smtpds */
	struct table by_id, by_sasl; /* session id, exchange number: its conn */
	uint64_t next_sasl;
	char *mechs_tls, *mechs_clear, *mechs_certificate; /* authd's last offer, "" before */
	bool apop_tls, apop_clear;
	int spare[8]; /* descriptors kept back for the moment when there are none */
	int fd_top; /* accepted descriptors from here up are refused */
	bool stopping;
	struct event ev_control, ev_reap, ev_relink, ev_more, ev_places, ev_wakes, ev_status, ev_stop;
	uint64_t told, told_asleep; /* sessions in the last status */
	char scratch[32 * 1024]; /* one read, on its way to a buffer or a peer */
};

/* links.c */
void links_set(struct front *f, const char *name, int fd);
void links_relink(evutil_socket_t fd, short what, void *arg); /* of ev_relink */
struct link *links_current(struct front *f, const char *name);
/* To the current one of a name whose reader takes several messages a packet, at the end of this turn. Takes the message if
 * it returns 0; E_CLOSED: there is none; -EAGAIN: it does not read. */
int links_send(struct front *f, const char *name, struct ipc_msg *m);
/* Reads all that waits on the links of that name; what a room sent before it
 * closed a session is known after this. */
void links_drain(struct front *f, const char *name);

/* listener.c */
int listeners_open(struct front *f);
void listeners_close(struct front *f);

/* sessions.c: session list, session kick */
void sessions_control(struct front *f, struct ipc_msg *m);

/* banlist.c: what authd says about networks that guess passwords (auth/guard.h). */
struct banlist *banlist_new(struct event_base *base);
void banlist_message(struct banlist *b, const struct ipc_msg *m);
/* No connection for this peer; it is counted, and told now and then. */
bool banlist_hit(struct banlist *b, const struct service *s, const struct addr *peer);
/* Its last word, after [ban] hold. Takes fd. */
void banlist_refuse(struct banlist *b, const struct service *s, int fd, const struct conf *conf);

/* front.c */
int front_read_pem(int fd, struct buf *out); /* a file in memory, from its start */
void front_status(struct front *f); /* soon: number of sessions to master */
/* Deadline in ms, shorter while the door is nearly full (C26). */
int64_t front_wait(const struct front *f, int64_t ms);

#endif
