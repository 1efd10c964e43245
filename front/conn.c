/* SPDX-License-Identifier: ISC
 *
 * conn.c: the life of a connection: states, events, buffers, TLS. The picture
 * and the invariants are in conn.h.
 *
 * One function per event source: conn_event (the socket), timer_event (the
 * one deadline of the moment). conn_run drives the dialogue until it needs
 * bytes, authd, a room, or a client that reads. Commands run in turns of
 * TURN, so that one talkative client does not hold up the others.
 */
#include "front/conn.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/rand.h"
#include "trace/trace.h"

#define TURN 64 /* commands in one go */
#define OUT_FLUSH 4096 /* pipelined replies are gathered up to this */
#define OUT_MAX (512 * 1024) /* with what a room left in its pair */
#define IN_MAX (512 * 1024) /* what a room may hand back; clients meet smaller limits */
#define LINGER_MS 1000
#define LINGER_BYTES 65536

static void timer_event(evutil_socket_t fd, short what, void *arg);

/* ---- states */

#define M(s) (1u << CONN_##s)
static const unsigned moves[CONN_NSTATES] = {
	[CONN_START] = M(PROXY) | M(HANDSHAKE) | M(DELAY) | M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_PROXY] = M(START) | M(CLOSING) | M(DEAD),
	[CONN_HANDSHAKE] = M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_DELAY] = M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_TALK] = M(STARTTLS) | M(AUTHD) | M(WAIT) | M(OFFERED) | M(CLOSING) | M(DEAD),
	[CONN_STARTTLS] = M(HANDSHAKE) | M(CLOSING) | M(DEAD),
	[CONN_AUTHD] = M(TALK) | M(OFFERED) | M(CLOSING) | M(DEAD),
	[CONN_WAIT] = M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_OFFERED] = M(ROOM) | M(TALK) | M(SLEEP) | M(CLOSING) | M(DEAD),
	[CONN_ROOM] = M(TALK) | M(SLEEP) | M(CLOSING) | M(DEAD),
	[CONN_SLEEP] = M(OFFERED) | M(CLOSING) | M(DEAD),
	[CONN_CLOSING] = M(LINGER) | M(DEAD),
	[CONN_LINGER] = M(DEAD),
};

void conn_move(struct conn *c, enum conn_state to)
{
	BUG_ON(!(moves[c->state] & 1u << to));
	if (c->state == CONN_WAIT)
		places_unqueue(c);
	c->state = to;
}

void conn_deadline(struct conn *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(&c->timer, &tv);
}

/* The wait for the next command, and no longer than until login_by. */
void conn_command_deadline(struct conn *c)
{
	int64_t ms = c->login_by ? deadline_left(c->login_by) : c->front->conf->limit_smtp_idle;

	conn_deadline(c, front_wait(c->front, MAX(ms, 1)));
}

void conn_watch(struct conn *c)
{
	short want = 0;

	switch (c->state) {
	case CONN_PROXY:
	case CONN_DELAY:
	case CONN_LINGER:
		want = EV_READ;
		break;
	case CONN_HANDSHAKE:
		want = c->tls_write ? EV_WRITE : EV_READ;
		break;
	case CONN_TALK:
		want = c->out.n > 0 || c->tls_write ? EV_WRITE : EV_READ;
		break;
	case CONN_AUTHD:
		want = c->out.n > 0 ? EV_WRITE : 0;
		break;
	case CONN_STARTTLS:
	case CONN_CLOSING:
		want = EV_WRITE;
		break;
	case CONN_SLEEP:
		want = c->out.n > 0 || c->tls_write ? EV_WRITE : sleep_wants(c) ? 0 : EV_READ;
		break;
	case CONN_WAIT:
		break;
	default: /* OFFERED, ROOM: the pump sets its own */
		return;
	}
	if (want == c->mask)
		return;
	event_del(&c->ev);
	c->mask = want;
	if (want) {
		event_assign(&c->ev, c->front->base, c->fd, (short)(want | EV_PERSIST), conn_event, c);
		event_add(&c->ev, NULL);
	}
}

