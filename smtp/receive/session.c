/* SPDX-License-Identifier: ISC
 *
 * session.c: a session's life: taken from front, command by command, and its
 * end or its way back to front (see session.h for the states).
 *
 * Always true: one place reads command lines (next_line), one moves the state
 * (session_move), one writes replies (reply). A transaction's memory and its
 * LMTP connection do not outlive it (tx_reset).
 */
#include "smtp/receive/session.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/rand.h"

#define IN_CAP 65536 /* input buffer: as much of a stranger's as front keeps */
#define RELINK_WAIT_MS 1000
#define DRAIN_MS 2000
#define DRAIN_BYTES (1024 * 1024)

/* --- replies and events ------------------------------------------------------ */

void event_begin(struct session *s, struct trace *t, enum trace_level level, const char *name)
{
	/* what was told before the transaction slept is not told again */
	trace_begin(t, s->swallow && level == TRACE_INFO ? TRACE_DEBUG : level, name);
	trace_str(t, "s", s->h.id);
	if (s->state != SESSION_READY)
		trace_s(t, "m", s->tx.id);
}

static void write_reply(struct session *s, const struct dsn *d)
{
	static const struct dsn changed = { 421, "4.3.0", "This message cannot be continued, send it again", "" };
	struct trace t;

	if (s->swallow && d->code < 400) {
		s->swallow--;
		return;
	}
	if (s->swallow) { /* it was accepted the first time */
		s->swallow = 0;
		s->end = SESSION_CLOSE;
		d = &changed;
	}
	if (d->status[0])
		stream_fmt(&s->io, "%d %s %s\r\n", d->code, d->status, d->text);
	else
		stream_fmt(&s->io, "%d %s\r\n", d->code, d->text);
	if (d->code < 400)
		return;
	event_begin(s, &t, TRACE_INFO, "refused");
	trace_u64(&t, "code", (uint64_t)d->code);
	trace_s(&t, "status", d->status);
	if (s->about)
		trace_str(&t, s->about, str_sub(s->about_whom, 0, TRACE_TEXT));
	trace_s(&t, "reply", d->text);
	if (d->log[0])
		trace_s(&t, "why", d->log);
	trace_end(&t);
}

void reply_dsn(struct session *s, const struct dsn *why)
{
	write_reply(s, why);
}

