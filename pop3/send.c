/* SPDX-License-Identifier: ISC
 *
 * send.c: replies. A multi-line reply ends in a line "."; lines of the
 * message that begin with a dot get a second one (RFC 1939 3, byte-stuffing).
 * A message is sent piece by piece: a session needs the memory of one piece,
 * whatever the message's size.
 */
#include "pop3/session.h"

#define PIECE ((size_t)64 * 1024)

static void reply(struct pop3_session *s, const char *status, const char *fmt, va_list ap)
{
	struct buf line;

	buf_init(&line, 500); /* RFC 2449 4: 512 with status and CRLF */
	buf_vfmt(&line, fmt, ap);
	stream_puts(s->io, status);
	stream_write(s->io, buf_view(&line));
	stream_puts(s->io, "\r\n");
	buf_done(&line);
}

void pop3_ok(struct pop3_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply(s, "+OK ", fmt, ap);
	va_end(ap);
}

void pop3_err(struct pop3_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reply(s, "-ERR ", fmt, ap);
	va_end(ap);
}

/* What of the message has gone out. */
struct sending {
	struct stream *io;
	bool line_start; /* the last byte was an LF, or none was sent */
	bool blank; /* the line so far is empty */
	bool in_body;
	uint64_t body_lines; /* still to send */
	bool done; /* TOP: enough */
};

static bool only_line_end(struct str s)
{
	return str_eqc(s, "\r\n") || str_eqc(s, "\n") || str_eqc(s, "\r");
}

/* One line, or the part of it that is in this piece. */
static void send_line(struct sending *o, struct str line)
{
	bool ends = line.p[line.n - 1] == '\n';

	if (o->in_body && o->line_start && !o->body_lines) {
		o->done = true;
		return;
	}
	if (o->line_start && line.p[0] == '.')
		stream_puts(o->io, ".");
	stream_write(o->io, line);
	if (o->in_body && ends && o->body_lines != UINT64_MAX)
		o->body_lines--;
	o->blank = (o->line_start || o->blank) && only_line_end(line);
	if (ends && o->blank)
		o->in_body = true;
	o->line_start = ends;
}

/* A piece of the message, all at once where nothing needs a look at each line. */
static void send_piece(struct sending *o, struct str piece)
{
	bool all = o->body_lines == UINT64_MAX;

	while (piece.n && !o->done && !o->io->err) {
		ssize_t at = all ? str_search(piece, STR("\n.")) : str_find(piece, '\n');
		struct str line = at < 0 ? piece : str_sub(piece, 0, (size_t)at + 1);

		send_line(o, line);
		piece = str_from(piece, line.n);
	}
}

/* The text without the last ".". Lines may be cut anywhere between two pieces. */
static int send_text(struct pop3_session *s, struct store_msg *m, uint64_t body_lines)
{
	struct sending o = { .io = s->io, .line_start = true, .body_lines = body_lines };
	uint64_t at = 0;
	struct buf piece;
	int r = 0;

	buf_init(&piece, PIECE);
	while (!o.done && !r && at < m->size) {
		buf_reset(&piece);
		r = store_msg_read(m, at, PIECE, &piece);
		if (!r)
			r = piece.err;
		if (!r && !piece.n)
			r = E_DAMAGED;
		if (r)
			break;
		send_piece(&o, buf_view(&piece));
		at += piece.n;
		r = s->io->err;
	}
	if (!r && !o.line_start)
		stream_puts(s->io, "\r\n");
	buf_done(&piece);
	return r;
}

int pop3_send_message(struct pop3_session *s, uint32_t index, uint64_t body_lines)
{
	struct store_msg m;
	int r = store_msg_open(s->view, index, &m);

	if (r) {
		pop3_err(s, r == E_NOTFOUND ? "message was removed by another session" :
					      "[SYS/TEMP] message cannot be read");
		return r;
	}
	pop3_ok(s, "%llu octets", (unsigned long long)m.size);
	r = send_text(s, &m, body_lines);
	store_msg_close(&m);
	if (!r) {
		stream_puts(s->io, ".\r\n");
	} else if (!s->io->err) {
		/* in the middle of a text there is no word for "error": half a message
		 * must not look like a whole one */
		stream_flush(s->io);
		s->io->err = r;
	}
	return r;
}
