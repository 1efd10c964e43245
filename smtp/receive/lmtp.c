/* SPDX-License-Identifier: ISC
 *
 * lmtp.c: see lmtp.h. The peer is our own lmtpd, so commands are pipelined from
 * the first byte on and the message goes as one BDAT (RFC 3030), unchanged; its
 * replies are still read like a stranger's: bounded lines, strict syntax,
 * deadlines.
 */
#include "smtp/receive/lmtp.h"

#include <sys/socket.h>

#include "base/file.h"
#include "net/ipc.h"

#define REPLY_LINE 1024
#define REPLY_LINES 32

static int broken(struct lmtp *l, int err, struct dsn *why)
{
	l->state = LMTP_BROKEN;
	dsn_set(why, 451, "4.3.0", "Mail delivery is not available at the moment, try again later");
	dsn_log(why, "lmtpd: %s", err_text(err));
	return -1;
}

/* One reply; of several lines the first with a text that counts is kept. */
static int read_reply(struct lmtp *l, struct dsn *out)
{
	struct str line;
	struct dsn d;
	bool more = true;
	int i, r;

	for (i = 0; i < REPLY_LINES && more; i++) {
		r = stream_line(&l->io, REPLY_LINE, &line);
		if (r)
			return r;
		if (dsn_parse_reply(line, &d, &more))
			return E_PEER;
		if (!i)
			*out = d;
	}
	return more ? E_PEER : 0;
}

static int expect(struct lmtp *l, int code)
{
	struct dsn d;
	int r = read_reply(l, &d);

	if (r)
		return r;
	return d.code == code ? 0 : E_PEER;
}

/* The other end goes to lmtpd's parent, which forks a child for it. */
static int connect_link(struct lmtp *l, int link, struct str session, int64_t timeout_ms)
{
	struct ipc_msg m;
	int pair[2], r;

	if (link < 0)
		return E_CLOSED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ipc_init(&m, "lmtp");
	ipc_set(&m, "session", session);
	ipc_add_fd(&m, "client", pair[1]);
	r = ipc_send(link, &m);
	ipc_done(&m);
	fd_close(&pair[1]);
	if (r) {
		fd_close(&pair[0]);
		return r;
	}
	stream_init(&l->io, pair[0], -1, 16384, timeout_ms);
	l->connected = true;
	return 0;
}

static void write_envelope(struct lmtp *l, const struct lmtp_envelope *e)
{
	stream_fmt(&l->io, "LHLO %s\r\nMAIL FROM:<%.*s>", e->hostname, STRF(e->sender));
	if (e->size)
		stream_fmt(&l->io, " SIZE=%llu", (unsigned long long)e->size);
	if (e->body8)
		stream_puts(&l->io, " BODY=8BITMIME");
	if (e->smtputf8)
		stream_puts(&l->io, " SMTPUTF8");
	stream_fmt(&l->io, " XID=%s\r\n", e->id);
}

static int open_lmtp(struct lmtp *l, int link, const struct lmtp_envelope *e, struct str address,
	int64_t timeout_ms, struct dsn *why)
{
	struct dsn d = { 0 };
	int r = connect_link(l, link, e->session, timeout_ms);

	if (r) {
		broken(l, r, why);
		l->state = LMTP_CLOSED; /* another link may still do it */
		return -1;
	}
	l->state = LMTP_OPEN;
	write_envelope(l, e);
	stream_fmt(&l->io, "RCPT TO:<%.*s>\r\n", STRF(address));
	r = expect(l, 220);
	if (!r)
		r = expect(l, 250);
	if (!r)
		r = read_reply(l, &d);
	if (r)
		return broken(l, r, why);
	if (d.code == 250)
		return 0;
	/* MAIL itself was refused (too large): no recipient can be accepted */
	*why = d;
	l->state = LMTP_BROKEN;
	return -1;
}

int lmtp_rcpt(struct lmtp *l, int link, const struct lmtp_envelope *e, struct str address,
	int64_t timeout_ms, struct dsn *why)
{
	struct dsn d = { 0 };
	int r;

	if (l->state == LMTP_BROKEN)
		return broken(l, E_CLOSED, why);
	if (l->state == LMTP_CLOSED) {
		if (open_lmtp(l, link, e, address, timeout_ms, why))
			return -1;
	} else {
		stream_fmt(&l->io, "RCPT TO:<%.*s>\r\n", STRF(address));
	}
	r = read_reply(l, &d);
	if (r)
		return broken(l, r, why);
	if (d.code != 250) {
		*why = d;
		return -1;
	}
	l->accepted++;
	return 0;
}

int lmtp_send(struct lmtp *l, struct str head, struct str body, int64_t timeout_ms, struct dsn *why)
{
	int r;

	if (l->state != LMTP_OPEN)
		return broken(l, E_CLOSED, why);
	l->io.timeout_ms = timeout_ms;
	stream_fmt(&l->io, "BDAT %zu LAST\r\n", head.n + body.n);
	stream_write(&l->io, head);
	stream_write(&l->io, body);
	r = stream_flush(&l->io);
	if (r)
		return broken(l, r, why);
	l->state = LMTP_SENT;
	return 0;
}

void lmtp_result(struct lmtp *l, deadline d, struct dsn *why)
{
	int left = deadline_left(d), r = E_TIMEOUT;

	if (l->state != LMTP_SENT) {
		broken(l, E_CLOSED, why);
		return;
	}
	if (left > 0) {
		l->io.timeout_ms = left;
		r = read_reply(l, why);
		if (!r && why->code != 250 && why->code < 400)
			r = E_PEER;
	}
	if (r)
		broken(l, r, why);
}

void lmtp_close(struct lmtp *l)
{
	if (l->connected)
		stream_done(&l->io);
	*l = (struct lmtp){ 0 };
}