void reply(struct session *s, int code, const char *status, const char *fmt, ...)
{
	struct dsn d = { 0 };
	char text[sizeof d.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	dsn_set(&d, code, status, "%s", text);
	write_reply(s, &d);
}

void reply_error_dsn(struct session *s, const struct dsn *why)
{
	struct dsn d = *why;

	if (++s->errors > (uint64_t)s->room->conf->limit_errors) {
		dsn_set(&d, 421, "4.7.0", "Too many errors");
		s->end = SESSION_CLOSE;
	}
	write_reply(s, &d);
}

void reply_error(struct session *s, int code, const char *status, const char *fmt, ...)
{
	struct dsn d = { 0 };
	char text[sizeof d.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	dsn_set(&d, code, status, "%s", text);
	reply_error_dsn(s, &d);
}

/* --- states -------------------------------------------------------------------- */

void session_move(struct session *s, enum session_state to)
{
	static const struct {
		enum session_state from, to;
	} legal[] = {
		{ SESSION_READY, SESSION_MAIL }, { SESSION_MAIL, SESSION_RCPT },
		{ SESSION_RCPT, SESSION_RCPT }, { SESSION_RCPT, SESSION_BDAT },
		{ SESSION_BDAT, SESSION_BDAT },
	};
	size_t i;

	for (i = 0; to != SESSION_READY && i < ARRAY_LEN(legal); i++)
		if (legal[i].from == s->state && legal[i].to == to)
			break;
	BUG_ON(to != SESSION_READY && i == ARRAY_LEN(legal));
	s->state = to;
}

void tx_begin(struct session *s)
{
	struct tx *tx = &s->tx;

	*tx = (struct tx){ 0 };
	arena_init(&tx->a);
	arena_init(&tx->ahead.a);
	rand_id(tx->id, TX_ID);
	if (s->again.n) {
		memcpy(tx->id, s->again.p, TX_ID);
		tx->refused = s->refused_before;
		s->again = STR_NONE;
	}
	buf_init(&tx->body, (size_t)s->room->conf->smtp_message_size);
	session_move(s, SESSION_MAIL);
}

void tx_reset(struct session *s)
{
	struct tx *tx = &s->tx;

	if (s->state == SESSION_READY)
		return;
	lmtp_close(&tx->lmtp);
	buf_done(&tx->body);
	buf_done(&tx->park.said);
	free(tx->rcpt);
	arena_done(&tx->ahead.a);
	arena_done(&tx->a);
	*tx = (struct tx){ 0 };
	session_move(s, SESSION_READY);
}

/* --- the beginning ------------------------------------------------------------- */

static void copy_handover(struct session *s, const struct handover *h)
{
	struct str *field[] = { &s->h.id, &s->h.service, &s->h.ticket, &s->h.user,
		&s->h.tls_version, &s->h.tls_cipher, &s->h.tls_sni, &s->h.client_cert, &s->h.client_key, &s->h.helo, &s->h.tag,
		&s->h.id_params, &s->h.command, &s->h.state };
	size_t i;

	s->h = *h;
	for (i = 0; i < ARRAY_LEN(field); i++)
		*field[i] = arena_str(&s->a, *field[i]);
}

void session_init(struct session *s, struct room *room, const struct handover *h, int client,
	int lease)
{
	*s = (struct session){ .room = room, .state = SESSION_READY, .who.key = -1 };
	arena_init(&s->a);
	arena_init(&s->cmd);
	copy_handover(s, h);
	s->errors = h->errors;
	park_restore(s);
	s->submission = !str_eqc(s->h.service, "smtp");
	s->turn = deadline_in(room->conf->limit_room_wait / 4 + 1);
	fd_nonblock(client, false);
	stream_init(&s->io, client, lease, MAX(IN_CAP, room->conf->smtp_command_length),
		room->conf->limit_smtp_idle);
	if (stream_unread(&s->io, s->h.command))
		s->end = SESSION_CLOSE;
}

/* What waits in the control socket: a link that master replaced just now. */
static bool control_waits(const struct room *room, int ms)
{
	struct pollfd p = { .fd = room->control, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

void room_update(struct room *room)
{
	while (control_waits(room, 0))
		room->on_control(room);
}

bool room_relink(struct room *room, const int *link, int was)
{
	deadline d = deadline_in(RELINK_WAIT_MS);

	while (*link == was && control_waits(room, deadline_left(d)))
		room->on_control(room);
	return *link >= 0 && *link != was;
}

bool session_identify(struct session *s)
{
	struct room *room = s->room;
	int link = room->authd, r;

	if (str_eqc(s->h.service, "submit"))
		return local_identify(s);
	if (!s->h.ticket.n)
		return true;
	r = auth_redeem(link, s->h.ticket, s->h.service, &s->a, &s->who, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_redeem(room->authd, s->h.ticket, s->h.service, &s->a, &s->who,
			deadline_in(AUTHD_WAIT_MS));
	fd_close(&s->who.key);
	if (r || s->who.result != AUTH_OK) {
		reply(s, 421, "4.3.0", "Your login could not be confirmed, connect again");
		s->end = SESSION_CLOSE;
		return false;
	}
	s->authenticated = true;
	return true;
}

/* --- command by command --------------------------------------------------------- */

static void stream_failed(struct session *s, int err)
{
	if (err == E_TIMEOUT)
		reply(s, 421, "4.4.2", "Timeout, closing the connection");
	else if (err == E_KICKED)
		reply(s, 421, "4.3.2", "The server closes this connection");
	s->end = SESSION_CLOSE;
}

/* A place in the pool is worth more than patience with a silent client (C26): front
 * is told, and ends the session (E_KICKED) as soon as another waits for the place. */
static void tell_silent(struct session *s, bool silent)
{
	if (s->silent == silent || !s->room->silent)
		return;
	s->silent = silent;
	s->room->silent(s->room, s->h.id, silent);
}

/* How long a client may be silent before something is done about it. */
static int64_t patience(const struct session *s)
{
	const struct conf *conf = s->room->conf;

	if (!park_possible(s))
		return s->h.pressed ? MIN(conf->smtp_park_after, conf->limit_pressure_wait) : conf->limit_pressure_wait;
	return s->h.pressed ? MIN(conf->smtp_park_pressed, conf->smtp_park_after) : conf->smtp_park_after;
}

/* The next wait of one that has been silent for so long. */
static int64_t slice(const struct session *s, int64_t silent_ms, int64_t limit_ms)
{
	int64_t patience_ms = patience(s);

	return (silent_ms < patience_ms ? MIN(patience_ms, limit_ms) : limit_ms) - silent_ms;
}

/* The minimum rate over the whole of data_timeout, from slices that were too slow. */
static int slow_for(struct session *s, int64_t ms)
{
	const struct conf *conf = s->room->conf;
	uint64_t moved;

	s->slow.ms += ms;
	if (s->slow.ms < conf->smtp_data_timeout)
		return 0;
	moved = s->io.bytes_in - s->slow.from;
	s->slow.from = s->io.bytes_in;
	ms = s->slow.ms;
	s->slow.ms = 0;
	return moved < conf->limit_min_rate * (uint64_t)ms / 1000 ? E_TIMEOUT : 0;
}

int session_fill(struct session *s)
{
	const struct conf *conf = s->room->conf;
	int64_t silent = 0, limit = conf->smtp_data_timeout;
	int r;

	if (stream_view(&s->io).n)
		return 0;
	if (!s->slow.ms)
		s->slow.from = s->io.bytes_in;
	s->io.timeout_ms = limit;
	r = stream_flush(&s->io); /* never in slices: a write that failed is the end */
	s->io.min_rate = (uint32_t)conf->limit_min_rate;
	while (!r) {
		s->io.timeout_ms = slice(s, silent, limit);
		r = stream_fill(&s->io);
		if (r != E_TIMEOUT)
			break;
		silent += s->io.timeout_ms;
		r = silent < limit ? slow_for(s, s->io.timeout_ms) : E_TIMEOUT;
		if (!r && park_possible(s)) {
			park(s, true);
			r = E_PARKED;
			break;
		}
		tell_silent(s, true);
	}
	tell_silent(s, false);
	s->io.timeout_ms = limit;
	return r;
}

/* Waits for bytes of the client. Between transactions a silent client goes back
 * to the door, which can hold thousands of them. */
static void wait_client(struct session *s)
{
	const struct conf *conf = s->room->conf;
	deadline idle = deadline_in(conf->limit_smtp_idle);
	deadline back = deadline_in(conf->smtp_handback_idle);
	deadline next = deadline_in(slice(s, 0, conf->limit_smtp_idle));
	int r;

	for (;;) {
		bool ready = s->state == SESSION_READY && back < idle;

		r = stream_wait(&s->io, s->room->control, ready ? back : next);
		if (r < 0 || r & 1)
			break;
		if (r & 2) {
			s->room->on_control(s->room);
			if (s->room->stopping) {
				reply(s, 421, "4.3.2", "The server is shutting down");
				s->end = SESSION_CLOSE;
				return;
			}
		}
		if (!r && ready) {
			s->end = SESSION_HANDBACK;
			return;
		}
		if (!r && deadline_passed(idle)) {
			r = E_TIMEOUT;
			break;
		}
		if (!r && park_possible(s)) {
			park(s, false);
			return;
		}
		if (!r) {
			tell_silent(s, true);
			next = idle;
		}
	}
	tell_silent(s, false);
	if (r < 0)
		stream_failed(s, r);
}

/* A line of which a part may be here; the rest is waited for like anything else. */
static int read_line(struct session *s, struct str *line_out)
{
	const struct conf *conf = s->room->conf;
	int64_t silent = 0, limit = conf->limit_smtp_idle;
	int r;

	s->io.timeout_ms = limit;
	s->io.min_rate = 0;
	r = stream_has_line(&s->io) ? 0 : stream_flush(&s->io);
	while (!r) {
		s->io.timeout_ms = slice(s, silent, limit);
		r = stream_line(&s->io, (size_t)conf->smtp_command_length, line_out);
		if (r != E_TIMEOUT)
			break;
		silent += s->io.timeout_ms;
		if (silent < limit && park_possible(s)) {
			park(s, false);
			break;
		}
		if (silent < limit)
			r = 0;
		tell_silent(s, true);
	}
	tell_silent(s, false);
	s->io.timeout_ms = limit;
	return r;
}

/* True: *line_out is a command. */
static bool next_line(struct session *s, struct str *line_out)
{
	int r;

	s->h.parked = 0;
	s->h.parked_data = false;
	s->h.parked_need = 0;

	/* a client with one message behind the other must not keep out those that wait
	 * at the door: it stands in line like them */
	if (s->state == SESSION_READY && !stream_view(&s->io).n && deadline_passed(s->turn)) {
		s->end = SESSION_HANDBACK;
		return false;
	}
	if (!stream_has_line(&s->io)) {
		wait_client(s);
		if (s->end != SESSION_ON)
			return false;
	}
	r = read_line(s, line_out);
	if (!r)
		return true;
	if (s->end == SESSION_HANDBACK)
		return false;
	if (r == E_LIMIT)
		reply_error(s, 500, "5.5.2", "Line too long");
	else if (r == E_SYNTAX)
		reply_error(s, 500, "5.5.2", "A command ends in <CR><LF> and holds no <CR>, <LF> or NUL inside");
	else
		stream_failed(s, r);
	return false;
}

void session_run(struct session *s)
{
	struct str line;

	while (s->end == SESSION_ON) {
		arena_reset(&s->cmd);
		if (next_line(s, &line))
			verb_run(s, line);
	}
	tx_reset(s);
}

/* --- the end -------------------------------------------------------------------- */

void session_handback(struct session *s, struct ipc_msg *m)
{
	struct handover h = s->h;
	struct buf command;

	buf_init(&command, IPC_MAX);
	if (s->unused.p) {
		buf_str(&command, s->unused);
		if (!h.parked)
			buf_puts(&command, "\r\n");
	}
	buf_str(&command, stream_pending(&s->io));
	h.command = arena_str(&s->a, buf_view(&command));
	h.errors = s->errors;
	if (s->authenticated && !s->local) {
		h.ticket = s->who.renew;
		h.user = s->who.user;
	}
	if (!h.parked)
		h.state = str_of(arena_fmt(&s->a, "messages=%u", s->messages));
	ipc_init(m, "handback");
	handover_print(&h, m);
	ipc_add_fd(m, "client", s->io.fd);
	if (command.err)
		m->err = command.err;
	buf_done(&command);
}

/* The client may be in the middle of a message. Closing now would let TCP throw
 * our reply away (RFC 1122 4.2.2.13), so swallow a bounded part of what comes. */
static void drain(struct session *s)
{
	deadline d = deadline_in(DRAIN_MS);
	size_t n = 0;

	if (stream_flush(&s->io))
		return;
	shutdown(s->io.fd, SHUT_WR);
	while (n < DRAIN_BYTES && stream_wait(&s->io, -1, d) == 1) {
		size_t have;

		if (stream_fill(&s->io))
			return;
		have = stream_view(&s->io).n;
		stream_skip(&s->io, have);
		n += have;
	}
}

void session_done(struct session *s)
{
	tx_reset(s);
	if (s->end == SESSION_DRAIN)
		drain(s);
	else if (s->end != SESSION_HANDBACK)
		stream_flush(&s->io);
	stream_done(&s->io);
	arena_done(&s->cmd);
	arena_done(&s->a);
}
