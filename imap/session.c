/* SPDX-License-Identifier: ISC
 *
 * session.c: the loop of one IMAP session: read a command, run it, tell what
 * changed, answer. Blocking, straight-line; every wait has the deadline of the
 * settings and ends when front lets go of the lease.
 *
 *   authenticated  --SELECT, EXAMINE-->  selected  (s->view)
 *        ^------ CLOSE, UNSELECT, failed SELECT ------'
 *   any  --LOGOUT, deadline, kick, too many bad commands-->  ending
 *
 * Always true: exactly one tagged reply for each command that had a tag, and
 * nothing is sent after BYE but that reply.
 *
 * A session that waits in IDLE may sleep: front gets it back with all that it is
 * (hibernate.c), and another process goes on with it later, here.
 */
#include "imap/session.h"

#include "base/file.h"
#include "imap/body.h"
#include "imap/commands.h"

#define REPLY_MAX (4 * 1024 * 1024) /* COPYUID and MODIFIED sets of scattered UIDs are long */
#define KEEP_TEXT 8192 /* a larger command buffer is given back at once */

static void event_end(struct imap_session *s, const char *why, int64_t since)
{
	struct trace t;

	trace_begin(&t, s->asleep ? TRACE_DEBUG : TRACE_INFO, s->asleep ? "sleep" : "logout");
	trace_str(&t, "s", s->id);
	trace_str(&t, "user", s->user);
	trace_s(&t, "why", why);
	trace_u64(&t, "commands", s->commands);
	trace_u64(&t, "in", s->stream->bytes_in);
	trace_u64(&t, "out", s->stream->bytes_out);
	trace_u64(&t, "fetched", s->fetched);
	trace_u64(&t, "appended", s->appended);
	trace_u64(&t, "expunged", s->expunged);
	trace_u64(&t, "ms", (uint64_t)(clock_mono_ms() - since));
	trace_end(&t);
}