/* ---- dialogue */

void conn_run(struct conn *c)
{
	int turn = 0, r;

	while (c->state == CONN_TALK) {
		if (c->out.n >= OUT_FLUSH && conn_flush(c) < 0)
			return;
		if (c->out.n >= OUT_FLUSH)
			break;
		if (c->offer) {
			if (c->out.n > 0 && conn_flush(c) < 0)
				return;
			if (c->out.n > 0)
				break;
			c->offer = false;
			if (places_take(c))
				handover_offer(c);
			continue;
		}
		if (turn++ >= TURN) {
			conn_more(c);
			break;
		}
		r = c->sasl_turn ? sasl_step(c) : c->service->dialogue->step(c);
		if (c->state == CONN_DEAD)
			return;
		if (r != 0) {
			if (c->state == CONN_TALK && !c->login_by)
				conn_command_deadline(c);
			continue;
		}
		if (c->out.n > 0 && conn_flush(c) < 0)
			return;
		if (c->out.n > 0)
			break;
		r = (int)conn_fill(c);
		if (r < 0) {
			conn_close(c, c->eof ? "client left" : "connection lost");
			return;
		}
		if (r == 0)
			break;
	}
	if (c->state == CONN_DEAD || c->state == CONN_OFFERED || c->state == CONN_ROOM)
		return;
	conn_release(c);
	if (c->out.n > 0 && conn_flush(c) < 0)
		return;
	conn_watch(c);
}

void conn_more(struct conn *c)
{
	struct front *f = c->front;

	/* not by activating an event of its own: that would end its deadline */
	if (c->more)
		return;
	c->more = true;
	c->more_next = f->more;
	f->more = c;
	event_active(&f->ev_more, EV_READ, 0);
}

void conn_do_more(struct front *f)
{
	struct conn *c, *list = f->more;

	f->more = NULL; /* what asks again meanwhile waits for the next turn */
	while ((c = list)) {
		list = c->more_next;
		c->more = false;
		if (c->state == CONN_TALK)
			conn_run(c);
		else if (c->state == CONN_SLEEP)
			sleep_run(c);
		else if (c->room)
			pump_client(c, EV_READ | EV_WRITE);
	}
}

void conn_offer(struct conn *c)
{
	c->offer = true;
}

void conn_say(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&c->out, fmt, ap);
	va_end(ap);
	buf_puts(&c->out, "\r\n");
	BUG_ON(c->out.err);
}

void conn_finish(struct conn *c, const char *reason)
{
	if (c->state == CONN_DEAD || c->state == CONN_CLOSING || c->state == CONN_LINGER)
		return;
	if (c->sasl)
		sasl_abort(c);
	sleep_end(c);
	c->reason = reason;
	conn_move(c, CONN_CLOSING);
	conn_deadline(c, front_wait(c->front, c->front->conf->limit_handshake));
	conn_watch(c);
}

const char *const conn_bye_reason[BYE_NREASONS] = {
	[BYE_BUSY] = "too many connections",
	[BYE_ADDRESS] = "too many connections from the address",
	[BYE_NETWORK] = "too many connections from the network",
	[BYE_TIMEOUT] = "timeout",
	[BYE_NO_ROOM] = "no room took the session",
	[BYE_STOP] = "stopping",
	[BYE_KICK] = "kicked",
	[BYE_ERRORS] = "too many errors",
	[BYE_FAILURES] = "too many failed logins",
	[BYE_TOO_LONG] = "line too long",
	[BYE_BANNED] = "its network is banned",
	[BYE_MALFORMED] = "bare CR or LF, or NUL",
};

void conn_bye(struct conn *c, enum bye why)
{
	/* no word in clear on a connection that waits for TLS */
	if (c->state == CONN_HANDSHAKE || c->state == CONN_PROXY || c->state == CONN_START ||
		c->state == CONN_STARTTLS) {
		conn_close(c, conn_bye_reason[why]);
		return;
	}
	if (c->state == CONN_DEAD || c->state == CONN_CLOSING || c->state == CONN_LINGER)
		return;
	conn_say(c, "%s", c->service->dialogue->bye[why]);
	conn_finish(c, conn_bye_reason[why]);
}

