/* SPDX-License-Identifier: ISC
 *
 * handover.c: a session leaves for a room and comes back (net/handover.h).
 *
 *   TALK or AUTHD --offer--> OFFERED --taken--> ROOM --hand-back--> TALK, SLEEP
 *                               | no "taken" in time     | lease ends
 *                               v                        v
 *                            goodbye                    DEAD
 *
 * In clear the room gets the client's own socket: it leaves our event loop
 * before it is sent (never the changelist of epoll: the file stays open in the
 * room, and a late removal would fail), and our copy is closed at "taken".
 * Under TLS the room gets one end of a pair and we pump (pump.c).
 * The lease tells each side of the other's end, and an IMAP session says `sleep`
 * on it; what a room sent before it closed is read from its link first, so a
 * hand-back is never taken for an end.
 */
#include "front/conn.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define COMMAND_PUMPED (16 * 1024) /* of what is unread; the rest follows in the pair */
#define COMMAND_CLEAR (40 * 1024) /* all must fit: escaped at most threefold in IPC_MAX */
#define PAIR_BUFFER (64 * 1024)
#define BACK_MAX (512 * 1024) /* what can lie in a pair at a hand-back */
#define LAST_WORD_MS 2000 /* for a room to say BYE */

static void lease_event(evutil_socket_t fd, short what, void *arg);

static struct str id_key(const struct conn *c)
{
	return str_make(c->id, sizeof c->id - 1);
}

void handover_free(struct conn *c)
{
	struct room_side *r = c->room;

	places_leave(c);
	if (!r)
		return;
	event_del(&c->ev);
	c->mask = 0;
	if (r->pair >= 0)
		event_del(&r->ev_pair);
	event_del(&r->ev_lease);
	fd_close(&r->pair);
	fd_close(&r->lease);
	buf_wipe(&r->to_room);
	buf_wipe(&r->to_client);
	free(r);
	c->room = NULL;
	c->silent = false;
}

/* ---- offer */

static void fill_fields(struct conn *c, struct str command, struct handover *h)
{
	memset(h, 0, sizeof *h);
	h->id = id_key(c);
	h->service = str_of(c->service->name);
	h->peer = c->peer;
	h->local = c->local;
	h->ticket = str_of(c->ticket);
	h->user = str_of(c->user);
	if (c->tls) {
		h->tls_version = str_of(tls_version(c->tls));
		h->tls_cipher = str_of(tls_cipher(c->tls));
		h->tls_sni = str_of(tls_sni(c->tls));
		h->tls_bits = tls_bits(c->tls);
		h->client_cert = str_of(c->client_cert);
		h->client_key = str_of(c->client_key);
		h->pumped = true;
	}
	h->command = command;
	h->errors = c->errors;
	h->state = str_of(c->state_text);
	h->pressed = c->front->wait_first != NULL;
	if (c->service->dialogue->fields)
		c->service->dialogue->fields(c, h);
	h->may_sleep = sleep_may(c);
	if (c->sleeper)
		sleep_fields(c, h);
}