static void send_reply(struct imap_session *s)
{
	static const char *const word[] = { [IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD" };
	struct str tag = s->in.tag.n ? s->in.tag : STR("*");

	BUG_ON(s->result == IMAP_NONE);
	if (s->reply.err) { /* a list of UIDs too long to tell: the client asks */
		buf_reset(&s->reply);
		buf_puts(&s->reply, "Done");
	}
	stream_write(s->stream, tag);
	stream_fmt(s->stream, " %s ", word[s->result]);
	stream_write(s->stream, buf_view(&s->reply));
	stream_puts(s->stream, "\r\n");
}

static void count_bad(struct imap_session *s)
{
	if (++s->bad > (uint64_t)s->conf->limit_errors)
		imap_bye(s, "Too many bad commands");
}

/* Runs the command in s->in and tells what changed (RFC 3501 7.4.1). */
static void run(struct imap_session *s)
{
	const struct imap_command *cmd = imap_command(s->in.verb, s->in.uid);

	s->result = IMAP_NONE;
	s->hold = false;
	s->commands += !s->woken_idle; /* it was counted before the sleep */
	if (!cmd) {
		imap_bad(s, "Unknown command");
		return;
	}
	if ((cmd->flags & IMAP_SELECTED) && !s->view) {
		imap_bad(s, "No mailbox selected");
		return;
	}
	if ((cmd->flags & IMAP_NOARGS) && !cur_end(&s->in.args)) {
		imap_bad(s, "Command takes no arguments");
		return;
	}
	cmd->run(s);
	if (s->asleep)
		return;
	if (file_fsync_failed())
		imap_bye(s, "[UNAVAILABLE] The disk failed, connect again");
	else if (!(cmd->flags & IMAP_QUIET) && s->result != IMAP_BAD)
		imap_tell(s, !(cmd->flags & IMAP_NUMBERS) || (s->in.uid && !s->hold));
}

/* Why the stream is over, said to the client where it can still hear it. */
static const char *stream_over(struct imap_session *s, int r)
{
	switch (r) {
	case E_TIMEOUT:
		imap_bye(s, "Autologout, no command for too long");
		return "timeout";
	case E_KICKED:
		imap_bye(s, "Session ended by the server");
		return "kicked";
	case E_CLOSED:
		return "closed";
	default:
		return err_text(r);
	}
}

/* Waits for the first byte of a command up to the autologout, then reads it with
 * the deadline for clients in the middle of something. */
static int read_command(struct imap_session *s, const char **why_out, bool *fatal_out)
{
	struct imap_input_limits lim = { .line = (size_t)s->conf->imap_line_length,
		.discard = 2 * s->conf->smtp_message_size };
	int r;

	*fatal_out = false;
	if (!stream_view(s->stream).n) {
		r = stream_wait(s->stream, -1, deadline_in(s->conf->imap_idle_timeout));
		if (r <= 0)
			return r ? r : E_TIMEOUT;
	}
	s->stream->timeout_ms = s->conf->imap_write_timeout;
	s->stream->min_rate = (uint32_t)s->conf->limit_min_rate;
	return imap_input_read(&s->in, s->stream, &lim, why_out, fatal_out);
}

/* The IDLE that went on while the session slept is the command in hand again. */
static int resume_idle(struct imap_session *s, const char **why_out, bool *fatal_out)
{
	*fatal_out = false;
	buf_reset(&s->in.text);
	buf_fmt(&s->in.text, "%.*s IDLE", STRF(s->handover->tag));
	return imap_input_parse(&s->in, why_out);
}

static void forget_command(struct imap_session *s)
{
	arena_reset(&s->a);
	if (s->in.text.cap > KEEP_TEXT) {
		imap_input_done(&s->in);
		imap_input_init(&s->in, (size_t)s->conf->imap_line_length);
	}
	if (s->reply.cap > KEEP_TEXT) {
		buf_done(&s->reply);
		buf_init(&s->reply, REPLY_MAX);
	}
}

static const char *loop(struct imap_session *s)
{
	while (!s->ending) {
		const char *why;
		bool fatal;
		int r = s->woken_idle ? resume_idle(s, &why, &fatal) : read_command(s, &why, &fatal);

		if (fatal) {
			imap_bye(s, "[TOOBIG] Literal too large");
			return "literal too large";
		}
		if (!r)
			run(s);
		else if (r == E_SYNTAX)
			imap_bad(s, "%s", why);
		else if (r == E_LIMIT)
			imap_no(s, "[TOOBIG] %s", why);
		else
			return stream_over(s, r);
		if (r == E_LIMIT && !s->in.tag.n)
			imap_bad(s, "%s", why);
		if (s->asleep)
			return "asleep";
		if (s->result == IMAP_BAD || r)
			count_bad(s);
		send_reply(s);
		if (s->stream->err)
			return stream_over(s, s->stream->err);
		forget_command(s);
	}
	return s->bad > (uint64_t)s->conf->limit_errors ? "too many bad commands" : "logout";
}

static void event_begin(struct imap_session *s, const struct handover *h)
{
	char ip[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, h->state.n ? TRACE_DEBUG : TRACE_INFO, h->state.n ? "wake" : "session");
	trace_str(&t, "s", s->id);
	trace_str(&t, "user", s->user);
	trace_str(&t, "service", h->service);
	trace_s(&t, "peer", addr_text(&h->peer, ip));
	if (h->tls_version.n)
		trace_str(&t, "tls", h->tls_version);
	if (h->id_params.n)
		trace_str(&t, "client", h->id_params);
	trace_end(&t);
}

void imap_session_run(struct stream *stream, struct store *store, const struct conf *conf,
	const struct handover *h, struct str user, const char *login)
{
	struct imap_session s = { .stream = stream, .store = store, .conf = conf, .id = h->id,
		.user = user, .bad = h->errors, .handover = h };
	int64_t since = clock_mono_ms();
	const char *why = "unavailable";

	arena_init(&s.a);
	arena_init(&s.ma);
	imap_tree_init(&s.tree);
	buf_init(&s.reply, REPLY_MAX);
	imap_input_init(&s.in, (size_t)conf->imap_line_length);
	event_begin(&s, h);
	stream->timeout_ms = conf->imap_write_timeout;
	if (h->state.n) {
		if (login)
			imap_bye(&s, "[UNAVAILABLE] Mailbox is not available");
		else if (imap_wake(&s))
			why = loop(&s);
	} else if (login) {
		stream_fmt(stream, "%.*s NO [UNAVAILABLE] %s\r\n", STRF(h->tag), login);
		imap_bye(&s, "Mailbox is not available");
	} else {
		stream_fmt(stream, "%.*s OK [CAPABILITY " IMAP_CAPABILITIES "] Logged in\r\n", STRF(h->tag));
		why = loop(&s);
	}
	imap_leave(&s);
	stream_flush(stream);
	event_end(&s, why, since);
	imap_input_done(&s.in);
	buf_done(&s.reply);
	imap_tree_done(&s.tree);
	arena_done(&s.ma);
	arena_done(&s.a);
}
