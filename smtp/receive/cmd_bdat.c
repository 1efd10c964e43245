/* SPDX-License-Identifier: ISC
 *
 * cmd_bdat.c: BDAT (RFC 3030): chunks of a declared number of octets.
 *
 * Whatever the reply will be, the octets behind the command are read first:
 * what is data must never be taken for commands (C04). Where that is
 * impossible (no number, or more than we would ever read) the connection ends.
 * After a refused chunk the rest of them is read and refused with 503 until
 * RSET or a new session (RFC 3030 2).
 */
#include "smtp/receive/session.h"

static bool lost(struct session *s, int r)
{
	if (r == E_TIMEOUT)
		reply(s, 421, "4.4.2", "Timeout while reading a chunk");
	else if (r == E_KICKED)
		reply(s, 421, "4.3.2", "The server closes this connection");
	s->end = SESSION_CLOSE;
	return false;
}

/* Reads size octets; into the message, or nowhere. False: the connection is over. */
static bool read_chunk(struct session *s, uint64_t size, bool keep)
{
	struct tx *tx = &s->tx;
	int r;

	while (size) {
		struct str view;

		tx->chunk_left = size;
		s->skipping = !keep; /* what is thrown away cannot be said again */
		r = session_fill(s);
		s->skipping = false;
		if (r == E_PARKED)
			return false;
		if (r)
			return lost(s, r);
		view = stream_view(&s->io);
		view.n = (size_t)MIN((uint64_t)view.n, size);
		if (keep && !tx->failed)
			smtp_data_feed(&tx->reader, view, &tx->body);
		if (keep)
			park_bytes(s, view);
		stream_skip(&s->io, view.n);
		size -= view.n;
		if (keep && smtp_data_stopped(&tx->reader)) {
			s->end = SESSION_DRAIN;
			return true;
		}
	}
	return true;
}

/* A chunk where none may come: read, then refused. */
static void out_of_place(struct session *s, uint64_t size)
{
	if (!read_chunk(s, size, false))
		return;
	if (s->state == SESSION_MAIL && s->tx.refused)
		reply(s, 554, "5.5.1", "No valid recipients");
	else if (s->state == SESSION_BDAT)
		reply_error(s, 503, "5.5.1", "A chunk of this message was refused, RSET first");
	else
		reply_error(s, 503, "5.5.1", "MAIL and RCPT first");
}

static void chunk(struct session *s, uint64_t size, bool last)
{
	struct tx *tx = &s->tx;
	struct dsn why = { 0 };

	if (s->state == SESSION_RCPT)
		smtp_data_init(&tx->reader, false, (size_t)s->room->conf->smtp_line_length, tx->body.max);
	session_move(s, SESSION_BDAT);
	park_command(s, str_of(arena_fmt(&s->cmd, "BDAT %llu%s", (unsigned long long)size, last ? " LAST" : "")));
	if (!read_chunk(s, size, true)) {
		tx_reset(s);
		return;
	}
	if (last || smtp_data_stopped(&tx->reader)) {
		submit(s);
	} else if (tx->reader.fault) {
		content_fault(s, &why);
		tx->failed = true;
		buf_done(&tx->body);
		reply_dsn(s, &why);
	} else {
		tx->park.replies++;
		reply(s, 250, "2.0.0", "%llu octets received", (unsigned long long)size);
	}
}

void cmd_bdat(struct session *s, struct str args)
{
	uint64_t size;
	bool last;

	if (smtp_parse_bdat(args, &size, &last)) {
		reply(s, 501, "5.5.4", "Syntax: BDAT size [LAST]");
		s->end = SESSION_DRAIN;
	} else if (size / 2 > s->room->conf->smtp_message_size) {
		reply(s, 552, "5.3.4", "Message too large: the limit is %llu bytes",
			(unsigned long long)s->room->conf->smtp_message_size);
		s->end = SESSION_DRAIN;
	} else if (!(s->state & (SESSION_RCPT | SESSION_BDAT)) || s->tx.failed) {
		out_of_place(s, size);
	} else {
		chunk(s, size, last);
	}
}