/* The pairs. room_end_out[0] client end (pumped only), [1] lease end. */
static int open_room_side(struct conn *c, int room_end_out[2])
{
	int pair[2] = { -1, -1 }, lease[2], size = PAIR_BUFFER;
	struct room_side *r;

	if (ipc_pair(lease) < 0)
		return -errno;
	if (c->tls && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		close(lease[0]);
		close(lease[1]);
		return -errno;
	}
	r = mem_alloc(1, sizeof *r);
	r->lease = lease[0];
	r->pair = pair[0];
	buf_init(&r->to_room, BACK_MAX);
	buf_init(&r->to_client, BACK_MAX);
	if (r->pair >= 0)
		setsockopt(r->pair, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	c->room = r;
	event_assign(&r->ev_lease, c->front->base, r->lease, EV_READ, lease_event, c);
	if (r->pair >= 0)
		event_assign(&r->ev_pair, c->front->base, r->pair, EV_READ | EV_PERSIST, pump_pair_event, c);
	room_end_out[0] = pair[1];
	room_end_out[1] = lease[1];
	return 0;
}

static int send_offer(struct conn *c, struct link *l, struct str command, const int room_end[2])
{
	struct handover h;
	struct ipc_msg m;
	int r;

	fill_fields(c, command, &h);
	ipc_init(&m, "handover");
	handover_print(&h, &m);
	ipc_add_fd(&m, "client", c->tls ? room_end[0] : c->fd);
	ipc_add_fd(&m, "lease", room_end[1]);
	if (c->sleeper)
		ipc_add_fd(&m, "notify", sleep_notify(c));
	r = ipc_try_send(l->fd, &m);
	ipc_done(&m);
	return r;
}

static void no_room(struct conn *c, const char *why)
{
	trace_event(TRACE_ERROR, "no-room", c->id, "%s: %s", c->service->room, why);
	handover_free(c);
	conn_bye(c, BYE_NO_ROOM);
}

static void trace_offer(const struct conn *c, const char *event)
{
	struct trace t;

	trace_begin(&t, TRACE_DEBUG, event);
	trace_s(&t, "s", c->id);
	trace_s(&t, "room", c->service->room);
	trace_s(&t, "way", c->tls ? "pumped" : "socket");
	trace_end(&t);
}

/* What is unread has gone with the offer; under TLS the rest follows in the pair. */
static void pass_rest(struct conn *c)
{
	if (c->tls)
		buf_str(&c->room->to_room, str_from(conn_unread(c), COMMAND_PUMPED));
	buf_wipe(&c->in);
	c->in_pos = c->scanned = 0;
	if (c->tls)
		conn_more(c); /* TLS may hold bytes already */
}

static int offer(struct conn *c)
{
	struct link *l = links_current(c->front, c->service->room);
	struct str command = conn_unread(c);
	int room_end[2], r;

	if (!l)
		return E_NOTFOUND;
	if (c->tls)
		command = str_sub(command, 0, COMMAND_PUMPED);
	else if (command.n > COMMAND_CLEAR)
		return E_LIMIT;
	r = open_room_side(c, room_end);
	if (r < 0)
		return r;
	if (!c->tls)
		fd_nonblock(c->fd, false);
	event_del(&c->ev); /* out of epoll before it is sent */
	c->mask = 0;
	r = send_offer(c, l, command, room_end);
	fd_close(&room_end[0]);
	fd_close(&room_end[1]);
	if (r < 0)
		return r;
	trace_offer(c, "handover");
	conn_move(c, CONN_OFFERED);
	event_add(&c->room->ev_lease, NULL);
	return 0;
}

void handover_offer(struct conn *c)
{
	int r = offer(c);

	if (r < 0) {
		no_room(c, r == E_NOTFOUND ? "not there" : r == E_LIMIT ? "too many bytes sent ahead" :
			err_text(r));
		return;
	}
	/* SMTP waits here for an smtpd that is free; a mailbox's process is born at once, but for a machine that stands still */
	conn_deadline(c, c->service->dialogue == &smtp_dialogue ? c->front->conf->limit_room_wait :
		c->front->conf->limit_handover);
	pass_rest(c);
}

int handover_wake(struct conn *c)
{
	int r = offer(c);

	if (r < 0) {
		handover_free(c);
		if (!c->tls)
			fd_nonblock(c->fd, true);
		return r;
	}
	conn_deadline(c, sleep_patience(c));
	return 0;
}

const char *handover_end_reason(const struct conn *c)
{
	if (c->kicked == BYE_KICK)
		return "kicked";
	if (c->kicked == BYE_TIMEOUT)
		return "silent, others waited";
	if (c->kicked == BYE_STOP)
		return "stopping";
	return c->room && c->room->client_eof ? "client left" : "session ended";
}

/* ---- end of a session */

static void slept(struct conn *c, struct ipc_msg *m);

/* A room died with the offer in hand; the client knows nothing of it. */
static void offer_lost(struct conn *c)
{
	handover_free(c);
	if (!c->tls)
		fd_nonblock(c->fd, true);
	conn_move(c, CONN_SLEEP);
	sleep_again(c);
}

static void lease_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct room_side *r = c->room;
	struct ipc_msg m;
	int got;

	(void)what;
	links_drain(c->front, c->service->room); /* taken or handback came before */
	if (c->room != r || c->state == CONN_DEAD)
		return;
	got = ipc_try_recv(fd, &m);
	if (got == 0 && ipc_is(&m, "sleep"))
		slept(c, &m);
	else if (got == 0 || got == -EAGAIN || got == -EINTR)
		event_add(&r->ev_lease, NULL);
	ipc_done(&m);
	if (got == 0 || got == -EAGAIN || got == -EINTR)
		return;
	if (c->state == CONN_OFFERED && c->sleeper && c->kicked == BYE_NREASONS) {
		offer_lost(c);
	} else if (c->state == CONN_OFFERED) {
		/* closed without a word: the room died of it, or refused */
		handover_timeout(c);
	} else if (r->pair < 0) {
		conn_close(c, handover_end_reason(c));
	} else {
		conn_deadline(c, LAST_WORD_MS);
		pump_out(c);
		pump_watch(c);
	}
}

void handover_timeout(struct conn *c)
{
	if (c->state == CONN_ROOM) {
		conn_close(c, handover_end_reason(c));
		return;
	}
	if (c->room->client_eof) {
		conn_close(c, "client left");
		return;
	}
	conn_move(c, CONN_TALK);
	no_room(c, "did not take the session");
}

