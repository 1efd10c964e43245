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
#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"
#include "net/proxy.h"
#include "trace/trace.h"

#define TURN 64 /* commands in one go */
#define OUT_FLUSH 4096 /* pipelined replies are gathered up to this */
#define OUT_MAX 65536
#define IN_MAX (256 * 1024) /* what a room may hand back; clients meet smaller limits */
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
	[CONN_TALK] = M(STARTTLS) | M(AUTHD) | M(OFFERED) | M(CLOSING) | M(DEAD),
	[CONN_STARTTLS] = M(HANDSHAKE) | M(CLOSING) | M(DEAD),
	[CONN_AUTHD] = M(TALK) | M(OFFERED) | M(CLOSING) | M(DEAD),
	[CONN_OFFERED] = M(ROOM) | M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_ROOM] = M(TALK) | M(CLOSING) | M(DEAD),
	[CONN_CLOSING] = M(LINGER) | M(DEAD),
	[CONN_LINGER] = M(DEAD),
};

void conn_move(struct conn *c, enum conn_state to)
{
	BUG_ON(!(moves[c->state] & 1u << to));
	c->state = to;
}

void conn_deadline(struct conn *c, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(&c->timer, &tv);
}

/* The wait for the next command, and no longer than until login_by. */
static void command_deadline(struct conn *c)
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

/* ---- wire */

ssize_t conn_read(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->tls) {
		r = tls_read(c->tls, p, n);
		c->tls_write = r == TLS_WANT_WRITE;
		if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
			return 0;
		if (r == TLS_EOF)
			c->eof = true;
	} else {
		r = recv(c->fd, p, n, MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (r == 0)
			c->eof = true;
	}
	if (r <= 0)
		return E_CLOSED;
	c->bytes_in += (uint64_t)r;
	return r;
}

ssize_t conn_write(struct conn *c, const void *p, size_t n)
{
	ssize_t r;

	if (c->tls) {
		r = tls_write(c->tls, p, n);
		if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
			return 0;
	} else {
		r = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
	}
	if (r <= 0)
		return E_CLOSED;
	c->bytes_out += (uint64_t)r;
	return r;
}

/* Writes what waits. 0, also if some is left; negative: closed here. */
static int flush(struct conn *c)
{
	size_t at = 0;
	ssize_t r = 0;

	while (at < c->out.n && (r = conn_write(c, c->out.p + at, c->out.n - at)) > 0)
		at += (size_t)r;
	if (at == c->out.n)
		buf_done(&c->out);
	else
		buf_drop(&c->out, at);
	if (r < 0) {
		conn_close(c, "connection lost");
		return E_CLOSED;
	}
	return 0;
}

/* The most that a client may have waiting here. */
static size_t in_limit(const struct conn *c)
{
	const struct conf *conf = c->front->conf;
	size_t n = MAX(conf->limit_prelogin_line, conf->limit_auth_line) + 2;

	if (c->service->dialogue == &imap_dialogue)
		n = MAX(n, (size_t)IMAP_COMMAND_MAX + conf->limit_prelogin_line + 2);
	return n;
}

/* Bytes read, 0 would block, negative the client is gone. */
static ssize_t fill(struct conn *c)
{
	struct front *f = c->front;
	size_t max = in_limit(c), have = c->in.n - c->in_pos;
	ssize_t r;

	if (have >= max)
		return 0; /* the parser says what is wrong with so much */
	r = conn_read(c, f->scratch, MIN(sizeof f->scratch, max - have));
	if (r <= 0)
		return r;
	buf_drop(&c->in, c->in_pos);
	c->in_pos = 0;
	buf_add(&c->in, f->scratch, (size_t)r);
	explicit_bzero(f->scratch, (size_t)r); /* passwords come this way */
	return c->in.err ? c->in.err : r;
}

struct str conn_unread(const struct conn *c)
{
	return str_make(c->in.p ? c->in.p + c->in_pos : NULL, c->in.n - c->in_pos);
}

void conn_consume(struct conn *c, size_t n)
{
	c->in_pos += n;
	c->scanned = 0;
}

int conn_line(struct conn *c, size_t max, struct str *out)
{
	size_t used = 0;
	int r = parse_line(conn_unread(c), max, &c->scanned, out, &used);

	if (r == 1)
		conn_consume(c, used);
	return r;
}

/* Nothing unread: give the memory back, secrets wiped. */
static void release_input(struct conn *c)
{
	if (c->in_pos < c->in.n)
		return;
	buf_wipe(&c->in);
	c->in_pos = c->scanned = 0;
}

/* ---- dialogue */

void conn_run(struct conn *c)
{
	int turn = 0, r;

	while (c->state == CONN_TALK) {
		if (c->out.n >= OUT_FLUSH && flush(c) < 0)
			return;
		if (c->out.n >= OUT_FLUSH)
			break;
		if (c->offer) {
			if (c->out.n > 0 && flush(c) < 0)
				return;
			if (c->out.n > 0)
				break;
			c->offer = false;
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
				command_deadline(c);
			continue;
		}
		if (c->out.n > 0 && flush(c) < 0)
			return;
		if (c->out.n > 0)
			break;
		r = (int)fill(c);
		if (r < 0) {
			conn_close(c, c->eof ? "client left" : "connection lost");
			return;
		}
		if (r == 0)
			break;
	}
	if (c->state == CONN_DEAD || c->state == CONN_OFFERED || c->state == CONN_ROOM)
		return;
	release_input(c);
	if (c->out.n > 0 && flush(c) < 0)
		return;
	conn_watch(c);
}

