/* SPDX-License-Identifier: ISC
 *
 * client.c: see client.h. One packet of a link is read a turn, so that no link
 * starves the others; what the peer's socket cannot take waits in `out`.
 */
#include "auth/client.h"

#include "base/file.h"

static struct event_base *base;
static const struct client_ops *ops;
static LIST_HEAD(client_list, client) all = LIST_HEAD_INITIALIZER(all);

void clients_init(struct event_base *b, const struct client_ops *o)
{
	base = b;
	ops = o;
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
	LIST_REMOVE(c, link);
	table_done(&c->exchanges);
	free(c);
}

void client_drop(struct client *c)
{
	if (c->fd < 0)
		return;
	event_free(c->readable);
	event_free(c->writable);
	event_free(c->again);
	fd_close(&c->fd);
	ipc_queue_done(&c->out);
	ops->closed(c);
	client_release(c); /* the link's own hold */
}

static void flush(void *arg)
{
	struct client *c = arg;
	int r = ipc_queue_flush(&c->out);

	if (r == -EAGAIN)
		event_add(c->writable, NULL);
	else if (r == -ENOBUFS)
		event_add(c->again, &(const struct timeval){ .tv_usec = IPC_QUEUE_AGAIN_US });
	else if (r < 0)
		client_drop(c);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

int client_send(struct client *c, struct ipc_msg *m)
{
	int err = 0;

	if (c->fd >= 0) {
		err = ipc_queue_add(&c->out, m);
		if (c->out.n > CLIENT_OUT)
			client_drop(c);
	} else {
		m->owns_fds = true;
		ipc_done(m);
	}
	return err;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct ipc_packet k;
	struct ipc_msg m;
	int r = ipc_packet_recv(fd, &k);

	(void)what;
	client_hold(c);
	if (r == 0) {
		while (c->fd >= 0 && (r = ipc_packet_next(&k, &m)) > 0) {
			if (!ops->message(c, &m))
				r = E_PEER;
			ipc_done(&m);
			if (r < 0)
				break;
		}
		ipc_packet_done(&k);
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
	/* the others take one message a packet */
	ipc_queue_init(&c->out, fd, strcmp(name, "front") == 0 || strcmp(name, "smtpd") == 0, flush, c);
	table_init(&c->exchanges);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, readable, c);
	c->writable = event_new(base, fd, EV_WRITE, writable, c);
	c->again = event_new(base, -1, 0, writable, c);
	event_add(c->readable, NULL);
	LIST_INSERT_HEAD(&all, c, link);
	return c;
}

/* What fn drops stays in the list while it is held, and so the one at hand always has its place there. */
void clients_each(void (*fn)(struct client *c))
{
	struct client *c = LIST_FIRST(&all), *next;

	if (c)
		client_hold(c);
	for (; c; c = next) {
		if (c->fd >= 0)
			fn(c);
		next = LIST_NEXT(c, link);
		if (next)
			client_hold(next);
		client_release(c);
	}
}
