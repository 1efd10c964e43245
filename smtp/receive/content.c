/* SPDX-License-Identifier: ISC
 *
 * content.c: what is looked at in the message itself, and what is put in front
 * of it: Received for everybody (RFC 5321 4.4), Date and Message-ID where a mail
 * program forgot them (RFC 6409 8.2, 8.3). Its own bytes are never touched.
 */
#include "smtp/receive/session.h"

#include "mail/date.h"
#include "mail/header.h"
#include "mail/received.h"

void content_fault(struct session *s, struct dsn *why)
{
	switch (s->tx.reader.fault) {
	case SMTP_DATA_OK:
		break;
	case SMTP_DATA_BARE_CR:
		dsn_set(why, 521, "5.5.2", "A bare <CR> was received; lines end in <CR><LF>");
		return;
	case SMTP_DATA_BARE_LF:
		dsn_set(why, 521, "5.5.2", "A bare <LF> was received; lines end in <CR><LF>");
		return;
	case SMTP_DATA_NUL:
		dsn_set(why, 554, "5.6.0", "The message holds NUL bytes");
		return;
	case SMTP_DATA_LINE:
		dsn_set(why, 500, "5.6.0", "Line too long: the limit is %llu bytes",
			(unsigned long long)s->room->conf->smtp_line_length);
		return;
	case SMTP_DATA_SIZE:
		dsn_set(why, 552, "5.3.4", "Message too large: the limit is %llu bytes",
			(unsigned long long)s->room->conf->smtp_message_size);
		return;
	}
	dsn_set(why, 554, "5.6.0", "The message does not end with a whole line");
}

/* What the header says to us; one walk, nothing kept. */
struct facts {
	size_t size, received;
	bool date;
	struct str subject, message_id; /* as they stand there */
};

static struct facts read_header(struct str message)
{
	struct header_walk w = { .message = message };
	struct header_field field;
	struct facts f = { 0 };

	while (header_walk(&w, &field)) {
		f.received += str_ieqc(field.name, "Received");
		f.date |= str_ieqc(field.name, "Date");
		if (!f.message_id.p && str_ieqc(field.name, "Message-ID"))
			f.message_id = field.body;
		if (!f.subject.p && str_ieqc(field.name, "Subject"))
			f.subject = field.body;
	}
	f.size = w.at;
	return f;
}

/* Does the message begin with a header field, or with the end of its header? If
 * not, all of it is text, and an empty line must stand before it. */
static bool begins_with_header(struct str message)
{
	size_t i;

	if (!message.n || str_starts(message, "\r\n"))
		return true;
	for (i = 0; i < message.n; i++) {
		unsigned char c = (unsigned char)message.p[i];

		if (c == ':')
			return i > 0;
		if (c <= 32 || c >= 127)
			break;
	}
	while (i < message.n && (message.p[i] == ' ' || message.p[i] == '\t'))
		i++; /* obsolete "Name :" (RFC 5322 4.5) */
	return i > 0 && i < message.n && message.p[i] == ':' && message.p[0] != ' ' && message.p[0] != '\t';
}

int content_check(struct session *s, struct dsn *why)
{
	const struct conf *conf = s->room->conf;
	struct str message = buf_view(&s->tx.body);
	struct facts f = { 0 };

	if (s->tx.reader.fault || (!s->tx.reader.dots && !smtp_data_complete(&s->tx.reader))) {
		content_fault(s, why);
		return -1;
	}
	if (conf->smtp_strict_8bit && s->tx.reader.eight_bit && !s->tx.body8 && !s->tx.smtputf8) {
		dsn_set(why, 554, "5.6.1", "8-bit text was sent without BODY=8BITMIME");
		return -1;
	}
	if (begins_with_header(message))
		f = read_header(message);
	s->tx.header = str_sub(message, 0, f.size);
	s->tx.subject = f.subject;
	s->tx.message_id = f.message_id;
	if (f.size > conf->smtp_header_size) {
		dsn_set(why, 552, "5.3.4", "Message header too large: the limit is %llu bytes",
			(unsigned long long)conf->smtp_header_size);
		return -1;
	}
	if (f.received > (uint64_t)conf->smtp_hops) {
		dsn_set(why, 554, "5.4.6", "Too many hops: this message runs in a loop");
		return -1;
	}
	return 0;
}

static void add_received(struct session *s, struct buf *out)
{
	struct tx *tx = &s->tx;
	char peer[ADDR_TEXT + 8];
	struct received r = {
		.helo = s->h.helo,
		.by = str_of(s->room->hostname),
		.id = str_of(tx->id),
		/* of several, none may learn of the others (RFC 5321 7.2) */
		.for_address = tx->nrcpt == 1 ? tx->rcpt[0].address : STR_NONE,
		.tls_version = s->h.tls_version,
		.tls_cipher = s->h.tls_cipher,
		.tls_bits = s->h.tls_bits,
		.client_cert = s->h.client_cert,
		.esmtp = s->h.esmtp,
		.utf8 = tx->smtputf8,
		.auth = s->authenticated,
		.has_priority = tx->priority_given,
		.priority = tx->priority,
		.time = clock_unix(),
	};

	if (s->local) /* the number of the user, as everybody's sendmail writes it */
		r.peer = s->who.user;
	else if (s->h.peer.family)
		r.peer = str_of(addr_literal(&s->h.peer, peer));
	received_print(&r, out);
}

void content_head(struct session *s, struct buf *out)
{
	struct str message = buf_view(&s->tx.body);
	bool header = begins_with_header(message);
	struct facts f = { 0 };

	add_received(s, out);
	if (s->submission || s->authenticated) {
		if (header)
			f = read_header(message);
		if (!f.date) {
			buf_puts(out, "Date: ");
			date_print(clock_unix(), 0, out);
			buf_puts(out, "\r\n");
		}
		if (!f.message_id.p)
			buf_fmt(out, "Message-ID: <%s.%lld@%s>\r\n", s->tx.id, (long long)clock_unix(),
				s->room->hostname);
	}
	if (!header)
		buf_puts(out, "\r\n");
}
