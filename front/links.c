/* SPDX-License-Identifier: ISC
 *
 * links.c: the links to authd and the rooms. One of each name is current and
 * is sent to; replaced ones are read until their end, because sessions that
 * went through them still answer there. A peer that breaks the IPC rules
 * loses its link, never the door its life.
 *
 * Logins are many: what goes to authd waits for the end of the turn, and leaves
 * as one packet (net/ipc_queue.h), as its answers come.
 */
#include "front/conn.h"

#include <unistd.h>

#include "trace/trace.h"

#define AUTHD_OUT 10000 /* messages that wait for it at most */
#define RELINK_S 1

static void dispatch(struct link *l, struct ipc_msg *m)
{
	if (strcmp(l->name, "authd") == 0)
		sasl_message(l->front, m);
	else if (strcmp(l->name, "acmed") == 0)
		challenge_message(l->front, l->fd, m);
	else
		handover_message(l->front, l->name, m);
}

/* Nobody logs in without authd: if it did not just end, so that a new link comes by itself, master makes another one. */
void links_relink(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval later = { RELINK_S, 0 };
	struct front *f = arg;
	struct ipc_msg m;

	(void)fd, (void)what;
	if (links_current(f, "authd"))
		return;
	ipc_init(&m, "relink");
	(void)program_control(&f->program, &m);
	ipc_done(&m);
	event_add(&f->ev_relink, &later);
}

static void unlink_it(struct link *l)
{
	const struct timeval soon = { RELINK_S, 0 };
	struct link **at = &l->front->links;
	bool authd = l->current && strcmp(l->name, "authd") == 0;
	bool acmed = l->current && strcmp(l->name, "acmed") == 0;
	struct front *f = l->front;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	event_del(&l->ev);
	event_del(&l->ev_out);
	event_del(&l->ev_again);
	ipc_queue_done(&l->out);
	close(l->fd);
	free(l);
	if (authd) {
		sasl_link_lost(f);
		event_add(&f->ev_relink, &soon);
	}
	if (acmed)
		challenge_clear();
}

/* All that waits. False: the link is gone. */
static bool drain(struct link *l)
{
	struct ipc_packet k;
	struct ipc_msg m;
	int r;

	if (l->busy)
		return true;
	l->busy = true;
	while ((r = ipc_packet_recv(l->fd, &k)) == 0) {
		while ((r = ipc_packet_next(&k, &m)) > 0) {
			dispatch(l, &m);
			ipc_done(&m);
		}
		ipc_packet_done(&k);
		if (r < 0)
			break;
	}
	l->busy = false;
	if (r == -EAGAIN || r == -EINTR)
		return true;
	if (r == E_PEER)
		trace_event(TRACE_ERROR, "peer-dropped", NULL, "%s sent a malformed message", l->name);
	unlink_it(l);
	return false;
}

static void link_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	drain(arg);
}

/* There may be room again. */
static void link_flush(void *arg)
{
	struct link *l = arg;
	int r = ipc_queue_flush(&l->out);

	if (r == -EAGAIN)
		event_add(&l->ev_out, NULL);
	else if (r == -ENOBUFS)
		event_add(&l->ev_again, &(const struct timeval){ .tv_usec = IPC_QUEUE_AGAIN_US });
	else if (r < 0 && r != E_CLOSED) /* that it is gone is told by its other event, behind what it said */
		unlink_it(l);
}

static void link_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	link_flush(arg);
}

int links_send(struct front *f, const char *name, struct ipc_msg *m)
{
	struct link *l = links_current(f, name);

	if (!l)
		return E_CLOSED;
	if (l->out.n >= AUTHD_OUT)
		return -EAGAIN;
	return ipc_queue_add(&l->out, m);
}

void links_drain(struct front *f, const char *name)
{
	struct link *l, *next;

	for (l = f->links; l; l = next) {
		next = l->next;
		if (strcmp(l->name, name) == 0)
			drain(l);
	}
}

struct link *links_current(struct front *f, const char *name)
{
	struct link *l;

	for (l = f->links; l; l = l->next)
		if (l->current && strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

void links_set(struct front *f, const char *name, int fd)
{
	struct link *old = links_current(f, name), *l = mem_alloc(1, sizeof *l);

	if (old)
		old->current = false;
	snprintf(l->name, sizeof l->name, "%s", name);
	l->front = f;
	l->fd = fd;
	l->current = true;
	l->next = f->links;
	f->links = l;
	event_assign(&l->ev, f->base, fd, EV_READ | EV_PERSIST, link_event, l);
	event_add(&l->ev, NULL);
	event_assign(&l->ev_out, f->base, fd, EV_WRITE, link_writable, l);
	event_assign(&l->ev_again, f->base, -1, 0, link_writable, l);
	ipc_queue_init(&l->out, fd, strcmp(name, "authd") == 0, link_flush, l);
	if (old && strcmp(name, "acmed") == 0)
		challenge_clear(); /* the new one tells its own */
	if (old && strcmp(name, "authd") == 0)
		sasl_link_lost(f); /* the new one knows nothing of open exchanges */
}
