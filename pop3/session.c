/* SPDX-License-Identifier: ISC
 *
 * session.c: a POP3 session from the answer to the login to its end: reads
 * one line, finds the command in the table, calls it (RFC 1939 3, 5, 6).
 *
 * Replies to pipelined commands (RFC 2449 6.6) are collected and sent
 * together. Waiting for a command and waiting for the client to take an
 * answer have deadlines of their own; a minimum rate holds for the second.
 */
#include "pop3/session.h"

#include "base/file.h"
#include "trace/trace.h"

enum arg { ARG_NONE, ARG_MAY, ARG_MUST };

static const struct {
	const char *name;
	enum arg arg;
	void (*run)(struct pop3_session *s, struct str arg);
} commands[] = {
	{ "CAPA", ARG_NONE, pop3_cmd_capa },
	{ "DELE", ARG_MUST, pop3_cmd_dele },
	{ "LIST", ARG_MAY, pop3_cmd_list },
	{ "NOOP", ARG_NONE, pop3_cmd_noop },
	{ "QUIT", ARG_NONE, pop3_cmd_quit },
	{ "RETR", ARG_MUST, pop3_cmd_retr },
	{ "RSET", ARG_NONE, pop3_cmd_rset },
	{ "STAT", ARG_NONE, pop3_cmd_stat },
	{ "TOP", ARG_MUST, pop3_cmd_top },
	{ "UIDL", ARG_MAY, pop3_cmd_uidl },
};

static void log_login(const struct pop3_session *s, const struct handover *h)
{
	char ip[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_INFO, "session");
	trace_str(&t, "s", s->id);
	trace_str(&t, "user", s->user);
	trace_str(&t, "service", h->service);
	trace_s(&t, "peer", addr_text(&h->peer, ip));
	if (h->tls_version.n)
		trace_str(&t, "tls", h->tls_version);
	trace_u64(&t, "messages", s->count);
	trace_u64(&t, "size", s->size);
	trace_end(&t);
}

static void log_end(const struct pop3_session *s, const char *why)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "logout");
	trace_str(&t, "s", s->id);
	trace_str(&t, "user", s->user);
	trace_s(&t, "why", why);
	trace_u64(&t, "retr", s->retr);
	trace_u64(&t, "top", s->top);
	trace_u64(&t, "deleted", s->deleted);
	trace_u64(&t, "in", s->io->bytes_in);
	trace_u64(&t, "out", s->io->bytes_out);
	trace_end(&t);
}

/* keyword SP args; keywords of three or four letters, case folded (RFC 1939 3) */
static void run_line(struct pop3_session *s, struct str line)
{
	struct str arg = line, word = str_cut(&arg, ' ');
	size_t i;

	arg = str_trim(arg);
	for (i = 0; i < ARRAY_LEN(commands); i++) {
		if (!str_ieqc(word, commands[i].name))
			continue;
		if ((commands[i].arg == ARG_NONE && arg.n) || (commands[i].arg == ARG_MUST && !arg.n))
			break;
		commands[i].run(s, arg);
		return;
	}
	s->errors++;
	if (i < ARRAY_LEN(commands))
		pop3_err(s, "wrong arguments");
	else
		pop3_err(s, "unknown command");
}

/* Replies wait while more commands are here. */
static int next_line(struct pop3_session *s, struct str *line)
{
	int r = 0;

	if (!stream_has_line(s->io)) {
		s->io->min_rate = (uint32_t)s->conf->limit_min_rate;
		s->io->timeout_ms = s->conf->pop3_write_timeout;
		r = stream_flush(s->io);
	}
	s->io->min_rate = 0;
	s->io->timeout_ms = s->conf->pop3_idle_timeout;
	if (!r)
		r = stream_line(s->io, POP3_LINE_MAX - 2, line);
	s->io->min_rate = (uint32_t)s->conf->limit_min_rate;
	s->io->timeout_ms = s->conf->pop3_write_timeout;
	return r;
}

/* The words for the log when a session ends without QUIT. */
static const char *end_reason(int err)
{
	switch (err) {
	case E_TIMEOUT:
		return "timeout";
	case E_CLOSED:
		return "closed";
	case E_KICKED:
		return "ended by the door";
	default:
		return err_text(err);
	}
}

/* Until QUIT or the end of the connection; for the log, why. */
static const char *serve(struct pop3_session *s)
{
	struct str line;
	int r;

	while (!s->over) {
		r = next_line(s, &line);
		if (r == E_LIMIT || r == E_SYNTAX) {
			s->errors++;
			pop3_err(s, r == E_LIMIT ? "line too long" : "malformed line");
		} else if (r) {
			return end_reason(r);
		} else {
			run_line(s, line);
			s->over = s->over || file_fsync_failed();
		}
		if (s->io->err)
			return end_reason(s->io->err);
		if (s->errors >= (uint64_t)s->conf->limit_errors) {
			pop3_err(s, "too many errors");
			stream_flush(s->io);
			return "errors";
		}
	}
	r = stream_flush(s->io);
	return r ? end_reason(r) : "quit";
}

void pop3_session_run(struct stream *io, struct store *store, const struct conf *conf,
	const struct handover *h, struct str user, const char *why)
{
	struct pop3_session s = { .io = io, .store = store, .conf = conf, .id = h->id, .user = user,
		.errors = h->errors };
	int r = store ? pop3_maildrop_open(&s) : 0;

	io->min_rate = (uint32_t)conf->limit_min_rate;
	io->timeout_ms = conf->pop3_write_timeout;
	if (r)
		why = r == E_TEMP ? "mailbox is busy, try again later" : "mailbox cannot be opened";
	if (why) {
		pop3_err(&s, "[SYS/TEMP] %s", why);
		stream_flush(io);
		log_end(&s, r ? err_text(r) : why);
		return;
	}
	log_login(&s, h);
	pop3_ok(&s, "%u messages (%llu octets)", s.count, (unsigned long long)s.size);
	log_end(&s, serve(&s));
	pop3_maildrop_close(&s);
}