void handover_end(struct conn *c, enum bye why)
{
	if (c->kicked != BYE_NREASONS)
		return;
	c->kicked = why;
	if (c->room) {
		/* the room sees the end of the lease, says its last word and closes */
		shutdown(c->room->lease, SHUT_WR);
		conn_deadline(c, LAST_WORD_MS);
	} else {
		conn_bye(c, why);
	}
}

/* ---- messages of rooms */

static void taken(struct conn *c)
{
	if (c->state != CONN_OFFERED)
		return;
	conn_move(c, CONN_ROOM);
	trace_offer(c, "taken");
	if (c->kicked == BYE_NREASONS)
		event_del(&c->timer);
	if (!c->tls)
		fd_close(&c->fd);
	if (c->sleeper) {
		sleep_end(c);
		conn_set(&c->state_text, STR_NONE);
		pass_rest(c);
	}
	front_status(c->front);
}

static void take_facts(struct conn *c, const struct handover *h)
{
	c->errors = h->errors;
	if (c->ticket) /* a room cannot log anybody in */
		conn_set(&c->ticket, h->ticket);
	conn_set(&c->state_text, h->state);
	if (c->service->dialogue == &smtp_dialogue) {
		conn_set(&c->u.smtp.helo, h->helo);
		c->u.smtp.esmtp = h->esmtp;
		c->u.smtp.parked = h->parked;
		c->u.smtp.parked_data = h->parked_data;
		c->u.smtp.parked_need = h->parked_need;
		c->u.smtp.parked_in = h->command.n;
		c->u.smtp.parked_at = clock_mono_ms();
	}
}

/* The room gives the client up. Takes fd. False: the connection is over. */
static bool come_back(struct conn *c, const struct handover *h, int fd)
{
	bool gone = c->tls && c->room->client_eof;

	if (c->state == CONN_OFFERED)
		taken(c);
	buf_wipe(&c->in);
	c->in_pos = c->scanned = 0;
	buf_str(&c->in, h->command);
	if (c->tls) {
		pump_drain(c, fd);
		close(fd);
	} else {
		c->fd = fd;
		fd_nonblock(fd, true);
	}
	take_facts(c, h);
	handover_free(c);
	if (gone || c->in.err || c->out.err)
		conn_close(c, gone ? "client left" : "too many bytes sent ahead");
	return c->state != CONN_DEAD;
}

/* Takes fd. */
static void handback(struct conn *c, const struct handover *h, int fd)
{
	if (!come_back(c, h, fd))
		return;
	conn_move(c, CONN_TALK);
	trace_offer(c, "handback");
	conn_deadline(c, front_wait(c->front, h->parked_data ? c->front->conf->smtp_data_timeout :
			c->front->conf->limit_smtp_idle));
	if (c->kicked != BYE_NREASONS) {
		conn_bye(c, c->kicked);
		return;
	}
	conn_run(c);
}

/* An IMAP session without its process; m came on its own lease. */
static void slept(struct conn *c, struct ipc_msg *m)
{
	int fd = ipc_take_fd(m, "client"), notify = ipc_take_fd(m, "notify");
	struct handover h;

	if (c->service->dialogue != &imap_dialogue || c->sleeper || fd < 0 || notify < 0 ||
		handover_parse(m, &h) < 0 || !str_eqc(h.id, c->id) || !h.ticket.n || !h.state.n) {
		fd_close(&fd);
		fd_close(&notify);
		trace_event(TRACE_ERROR, "sleep-bad", c->id, "from %s", c->service->room);
		conn_close(c, "bad hand-back");
		return;
	}
	if (!come_back(c, &h, fd)) {
		close(notify);
		return;
	}
	sleep_begin(c, &h, notify);
	if (c->kicked != BYE_NREASONS && c->state == CONN_SLEEP)
		conn_bye(c, c->kicked);
}

/* From limit.pressure_wait on until the client speaks again. */
static void silent(struct conn *c, bool on)
{
	c->silent = on && c->state == CONN_ROOM;
	if (c->silent)
		places_silent(c);
}

void handover_message(struct front *f, const char *room, struct ipc_msg *m)
{
	struct conn *c = table_get(&f->by_id, ipc_get(m, "id"));
	struct handover h;
	int fd;

	if (!c || strcmp(c->service->room, room) != 0)
		return; /* a session that is over, or not that room's */
	if (ipc_is(m, "taken")) {
		taken(c);
	} else if (ipc_is(m, "silent")) {
		silent(c, ipc_get_bool(m, "on"));
	} else if (ipc_is(m, "handback") && c->service->dialogue == &smtp_dialogue) {
		fd = ipc_take_fd(m, "client");
		if (fd < 0 || handover_parse(m, &h) < 0) {
			fd_close(&fd);
			trace_event(TRACE_ERROR, "handback-bad", c->id, "from %s", room);
			conn_close(c, "bad hand-back");
			return;
		}
		handback(c, &h, fd);
	}
}
