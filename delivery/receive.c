/* SPDX-License-Identifier: ISC
 *
 * receive.c: DATA and BDAT of LMTP (RFC 2033 4.2, 4.3): the message into
 * memory, then deliver(). smtpd always sends one BDAT with all of it.
 *
 * After the end there is one reply for each accepted recipient, whatever
 * happened to the message as a whole.
 */
#include "delivery/session.h"

static void begin_reading(struct session *s, bool dots)
{
	smtp_data_init(&s->tx.reader, dots, (size_t)s->conf->smtp_line_length, s->tx.body.max);
}

static void fault_text(struct session *s, struct dsn *why)
{
	switch (s->tx.reader.fault) {
	case SMTP_DATA_OK:
		dsn_set(why, 554, "5.6.0", "The message does not end with a whole line");
		break;
	case SMTP_DATA_BARE_CR:
	case SMTP_DATA_BARE_LF:
		dsn_set(why, 521, "5.5.2", "A bare <CR> or <LF> was received; lines end in <CR><LF>");
		break;
	case SMTP_DATA_NUL:
		dsn_set(why, 554, "5.6.0", "The message holds NUL bytes");
		break;
	case SMTP_DATA_LINE:
		dsn_set(why, 500, "5.6.0", "Line too long: the limit is %llu bytes",
			(unsigned long long)s->conf->smtp_line_length);
		break;
	case SMTP_DATA_SIZE:
		dsn_set(why, 552, "5.3.4", "Message too large: the limit is %llu bytes",
			(unsigned long long)s->conf->smtp_message_size);
		break;
	}
}

/* The whole message is here, or what there is of it. */
static void finish(struct session *s)
{
	const struct smtp_data *r = &s->tx.reader;
	struct dsn why = { 0 };
	size_t i;

	if (!r->fault && (r->dots ? r->end : smtp_data_complete(r))) {
		deliver(s);
	} else {
		fault_text(s, &why);
		for (i = 0; i < s->tx.nrcpt; i++)
			reply_dsn(s, &why);
	}
	tx_reset(s);
}

void cmd_data(struct session *s, struct str args)
{
	struct tx *tx = &s->tx;
	int r;

	(void)args;
	if (s->state == SESSION_MAIL) { /* RFC 2033 4.2: no recipient, no data */
		reply_error(s, 503, "5.5.1", "No valid recipients");
		return;
	}
	begin_reading(s, true);
	reply(s, 354, "", "End data with <CR><LF>.<CR><LF>");
	s->io.timeout_ms = s->conf->smtp_data_timeout;
	s->io.min_rate = (uint32_t)s->conf->limit_min_rate;
	while (!tx->reader.end && !smtp_data_stopped(&tx->reader) && tx->reader.size / 2 <= tx->body.max) {
		r = stream_fill(&s->io);
		if (r) {
			session_lost(s, r);
			return;
		}
		stream_skip(&s->io, smtp_data_feed(&tx->reader, stream_view(&s->io), &tx->body));
	}
	if (!tx->reader.end)
		s->end = SESSION_DRAIN;
	finish(s);
}

/* False: the connection is over. */
static bool read_chunk(struct session *s, uint64_t size, bool keep)
{
	struct tx *tx = &s->tx;
	int r;

	s->io.timeout_ms = s->conf->smtp_data_timeout;
	s->io.min_rate = (uint32_t)s->conf->limit_min_rate;
	if (keep && size < tx->body.max - tx->body.n) /* one allocation, no growing */
		buf_room(&tx->body, (size_t)size);
	while (size) {
		struct str view;

		r = stream_fill(&s->io);
		if (r) {
			session_lost(s, r);
			return false;
		}
		view = stream_view(&s->io);
		view.n = (size_t)MIN((uint64_t)view.n, size);
		if (keep)
			smtp_data_feed(&tx->reader, view, &tx->body);
		stream_skip(&s->io, view.n);
		size -= view.n;
		if (keep && smtp_data_stopped(&tx->reader)) {
			s->end = SESSION_DRAIN;
			return true;
		}
	}
	return true;
}

static void out_of_place(struct session *s, uint64_t size, bool last)
{
	bool silent = s->state == SESSION_MAIL && last; /* RFC 2033 4.3: no recipients, no replies */

	if (!read_chunk(s, size, false))
		return;
	if (silent)
		tx_reset(s);
	else if (s->state == SESSION_BDAT)
		reply_error(s, 503, "5.5.1", "A chunk of this message was refused, RSET first");
	else
		reply_error(s, 503, "5.5.1", "MAIL and RCPT first");
}

void cmd_bdat(struct session *s, struct str args)
{
	struct tx *tx = &s->tx;
	struct dsn why = { 0 };
	uint64_t size;
	bool last;

	if (smtp_parse_bdat(args, &size, &last) || size / 2 > s->conf->smtp_message_size + 65536) {
		reply(s, 501, "5.5.4", "Bad chunk size");
		s->end = SESSION_DRAIN;
		return;
	}
	if (!(s->state & (SESSION_RCPT | SESSION_BDAT)) || tx->failed) {
		out_of_place(s, size, last);
		return;
	}
	if (s->state == SESSION_RCPT)
		begin_reading(s, false);
	s->state = SESSION_BDAT;
	if (!read_chunk(s, size, true))
		return;
	if (last || smtp_data_stopped(&tx->reader)) {
		finish(s);
	} else if (tx->reader.fault) {
		fault_text(s, &why);
		tx->failed = true;
		reply_dsn(s, &why);
	} else {
		reply(s, 250, "2.0.0", "%llu octets received", (unsigned long long)size);
	}
}
