/* SPDX-License-Identifier: ISC
 *
 * session.c: the life of one LMTP connection in a child (see session.h):
 * lines in, replies out, the end or the way back to the parent.
 */
#include "delivery/session.h"

#include <stdarg.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/rand.h"

#define IN_CAP 65536
#define AGAIN_MAX 32768 /* unread bytes that fit into a message to the parent, escaped */
/* smtpd may wait for its client as long as it likes; its death closes the connection */
#define INSIDE_WAIT_MS (24 * 3600 * 1000)
#define DRAIN_MS 2000
#define DRAIN_BYTES (1024 * 1024)

/* --- replies and events ----------------------------------------------------- */

void event_begin(struct session *s, struct trace *t, enum trace_level level, const char *name)
{
	trace_begin(t, level, name);
	trace_s(t, "s", s->id);
	if (s->tx.id[0])
		trace_s(t, "m", s->tx.id);
}

void reply_dsn(struct session *s, const struct dsn *d)
{
	struct trace t;

	if (d->status[0])
		stream_fmt(&s->io, "%d %s %s\r\n", d->code, d->status, d->text);
	else
		stream_fmt(&s->io, "%d %s\r\n", d->code, d->text);
	if (d->code < 400)
		return;
	event_begin(s, &t, TRACE_INFO, "refused");
	trace_u64(&t, "code", (uint64_t)d->code);
	trace_s(&t, "status", d->status);
	trace_s(&t, "reply", d->text);
	if (d->log[0])
		trace_s(&t, "why", d->log);
	trace_end(&t);
}

static void reply_v(struct session *s, int code, const char *status, const char *fmt, va_list ap)
{
	struct dsn d = { 0 };
	char text[sizeof d.text];

	vsnprintf(text, sizeof text, fmt, ap);
	dsn_set(&d, code, status, "%s", text);
	reply_dsn(s, &d);
}

void reply(struct session *s, int code, const char *status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply_v(s, code, status, fmt, ap);
	va_end(ap);
}

void reply_error(struct session *s, int code, const char *status, const char *fmt, ...)
{
	va_list ap;

	if (++s->errors > s->conf->limit_errors) {
		reply(s, 421, "4.7.0", "Too many errors");
		s->end = SESSION_CLOSE;
		return;
	}
	va_start(ap, fmt);
	reply_v(s, code, status, fmt, ap);
	va_end(ap);
}

void session_lost(struct session *s, int err)
{
	if (err == E_TIMEOUT)
		reply(s, 421, "4.4.2", "Timeout, closing the connection");
	s->end = SESSION_CLOSE;
}

/* --- transaction -------------------------------------------------------------- */

void tx_begin(struct session *s)
{
	struct tx *tx = &s->tx;

	*tx = (struct tx){ .queue = -1 };
	arena_init(&tx->a);
	rand_id(tx->id, TX_ID);
	buf_init(&tx->body, (size_t)s->conf->smtp_message_size + 65536); /* room for what smtpd put in front */
	s->state = SESSION_MAIL;
}

void tx_reset(struct session *s)
{
	struct tx *tx = &s->tx;
	size_t i;

	if (s->state == SESSION_NEW || s->state == SESSION_READY)
		return;
	for (i = 0; i < tx->naccounts; i++)
		fd_close(&tx->account[i].key);
	fd_close(&tx->queue);
	free(tx->account);
	free(tx->rcpt);
	buf_done(&tx->body);
	arena_done(&tx->a);
	*tx = (struct tx){ 0 };
	s->state = SESSION_READY;
}

/* --- beginning, middle, end ---------------------------------------------------- */

static bool id_ok(struct str id)
{
	size_t i;

	for (i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'z')))
			return false;
	return id.n == TX_ID;
}

bool session_rename(struct session *s, struct str id)
{
	if (!id_ok(id))
		return false;
	if (memcmp(s->id, id.p, TX_ID)) {
		memcpy(s->id, id.p, TX_ID);
		proc_title("lmtpd %s", s->id);
	}
	return true;
}

