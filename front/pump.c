/* SPDX-License-Identifier: ISC
 *
 * pump.c: bytes of a TLS session between its client and the room that has the other
 * end of a pair (handover.c). Each way at most one scratch waits, in a buffer that
 * exists only while it does: who does not read stops the other.
 */
#include "front/conn.h"

#include <sys/socket.h>

#define ROUNDS 8 /* scratches in one go */

/* The client is gone: the room reads what came, then the end. */
static void client_gone(struct conn *c)
{
	struct room_side *r = c->room;

	if (r->client_eof)
		return;
	r->client_eof = true;
	buf_wipe(&r->to_client);
	event_del(&c->ev);
	c->mask = 0;
}

static ssize_t pair_send(struct room_side *r, const void *p, size_t n)
{
	ssize_t k = send(r->pair, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (k < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : E_CLOSED;
	return k;
}

/* Client to room. */
void pump_in(struct conn *c)
{
	struct room_side *r = c->room;
	char *scratch = c->front->scratch;
	ssize_t n, k = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (r->to_room.n > 0) {
			k = pair_send(r, r->to_room.p, r->to_room.n);
			if (k < 0) /* the room reads no more; its end comes by the pair */
				buf_wipe(&r->to_room);
			else
				buf_drop(&r->to_room, (size_t)k);
			if (r->to_room.n > 0)
				return;
			buf_wipe(&r->to_room);
		}
		if (r->client_eof)
			return;
		n = conn_read(c, scratch, sizeof c->front->scratch);
		r->client_write = c->tls_write;
		if (n == 0)
			return;
		if (n < 0) {
			client_gone(c);
			continue;
		}
		k = pair_send(r, scratch, (size_t)n);
		if (k >= 0 && k < n)
			buf_add(&r->to_room, scratch + k, (size_t)(n - k));
	}
	conn_more(c); /* more may wait inside TLS: after the others */
}

/* Writes to the client as far as it goes. Bytes left of n. */
static size_t client_put(struct conn *c, const char *p, size_t n)
{
	ssize_t k = 1;

	while (n > 0 && (k = conn_write(c, p, n)) > 0) {
		p += k;
		n -= (size_t)k;
	}
	if (k < 0) {
		client_gone(c);
		return 0;
	}
	return n;
}

/* Room to client. */
void pump_out(struct conn *c)
{
	struct room_side *r = c->room;
	char *scratch = c->front->scratch;
	size_t left;
	ssize_t n;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (r->to_client.n > 0) {
			left = client_put(c, r->to_client.p, r->to_client.n);
			if (left > 0) {
				buf_drop(&r->to_client, r->to_client.n - left);
				return;
			}
			buf_wipe(&r->to_client);
		}
		if (r->room_eof)
			return;
		n = recv(r->pair, scratch, sizeof c->front->scratch, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			r->room_eof = true;
			return;
		}
		if (r->client_eof)
			continue; /* nobody reads it; the room must not block on it */
		left = client_put(c, scratch, (size_t)n);
		buf_add(&r->to_client, scratch + (size_t)n - left, left);
	}
}

/* Events as the buffers want them; ends the connection when all is said. */
void pump_watch(struct conn *c)
{
	struct room_side *r = c->room;
	short client = 0, pair = 0;

	if (r->client_eof && r->to_room.n == 0 && !r->shut) {
		shutdown(r->pair, SHUT_WR); /* whichever way its end was noticed */
		r->shut = true;
	}
	if (r->room_eof && (r->client_eof || r->to_client.n == 0)) {
		links_drain(c->front, c->service->room); /* was it a hand-back? */
		if (c->room == r)
			conn_close(c, handover_end_reason(c));
		return;
	}
	if (!r->client_eof) {
		client |= r->to_room.n == 0 && !r->room_eof ? EV_READ : 0;
		client |= r->to_client.n > 0 || r->client_write ? EV_WRITE : 0;
	}
	pair |= r->to_client.n == 0 && !r->room_eof ? EV_READ : 0;
	pair |= r->to_room.n > 0 ? EV_WRITE : 0;
	if (client != c->mask) {
		event_del(&c->ev);
		c->mask = client;
		if (client) {
			event_assign(&c->ev, c->front->base, c->fd, (short)(client | EV_PERSIST), conn_event, c);
			event_add(&c->ev, NULL);
		}
	}
	if (pair != r->pair_mask) {
		event_del(&r->ev_pair);
		r->pair_mask = pair;
		event_assign(&r->ev_pair, c->front->base, r->pair, (short)(pair | EV_PERSIST), pump_pair_event, c);
		if (pair)
			event_add(&r->ev_pair, NULL);
	}
	if (r->room_eof && !event_pending(&c->timer, EV_TIMEOUT, NULL))
		conn_deadline(c, c->front->conf->limit_handshake);
}

void pump_client(struct conn *c, short what)
{
	struct room_side *r = c->room;

	if (c->sleeper) /* nothing moves before a room has it */
		return;
	if (what & EV_READ || r->client_write)
		pump_in(c);
	if (what & EV_WRITE || r->client_eof)
		pump_out(c);
	pump_watch(c);
}

void pump_pair_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (what & EV_WRITE)
		pump_in(c);
	if (what & EV_READ)
		pump_out(c);
	pump_watch(c);
}

/* What lies in the pair and beside it, both ways. room_fd: the room's end. */
void pump_drain(struct conn *c, int room_fd)
{
	struct room_side *r = c->room;
	char *scratch = c->front->scratch;
	ssize_t n;

	while ((n = recv(r->pair, scratch, sizeof c->front->scratch, MSG_DONTWAIT)) > 0)
		buf_add(&r->to_client, scratch, (size_t)n);
	while ((n = recv(room_fd, scratch, sizeof c->front->scratch, MSG_DONTWAIT)) > 0)
		buf_add(&c->in, scratch, (size_t)n);
	buf_str(&c->in, buf_view(&r->to_room));
	if (r->to_client.err)
		c->in.err = r->to_client.err;
	buf_str(&c->out, buf_view(&r->to_client));
}