bool conn_error(struct conn *c)
{
	if (++c->errors < (uint64_t)c->front->conf->limit_errors)
		return false;
	conn_bye(c, BYE_ERRORS);
	return true;
}

/* ---- what is allowed here */

bool conn_can_starttls(const struct conn *c)
{
	return !c->tls && c->front->tls && !c->service->local;
}

bool conn_may_login(const struct conn *c)
{
	return c->tls || c->front->conf->auth_allow_clear;
}

const char *conn_mechs(const struct conn *c)
{
	if (c->tls)
		return c->certified ? c->front->mechs_certificate : c->front->mechs_tls;
	/* what may be said without TLS authd knows; after a reload we know first that nothing may */
	return c->front->conf->auth_allow_clear || c->front->conf->auth_shared_secret_clear ? c->front->mechs_clear : "";
}

bool conn_has_mech(const struct conn *c, struct str mech)
{
	/* who shows any certificate may try: authd tells the log what is wrong with it, and the client no more than of
	 * any login */
	return parse_in_list(c->tls && c->client_cert ? c->front->mechs_certificate : conn_mechs(c), mech);
}

bool conn_starttls(struct conn *c)
{
	if (c->in_pos < c->in.n) {
		trace_event(TRACE_WARN, "starttls-injection", c->id, "bytes behind the command");
		conn_close(c, "bytes behind STARTTLS");
		return false;
	}
	conn_move(c, CONN_STARTTLS);
	return true;
}

/* ---- start, events */

void conn_new(struct front *f, const struct service *service, int fd, const struct addr *peer,
	const struct addr *local, bool proxied)
{
	struct conn *c = mem_alloc(1, sizeof *c);
	int one = 1;

	c->front = f;
	c->service = service;
	c->fd = fd;
	c->peer = *peer;
	c->local = *local;
	c->since = clock_unix();
	c->kicked = BYE_NREASONS;
	rand_id(c->id, sizeof c->id - 1);
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, OUT_MAX);
	event_assign(&c->ev, f->base, fd, EV_READ | EV_PERSIST, conn_event, c);
	event_assign(&c->timer, f->base, -1, 0, timer_event, c);
	c->next = f->conns;
	if (c->next)
		c->next->prev = c;
	f->conns = c;
	f->nconns++;
	table_set(&f->by_id, str_of(c->id), c);
	c->in_total = true; /* the listener took the place */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	front_status(f);
	if (proxied) {
		conn_move(c, CONN_PROXY);
		conn_deadline(c, front_wait(f, f->conf->limit_handshake));
		conn_watch(c);
	} else {
		conn_admit(c);
	}
}

static void trace_close(const struct conn *c, const char *reason)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_INFO, "close");
	trace_s(&t, "s", c->id);
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	if (c->user)
		trace_s(&t, "user", c->user);
	trace_s(&t, "reason", reason);
	trace_u64(&t, "in", c->bytes_in);
	trace_u64(&t, "out", c->bytes_out);
	trace_u64(&t, "seconds", (uint64_t)MAX(clock_unix() - c->since, 0));
	trace_end(&t);
}

static void closing(struct conn *c)
{
	if (c->out.n > 0 && conn_flush(c) < 0)
		return;
	if (c->out.n > 0)
		return;
	if (c->tls)
		tls_shutdown(c->tls);
	trace_close(c, c->reason);
	/* a close with unread bytes is a reset, and the client may lose our last
	 * line: end our side, then wait a moment for its end */
	shutdown(c->fd, SHUT_WR);
	conn_move(c, CONN_LINGER);
	conn_deadline(c, LINGER_MS);
	conn_watch(c);
}

static void linger(struct conn *c)
{
	ssize_t r = recv(c->fd, c->front->scratch, sizeof c->front->scratch, MSG_DONTWAIT);

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r > 0 && (c->lingered += (uint64_t)r) <= LINGER_BYTES)
		return;
	conn_close(c, c->reason);
}