static void set_peer(struct session *s, int client)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (s->inside || getpeername(client, (struct sockaddr *)&sa, &len) < 0 ||
		addr_of_sockaddr((struct sockaddr *)&sa, len, &s->peer))
		s->peer = (struct addr){ 0 };
}

void session_init(struct session *s, struct ipc_msg *m, int client)
{
	bool again = ipc_is(m, "again");

	arena_init(&s->a);
	arena_init(&s->cmd);
	if (!session_rename(s, ipc_get(m, "session")))
		rand_id(s->id, TX_ID);
	s->inside = ipc_is(m, "lmtp") || (again && ipc_get_bool(m, "inside"));
	s->helo = again ? arena_str(&s->a, ipc_get(m, "helo")) : STR_NONE;
	s->state = again ? SESSION_READY : SESSION_NEW;
	set_peer(s, client);
	stream_init(&s->io, client, -1, IN_CAP, s->inside ? INSIDE_WAIT_MS : s->conf->limit_smtp_idle);
	if (again) {
		if (stream_unread(&s->io, ipc_get(m, "command")))
			s->end = SESSION_CLOSE;
	} else {
		stream_fmt(&s->io, "220 %s LMTP Mansio\r\n", s->hostname);
	}
}

void session_run(struct session *s)
{
	struct str line;
	int r;

	while (s->end == SESSION_ON) {
		arena_reset(&s->cmd);
		s->io.timeout_ms = s->inside ? INSIDE_WAIT_MS : s->conf->limit_smtp_idle;
		s->io.min_rate = 0;
		r = stream_line(&s->io, (size_t)s->conf->smtp_command_length, &line);
		if (!r)
			verb_run(s, line);
		else if (r == E_LIMIT)
			reply_error(s, 500, "5.5.2", "Line too long");
		else if (r == E_SYNTAX)
			reply_error(s, 500, "5.5.2",
				"A command ends in <CR><LF> and holds no <CR>, <LF> or NUL inside");
		else
			session_lost(s, r);
	}
	tx_reset(s);
}

/* The parent forks a fresh child for the next message of this client. */
static void give_back(struct session *s)
{
	struct ipc_msg m;
	struct buf command;
	int r = stream_flush(&s->io);

	buf_init(&command, AGAIN_MAX);
	buf_str(&command, s->unused);
	buf_puts(&command, "\r\n");
	buf_str(&command, stream_pending(&s->io));
	ipc_init(&m, "again");
	ipc_setc(&m, "session", s->id);
	ipc_set(&m, "helo", s->helo);
	ipc_set_bool(&m, "inside", s->inside);
	ipc_set(&m, "command", buf_view(&command));
	ipc_add_fd(&m, "client", s->io.fd);
	if (!r)
		r = command.err ? command.err : ipc_send(s->parent, &m);
	if (r) {
		reply(s, 421, "4.3.0", "The next message needs a new connection");
		stream_flush(&s->io);
	}
	ipc_done(&m);
	buf_done(&command);
}

/* Swallows a bounded part of what still comes, so that our last reply is read. */
static void drain(struct session *s)
{
	deadline d = deadline_in(DRAIN_MS);
	size_t n = 0, have;

	if (stream_flush(&s->io))
		return;
	shutdown(s->io.fd, SHUT_WR);
	while (n < DRAIN_BYTES && stream_wait(&s->io, -1, d) == 1 && !stream_fill(&s->io)) {
		have = stream_view(&s->io).n;
		stream_skip(&s->io, have);
		n += have;
	}
}

void session_done(struct session *s)
{
	if (s->end == SESSION_AGAIN)
		give_back(s);
	else if (s->end == SESSION_DRAIN)
		drain(s);
	else
		stream_flush(&s->io);
	stream_done(&s->io);
	arena_done(&s->cmd);
	arena_done(&s->a);
}
