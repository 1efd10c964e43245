/* SPDX-License-Identifier: ISC
 *
 * client.c: see client.h. Reads are limited to READS messages a turn, so that
 * no link starves the others; what the peer's socket cannot take waits in `out`.
 */
#include "auth/client.h"

#include "base/file.h"

#define READS 32

static struct event_base *base;
static const struct client_ops *ops;
static LIST_HEAD(client_list, client) all = LIST_HEAD_INITIALIZER(all);

void clients_init(struct event_base *b, const struct client_ops *o)
{
	base = b;
	ops = o;
}

static void out_drop(struct client *c)
{
	struct outgoing *o = STAILQ_FIRST(&c->out);

	STAILQ_REMOVE_HEAD(&c->out, link);
	c->nout--;
	o->m.owns_fds = true;
	ipc_done(&o->m);
	free(o);
}

void client_hold(struct client *c)
{
	c->holds++;
}

void client_release(struct client *c)
{
	BUG_ON(c->holds == 0);
	if (--c->holds > 0)
		return;
	BUG_ON(c->fd >= 0);
	table_done(&c->exchanges);
	free(c);
}

void client_drop(struct client *c)
{
	if (c->fd < 0)
		return;
	event_free(c->readable);
	event_free(c->writable);
	fd_close(&c->fd);
	LIST_REMOVE(c, link);
	while (!STAILQ_EMPTY(&c->out))
		out_drop(c);
	ops->closed(c);
	client_release(c); /* the link's own hold */
}

/* Only a full socket keeps a message; one that cannot be sent at all is a bug
 * of ours or the peer's end. */
static void flush(struct client *c)
{
	int r;

	while (c->fd >= 0 && !STAILQ_EMPTY(&c->out)) {
		r = ipc_try_send(c->fd, &STAILQ_FIRST(&c->out)->m);
		if (r == -EAGAIN) {
			event_add(c->writable, NULL);
			return;
		}
		if (r == E_CLOSED || r == -EPIPE || r == -ECONNRESET) {
			client_drop(c);
			return;
		}
		out_drop(c);
	}
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

void client_send(struct client *c, struct ipc_msg *m)
{
	struct outgoing *o = mem_alloc(1, sizeof(*o));

	o->m = *m;
	*m = (struct ipc_msg){ 0 };
	STAILQ_INSERT_TAIL(&c->out, o, link);
	c->nout++;
	if (c->fd < 0)
		out_drop(c);
	else if (c->nout > CLIENT_OUT)
		client_drop(c);
	else if (c->nout == 1)
		flush(c);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	client_hold(c);
	for (i = 0; i < READS && r == 0 && c->fd >= 0; i++) {
		r = ipc_recv(fd, &m);
		if (r == 0 && !ops->message(c, &m))
			r = E_PEER;
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		client_drop(c);
	client_release(c);
}

struct client *client_new(const char *name, int instance, int fd)
{
	struct client *c = mem_alloc(1, sizeof(*c));

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->instance = instance;
	c->fd = fd;
	c->holds = 1;
	fd_nonblock(fd, true);
	STAILQ_INIT(&c->out);
	table_init(&c->exchanges);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, readable, c);
	c->writable = event_new(base, fd, EV_WRITE, writable, c);
	event_add(c->readable, NULL);
	LIST_INSERT_HEAD(&all, c, link);
	return c;
}

void clients_each(void (*fn)(struct client *c))
{
	struct client *c, *next;

	for (c = LIST_FIRST(&all); c; c = next) {
		next = LIST_NEXT(c, link);
		client_hold(c);
		fn(c);
		client_release(c);
	}
}