void conn_more(struct conn *c)
{
	event_active(&c->timer, EV_READ, 0);
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
	c->reason = reason;
	conn_move(c, CONN_CLOSING);
	conn_deadline(c, front_wait(c->front, c->front->conf->limit_handshake));
	conn_watch(c);
}

static const char *const bye_reason[BYE_NREASONS] = {
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
	[BYE_MALFORMED] = "bare CR or LF, or NUL",
};

void conn_bye(struct conn *c, enum bye why)
{
	/* no word in clear on a connection that waits for TLS */
	if (c->state == CONN_HANDSHAKE || c->state == CONN_PROXY || c->state == CONN_START ||
		c->state == CONN_STARTTLS) {
		conn_close(c, bye_reason[why]);
		return;
	}
	if (c->state == CONN_DEAD || c->state == CONN_CLOSING || c->state == CONN_LINGER)
		return;
	conn_say(c, "%s", c->service->dialogue->bye[why]);
	conn_finish(c, bye_reason[why]);
}

bool conn_error(struct conn *c)
{
	if (++c->errors < (uint64_t)c->front->conf->limit_errors)
		return false;
	conn_bye(c, BYE_ERRORS);
	return true;
}

/* ---- TLS */

bool conn_can_starttls(const struct conn *c)
{
	return !c->tls && c->front->tls;
}

bool conn_may_login(const struct conn *c)
{
	return c->tls || c->front->conf->auth_allow_clear;
}

const char *conn_mechs(const struct conn *c)
{
	if (c->tls)
		return c->front->mechs_tls;
	return c->front->conf->auth_allow_clear ? c->front->mechs_clear : "";
}

bool conn_has_mech(const struct conn *c, struct str mech)
{
	return parse_in_list(conn_mechs(c), mech);
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

static void start_handshake(struct conn *c)
{
	if (!c->front->tls || tls_new(c->front->tls, c->fd, c->service->tls_name, &c->tls) < 0) {
		trace_event(TRACE_ERROR, "tls-missing", c->id, "no certificate is loaded");
		conn_close(c, "no certificate");
		return;
	}
	conn_move(c, CONN_HANDSHAKE);
	conn_deadline(c, front_wait(c->front, c->front->conf->limit_handshake));
	c->tls_write = false;
	conn_watch(c);
}

static void trace_tls(const struct conn *c)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "tls");
	trace_s(&t, "s", c->id);
	trace_s(&t, "version", tls_version(c->tls));
	trace_s(&t, "cipher", tls_cipher(c->tls));
	trace_s(&t, "sni", tls_sni(c->tls));
	trace_s(&t, "resumed", tls_resumed(c->tls) ? "yes" : "no");
	trace_end(&t);
}

static void start_talk(struct conn *c, bool greet);

static void handshake(struct conn *c)
{
	enum tls_want w = tls_handshake(c->tls);

	if (w == TLS_WANT_READ || w == TLS_WANT_WRITE) {
		c->tls_write = w == TLS_WANT_WRITE;
		conn_watch(c);
		return;
	}
	if (w != TLS_DONE) {
		trace_event(TRACE_INFO, "tls-failed", c->id, "%s", tls_error(c->tls));
		conn_close(c, "handshake failed");
		return;
	}
	c->tls_write = false;
	trace_tls(c);
	start_talk(c, c->service->tls_first);
}

/* ---- start */

/* greet: false after STARTTLS, when the client speaks first. */
static void start_talk(struct conn *c, bool greet)
{
	bool login = c->service->dialogue != &smtp_dialogue;

	conn_move(c, CONN_TALK);
	if (login && !c->login_by)
		c->login_by = deadline_in(c->front->conf->limit_login);
	command_deadline(c);
	if (greet)
		c->service->dialogue->greet(c);
	conn_run(c);
}

static void trace_connect(const struct conn *c)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_DEBUG, "connect");
	trace_s(&t, "s", c->id);
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	trace_u64(&t, "port", c->peer.port);
	trace_end(&t);
}

static void trace_limit(const struct conn *c, enum limits_verdict v)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_WARN, "limit");
	trace_s(&t, "s", c->id);
	trace_s(&t, "limit", limits_text(v));
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	trace_end(&t);
}

