/* SPDX-License-Identifier: ISC
 *
 * lmtp.c: see lmtp.h. The peer is our own lmtpd, so commands are pipelined from
 * the first byte on and the message goes as one BDAT (RFC 3030), unchanged; its
 * replies are still read like a stranger's: bounded lines, strict syntax,
 * deadlines.
 */
#include "smtp/receive/lmtp.h"

#include <sys/socket.h>

#include "base/codec.h"
#include "base/file.h"
#include "mail/dsnparam.h"
#include "net/ipc.h"

#define REPLY_LINE 1024
#define REPLY_LINES 32

static int broken(struct lmtp *l, int err)
{
	l->state = LMTP_BROKEN;
	l->err = err;
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

/* The spare, if its other end is still there; it has nothing to say unasked. */
static bool take_spare(struct lmtp *l, struct lmtp_spare *spare, int64_t timeout_ms)
{
	char c;

	if (!spare || !spare->there)
		return false;
	if (recv(spare->io.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN ||
		stream_pending(&spare->io).n) {
		lmtp_spare_close(spare);
		return false;
	}
	spare->there = false;
	l->io = spare->io;
	l->io.timeout_ms = timeout_ms;
	l->connected = true;
	return true;
}

static void write_xtext(struct stream *io, struct str s)
{
	struct buf b;

	buf_init(&b, 4096);
	xtext_encode(s, &b);
	stream_write(io, buf_view(&b));
	buf_done(&b);
}

static void write_envelope(struct lmtp *l, const struct lmtp_envelope *e)
{
	stream_fmt(&l->io, "MAIL FROM:<%.*s>", STRF(e->sender));
	if (e->size)
		stream_fmt(&l->io, " SIZE=%llu", (unsigned long long)e->size);
	if (e->body8)
		stream_puts(&l->io, " BODY=8BITMIME");
	if (e->smtputf8)
		stream_puts(&l->io, " SMTPUTF8");
	if (e->user.n) {
		stream_puts(&l->io, " XUSER=");
		write_xtext(&l->io, e->user);
	}
	if (e->requiretls)
		stream_puts(&l->io, " XREQUIRETLS=1");
	if (e->priority)
		stream_fmt(&l->io, " XPRIORITY=%d", e->priority);
	if (e->peer.n) {
		stream_puts(&l->io, " XPEER=");
		write_xtext(&l->io, e->peer);
	}
	if (e->helo.n) {
		stream_puts(&l->io, " XHELO=");
		write_xtext(&l->io, e->helo);
	}
	if (e->ret)
		stream_fmt(&l->io, " RET=%s", e->ret);
	if (e->envid.n)
		stream_fmt(&l->io, " ENVID=%.*s", STRF(e->envid));
	stream_fmt(&l->io, " XID=%s XSESSION=%.*s\r\n", e->id, STRF(e->session));
}

static void write_rcpt(struct lmtp *l, const struct lmtp_rcpt *r)
{
	struct buf notify;

	stream_fmt(&l->io, "RCPT TO:<%.*s> XN=%u", STRF(r->address), r->number);
	if (r->notify) {
		buf_init(&notify, 100);
		dsn_notify_print(r->notify, &notify);
		stream_fmt(&l->io, " NOTIFY=%s", buf_cstr(&notify));
		buf_done(&notify);
	}
	if (r->orcpt.n)
		stream_fmt(&l->io, " ORCPT=%.*s", STRF(r->orcpt));
	stream_puts(&l->io, "\r\n");
}

/* The envelope's beginning over a connection that is there; 0: the reply to RCPT comes
 * next, positive: *why says no. */
static int begin(struct lmtp *l, const struct lmtp_envelope *e, const struct lmtp_rcpt *rcpt, bool fresh,
	struct dsn *why)
{
	struct dsn d = { 0 };
	int r = 0;

	if (fresh)
		stream_fmt(&l->io, "LHLO %s\r\n", e->hostname);
	write_envelope(l, e);
	write_rcpt(l, rcpt);
	if (fresh)
		r = expect(l, 220);
	if (!r && fresh)
		r = expect(l, 250);
	if (!r)
		r = read_reply(l, &d);
	if (!r && d.code == 421) /* it serves no more */
		r = E_CLOSED;
	if (r || d.code == 250)
		return r;
	*why = d;
	return 1;
}

static int open_lmtp(struct lmtp *l, int link, const struct lmtp_envelope *e, const struct lmtp_rcpt *rcpt,
	int64_t timeout_ms, struct dsn *why)
{
	int r = E_CLOSED;

	l->spare = e->spare;
	l->keep_ms = e->keep_ms;
	/* a spare whose child ended just now has done nothing yet: a fresh one does it */
	if (take_spare(l, e->spare, timeout_ms)) {
		r = begin(l, e, rcpt, false, why);
		if (r < 0) {
			stream_done(&l->io);
			l->connected = false;
		}
	}
	if (r < 0) {
		r = connect_link(l, link, e->session, timeout_ms);
		if (r) {
			broken(l, r);
			l->state = LMTP_CLOSED; /* another link may still do it */
			return -1;
		}
		r = begin(l, e, rcpt, true, why);
	}
	if (r < 0)
		return broken(l, r);
	if (r > 0) /* MAIL itself was refused (too large): no recipient can be accepted */
		lmtp_close(l);
	else
		l->state = LMTP_OPEN;
	return r;
}

int lmtp_rcpt(struct lmtp *l, int link, const struct lmtp_envelope *e, const struct lmtp_rcpt *rcpt,
	int64_t timeout_ms, struct dsn *why)
{
	struct dsn d = { 0 };
	int r;

	if (l->state == LMTP_BROKEN)
		return -1;
	if (l->state == LMTP_CLOSED) {
		r = open_lmtp(l, link, e, rcpt, timeout_ms, why);
		if (r)
			return r;
	} else {
		write_rcpt(l, rcpt);
	}
	r = read_reply(l, &d);
	if (r || d.code == 421)
		return broken(l, r ? r : E_CLOSED);
	if (d.code != 250) {
		*why = d;
		return 1;
	}
	l->accepted++;
	return 0;
}

int lmtp_send(struct lmtp *l, struct str head, struct str body, int64_t timeout_ms)
{
	int r;

	BUG_ON(l->state != LMTP_OPEN);
	l->io.timeout_ms = timeout_ms;
	stream_fmt(&l->io, "BDAT %zu LAST\r\n", head.n + body.n);
	stream_write(&l->io, head);
	stream_write(&l->io, body);
	r = stream_flush(&l->io);
	if (r)
		return broken(l, r);
	l->state = LMTP_SENT;
	return 0;
}

int lmtp_result(struct lmtp *l, deadline d, struct dsn *why)
{
	int left = deadline_left(d), r = E_TIMEOUT;

	if (l->state != LMTP_SENT)
		return -1;
	if (left > 0) {
		l->io.timeout_ms = left;
		r = read_reply(l, why);
		if (!r && why->code != 250 && why->code < 400)
			r = E_PEER;
	}
	if (r)
		return broken(l, r);
	l->replied++;
	return 0;
}

void lmtp_close(struct lmtp *l)
{
	struct lmtp_spare *spare = l->spare;

	if (spare && !spare->there && l->state == LMTP_SENT && l->replied == l->accepted)
		*spare = (struct lmtp_spare){ .there = true, .io = l->io, .until = deadline_in(l->keep_ms) };
	else if (l->connected)
		stream_done(&l->io);
	*l = (struct lmtp){ 0 };
}

void lmtp_spare_close(struct lmtp_spare *spare)
{
	if (spare->there)
		stream_done(&spare->io);
	spare->there = false;
}