void conn_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	switch (c->state) {
	case CONN_PROXY:
		conn_read_proxy(c);
		break;
	case CONN_DELAY:
		conn_early_talker(c);
		break;
	case CONN_HANDSHAKE:
		conn_handshake(c);
		break;
	case CONN_TALK:
		conn_run(c);
		break;
	case CONN_SLEEP:
		sleep_run(c);
		break;
	case CONN_AUTHD:
		if (conn_flush(c) == 0)
			conn_watch(c);
		break;
	case CONN_STARTTLS:
		if (conn_flush(c) == 0 && c->out.n == 0)
			conn_start_handshake(c);
		break;
	case CONN_OFFERED:
	case CONN_ROOM:
		pump_client(c, what);
		break;
	case CONN_CLOSING:
		closing(c);
		break;
	case CONN_LINGER:
		linger(c);
		break;
	default:
		break;
	}
}

static void timer_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	switch (c->state) {
	case CONN_DELAY:
		conn_start_talk(c, true);
		break;
	case CONN_AUTHD:
		sasl_abort(c);
		conn_move(c, CONN_TALK);
		conn_command_deadline(c);
		c->service->dialogue->result(c, SASL_UNAVAILABLE);
		conn_run(c);
		break;
	case CONN_WAIT:
		places_timeout(c);
		break;
	case CONN_SLEEP:
		sleep_timer(c);
		break;
	case CONN_OFFERED:
	case CONN_ROOM:
		handover_timeout(c);
		break;
	case CONN_CLOSING:
	case CONN_LINGER:
		conn_close(c, c->reason);
		break;
	default:
		conn_bye(c, BYE_TIMEOUT);
	}
}

/* ---- end */

void conn_set(char **field, struct str value)
{
	if (*field) {
		explicit_bzero(*field, strlen(*field));
		free(*field);
		*field = NULL;
	}
	if (value.n > 0) {
		*field = mem_alloc(1, value.n + 1);
		memcpy(*field, value.p, value.n);
	}
}

/* Gives every counted place back. */
static void uncount(struct conn *c)
{
	struct limits *l = &c->front->limits;

	if (c->in_user)
		limits_user_leave(l, str_of(c->user));
	if (c->in_address)
		limits_address_leave(l, &c->peer);
	if (c->in_total)
		limits_leave(l);
	c->in_user = c->in_address = c->in_total = false;
}

void conn_close(struct conn *c, const char *reason)
{
	struct front *f = c->front;

	if (c->state == CONN_DEAD)
		return;
	if (c->state != CONN_LINGER) /* told when the last word was said */
		trace_close(c, reason);
	if (c->sasl)
		sasl_abort(c);
	handover_free(c);
	sleep_end(c);
	if (c->ticket && c->service->dialogue == &imap_dialogue)
		sasl_forget(c);
	conn_move(c, CONN_DEAD);
	table_remove(&f->by_id, str_of(c->id));
	uncount(c);
	event_del(&c->ev);
	event_del(&c->timer);
	c->mask = 0;
	if (c->tls)
		tls_shutdown(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
	fd_close(&c->fd);
	if (c->prev)
		c->prev->next = c->next;
	else
		f->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	f->nconns--;
	c->next = f->dead;
	f->dead = c;
	event_active(&f->ev_reap, EV_READ, 0);
	front_status(f);
}

void conn_reap(struct front *f)
{
	struct conn **at = &f->more;

	while (*at)
		if ((*at)->state == CONN_DEAD)
			*at = (*at)->more_next;
		else
			at = &(*at)->more_next;
	while (f->dead) {
		struct conn *c = f->dead;

		f->dead = c->next;
		if (c->service->dialogue->forget)
			c->service->dialogue->forget(c);
		conn_set(&c->mech, STR_NONE);
		conn_set(&c->user, STR_NONE);
		conn_set(&c->ticket, STR_NONE);
		conn_set(&c->state_text, STR_NONE);
		conn_set(&c->client_cert, STR_NONE);
		conn_set(&c->client_key, STR_NONE);
		buf_wipe(&c->in);
		buf_wipe(&c->out);
		free(c);
	}
}
