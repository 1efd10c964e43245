/* SPDX-License-Identifier: ISC
 *
 * wire.c: bytes between a client and the buffers of its connection, in clear
 * and under TLS. Input is read only when the dialogue asks for more, through
 * the front's one scratch, and never beyond the longest command that the
 * settings allow; buffers vanish when they are empty, secrets wiped.
 */
#include "front/conn.h"

#include <sys/socket.h>

ssize_t conn_read(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->tls) {
		r = tls_read(c->tls, p, n);
		c->tls_write = r == TLS_WANT_WRITE;
		if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
			return 0;
		if (r == TLS_EOF)
			c->eof = true;
	} else {
		r = recv(c->fd, p, n, MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (r == 0)
			c->eof = true;
	}
	if (r <= 0)
		return E_CLOSED;
	c->bytes_in += (uint64_t)r;
	return r;
}

ssize_t conn_write(struct conn *c, const void *p, size_t n)
{
	ssize_t r;

	if (c->tls) {
		r = tls_write(c->tls, p, n);
		if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
			return 0;
	} else {
		r = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
	}
	if (r <= 0)
		return E_CLOSED;
	c->bytes_out += (uint64_t)r;
	return r;
}

/* Writes what waits. 0, also if some is left; negative: closed here. */
int conn_flush(struct conn *c)
{
	size_t at = 0;
	ssize_t r = 0;

	while (at < c->out.n && (r = conn_write(c, c->out.p + at, c->out.n - at)) > 0)
		at += (size_t)r;
	if (at == c->out.n)
		buf_done(&c->out);
	else
		buf_drop(&c->out, at);
	if (r < 0) {
		conn_close(c, "connection lost");
		return E_CLOSED;
	}
	return 0;
}

/* The most that a client may have waiting here. */
static size_t in_limit(const struct conn *c)
{
	const struct conf *conf = c->front->conf;
	size_t n = MAX(conf->limit_prelogin_line, conf->limit_auth_line) + 2;

	if (c->service->dialogue == &imap_dialogue)
		n = MAX(n, (size_t)IMAP_COMMAND_MAX + conf->limit_prelogin_line + 2);
	if (c->service->dialogue == &smtp_dialogue)
		n += c->u.smtp.parked;
	return n;
}

/* Bytes read, 0 would block, negative the client is gone. */
ssize_t conn_fill(struct conn *c)
{
	struct front *f = c->front;
	size_t max = in_limit(c), have = c->in.n - c->in_pos;
	ssize_t r;

	if (have >= max)
		return 0; /* the parser says what is wrong with so much */
	r = conn_read(c, f->scratch, MIN(sizeof f->scratch, max - have));
	if (r <= 0)
		return r;
	buf_drop(&c->in, c->in_pos);
	c->in_pos = 0;
	buf_add(&c->in, f->scratch, (size_t)r);
	explicit_bzero(f->scratch, (size_t)r); /* passwords come this way */
	return c->in.err ? c->in.err : r;
}

struct str conn_unread(const struct conn *c)
{
	return str_make(c->in.p ? c->in.p + c->in_pos : NULL, c->in.n - c->in_pos);
}

void conn_consume(struct conn *c, size_t n)
{
	c->in_pos += n;
	c->scanned = 0;
}

int conn_line(struct conn *c, size_t max, struct str *out)
{
	size_t used = 0;
	int r = parse_line(conn_unread(c), max, &c->scanned, out, &used);

	if (r == 1)
		conn_consume(c, used);
	return r;
}

/* Nothing unread: give the memory back, secrets wiped. */
void conn_release(struct conn *c)
{
	if (c->in_pos < c->in.n)
		return;
	buf_wipe(&c->in);
	c->in_pos = c->scanned = 0;
}
