/* SPDX-License-Identifier: ISC
 *
 * cmd_data.c: DATA (RFC 5321 4.1.1.4): 354, the message up to its one true end,
 * then submit.c decides.
 *
 * What is too large or has a fault is read to its end, where the client waits
 * for the reply (RFC 5321 4.5.3.1.9). Two exceptions end the connection: a bare
 * CR or LF (nobody can say where such a message ends), and a client that sends
 * more than twice what we take.
 */
#include "smtp/receive/session.h"

static bool beyond_patience(const struct session *s)
{
	return s->tx.reader.size / 2 > s->room->conf->smtp_message_size;
}

/* False: the connection is over. */
static bool read_message(struct session *s)
{
	struct tx *tx = &s->tx;
	int r;

	while (!tx->reader.end && !smtp_data_stopped(&tx->reader) && !beyond_patience(s)) {
		struct str view;

		r = session_fill(s);
		if (r == E_PARKED)
			return false;
		if (r) {
			if (r == E_TIMEOUT)
				reply(s, 421, "4.4.2", "Timeout while reading the message");
			else if (r == E_KICKED)
				reply(s, 421, "4.3.2", "The server closes this connection");
			s->end = SESSION_CLOSE;
			return false;
		}
		view = stream_view(&s->io);
		view.n = smtp_data_feed(&tx->reader, view, &tx->body);
		park_bytes(s, view);
		stream_skip(&s->io, view.n);
	}
	if (!tx->reader.end)
		s->end = SESSION_DRAIN;
	return true;
}

void cmd_data(struct session *s, struct str args)
{
	const struct conf *conf = s->room->conf;

	(void)args;
	if (s->state == SESSION_MAIL) {
		if (s->tx.refused)
			reply(s, 554, "5.5.1", "No valid recipients");
		else
			reply_error(s, 503, "5.5.1", "RCPT first");
		return;
	}
	smtp_data_init(&s->tx.reader, true, (size_t)conf->smtp_line_length, s->tx.body.max);
	park_line(s, STR("DATA"));
	reply(s, 354, "", "End data with <CR><LF>.<CR><LF>");
	if (read_message(s))
		submit(s);
	else
		tx_reset(s);
}