/* The peer's address is known: count it, then greet or shake hands. */
static void admit(struct conn *c)
{
	const struct conf *conf = c->front->conf;
	enum limits_verdict v = limits_address(&c->front->limits, &c->peer,
		(size_t)conf->limit_connections_per_address, (size_t)conf->limit_connections_per_network);

	trace_connect(c);
	if (v != LIMITS_OK) {
		enum bye why = v == LIMITS_ADDRESS ? BYE_ADDRESS : BYE_NETWORK;

		trace_limit(c, v);
		if (!c->service->tls_first) {
			conn_say(c, "%s", c->service->dialogue->bye[why]);
			if (flush(c) < 0)
				return;
		}
		conn_close(c, bye_reason[why]);
		return;
	}
	c->in_address = true;
	if (c->service->tls_first) {
		start_handshake(c);
	} else if (strcmp(c->service->name, "smtp") == 0 && conf->limit_greeting_delay > 0) {
		conn_move(c, CONN_DELAY);
		conn_deadline(c, conf->limit_greeting_delay);
		conn_watch(c);
	} else {
		start_talk(c, true);
	}
}

/* Peeks, so that nothing behind the header is taken: TLS may start there. The
 * low-water mark keeps a slow header from waking us for bytes already seen. */
static void read_proxy(struct conn *c)
{
	char *p = c->front->scratch;
	struct proxy_header h;
	ssize_t n = recv(c->fd, p, PROXY_MAX, MSG_PEEK | MSG_DONTWAIT), len;
	int low = 1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	len = n <= 0 ? E_CLOSED : proxy_parse(str_make(p, (size_t)n), &h);
	if (len == 0 && n < PROXY_MAX) {
		low = (int)n + 1;
		if ((size_t)n > c->scanned) {
			c->scanned = (size_t)n;
			setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
			return;
		}
		len = E_CLOSED; /* woken without a byte more: the end */
		low = 1;
	}
	if (len <= 0 || recv(c->fd, p, (size_t)len, MSG_DONTWAIT) != len) {
		trace_event(TRACE_WARN, "proxy-header", c->id, "%s", n <= 0 ? "closed" : "malformed");
		conn_close(c, "no PROXY header");
		return;
	}
	setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
	if (!h.local) {
		c->peer = h.src;
		c->local = h.dst;
	}
	c->scanned = 0;
	conn_move(c, CONN_START);
	admit(c);
}

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
	front_status(f);
	if (proxied) {
		conn_move(c, CONN_PROXY);
		conn_deadline(c, front_wait(f, f->conf->limit_handshake));
		conn_watch(c);
	} else {
		admit(c);
	}
}

/* ---- events */

/* Before the greeting of port 25: who talks now does not speak SMTP. */
static void early_talker(struct conn *c)
{
	char b;

	if (recv(c->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		conn_close(c, "client left");
		return;
	}
	trace_event(TRACE_INFO, "early-talker", c->id, "bytes before the greeting");
	conn_say(c, "554 5.5.0 SMTP synchronization error");
	conn_finish(c, "talked before the greeting");
}

static void closing(struct conn *c)
{
	if (c->out.n > 0 && flush(c) < 0)
		return;
	if (c->out.n > 0)
		return;
	if (c->tls)
		tls_shutdown(c->tls);
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
		read_proxy(c);
		break;
	case CONN_DELAY:
		early_talker(c);
		break;
	case CONN_HANDSHAKE:
		handshake(c);
		break;
	case CONN_TALK:
		conn_run(c);
		break;
	case CONN_AUTHD:
		if (flush(c) == 0)
			conn_watch(c);
		break;
	case CONN_STARTTLS:
		if (flush(c) == 0 && c->out.n == 0)
			start_handshake(c);
		break;
	case CONN_OFFERED:
	case CONN_ROOM:
		handover_client(c, what);
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

	(void)fd;
	if (!(what & EV_TIMEOUT)) { /* conn_more */
		if (c->state == CONN_TALK)
			conn_run(c);
		else if (c->room)
			handover_client(c, EV_READ | EV_WRITE);
		return;
	}
	switch (c->state) {
	case CONN_DELAY:
		start_talk(c, true);
		break;
	case CONN_AUTHD:
		sasl_abort(c);
		conn_move(c, CONN_TALK);
		command_deadline(c);
		c->service->dialogue->result(c, SASL_UNAVAILABLE);
		conn_run(c);
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
	trace_close(c, reason);
	if (c->sasl)
		sasl_abort(c);
	handover_free(c);
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
	while (f->dead) {
		struct conn *c = f->dead;

		f->dead = c->next;
		c->service->dialogue->forget(c);
		conn_set(&c->mech, STR_NONE);
		conn_set(&c->user, STR_NONE);
		conn_set(&c->ticket, STR_NONE);
		conn_set(&c->state_text, STR_NONE);
		buf_wipe(&c->in);
		buf_wipe(&c->out);
		free(c);
	}
}

void conn_trace_login(struct conn *c, bool ok, const char *why)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, ok ? TRACE_INFO : TRACE_WARN, ok ? "login" : "login-failed");
	trace_s(&t, "s", c->id);
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	if (c->user)
		trace_s(&t, "user", c->user);
	if (c->mech)
		trace_s(&t, "mech", c->mech);
	trace_s(&t, "tls", c->tls ? tls_version(c->tls) : "none");
	if (why)
		trace_s(&t, "why", why);
	trace_end(&t);
}
