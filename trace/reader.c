/* SPDX-License-Identifier: ISC
 *
 * reader.c: see reader.h.
 */
#include "trace/reader.h"

#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define WAIT_MS 10000
#define ANSWER_BYTES (32u * 1024 * 1024)
#define STREAM_BYTES (256u * 1024)

struct packet {
	STAILQ_ENTRY(packet) link;
	size_t n;
	char p[];
};

struct reader *reader_new(struct readers *all, int fd, enum reader_kind kind)
{
	struct reader *r = mem_alloc(1, sizeof(*r));

	r->fd = fd;
	r->kind = kind;
	r->until = deadline_in(WAIT_MS);
	STAILQ_INIT(&r->out);
	arena_init(&r->a);
	LIST_INSERT_HEAD(all, r, link);
	return r;
}

static void reader_free(struct reader *r)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&r->out))) {
		STAILQ_REMOVE_HEAD(&r->out, link);
		free(p);
	}
	LIST_REMOVE(r, link);
	arena_done(&r->a);
	close(r->fd);
	free(r);
}

/* 0, or -EAGAIN; anything else: it is gone. */
static int put(int fd, const char *p, size_t n)
{
	return send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void flush(struct reader *r)
{
	struct packet *p;
	int err = 0;

	while (err == 0 && (p = STAILQ_FIRST(&r->out))) {
		err = put(r->fd, p->p, p->n);
		if (err)
			break;
		STAILQ_REMOVE_HEAD(&r->out, link);
		r->waiting -= p->n;
		r->until = deadline_in(WAIT_MS);
		free(p);
	}
	if (err && err != -EAGAIN && err != -EINTR)
		r->gone = true;
}

void reader_send(struct reader *r, struct ipc_msg *m)
{
	struct packet *p;
	struct buf b;
	int err;

	if (r->gone)
		return;
	buf_init(&b, IPC_MAX);
	if (ipc_print(m, &b) < 0)
		buf_reset(&b); /* a row that does not fit into a packet */
	err = b.n == 0 ? 0 : STAILQ_EMPTY(&r->out) ? put(r->fd, b.p, b.n) : -EAGAIN;
	if (err == -EAGAIN || err == -EINTR) {
		p = mem_alloc(1, sizeof(*p) + b.n);
		p->n = b.n;
		memcpy(p->p, b.p, b.n);
		STAILQ_INSERT_TAIL(&r->out, p, link);
		r->waiting += b.n;
		err = r->waiting > (r->kind == READER_ANSWER ? ANSWER_BYTES : STREAM_BYTES) ? E_LIMIT : 0;
	}
	if (err)
		r->gone = true;
	buf_done(&b);
}

void reader_end(struct reader *r, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	reader_send(r, &m);
	ipc_done(&m);
	r->kind = READER_ANSWER;
	r->until = deadline_in(WAIT_MS);
	r->gone |= STAILQ_EMPTY(&r->out);
}

size_t readers_poll(struct readers *all, struct pollfd *out, size_t cap)
{
	struct reader *r;
	size_t n = 0;

	LIST_FOREACH(r, all, link) {
		if (n == cap)
			break;
		out[n++] = (struct pollfd){ r->fd, (short)(POLLIN | (STAILQ_EMPTY(&r->out) ? 0 : POLLOUT)), 0 };
	}
	return n;
}

void readers_events(struct readers *all, const struct pollfd *p, size_t n)
{
	struct reader *r;
	size_t i;

	LIST_FOREACH(r, all, link) {
		for (i = 0; i < n && p[i].fd != r->fd; i++)
			;
		if (i == n || !p[i].revents)
			continue;
		/* it says nothing more: what can be read is its end */
		if (p[i].revents & (POLLIN | POLLHUP | POLLERR))
			r->gone = true;
		else
			flush(r);
		if (r->kind == READER_ANSWER && STAILQ_EMPTY(&r->out))
			r->gone = true;
	}
}

int readers_sweep(struct readers *all)
{
	struct reader *r, *next;
	int ms = -1;

	for (r = LIST_FIRST(all); r; r = next) {
		next = LIST_NEXT(r, link);
		if (r->gone || (r->kind == READER_ANSWER && deadline_passed(r->until)))
			reader_free(r);
		else if (r->kind == READER_ANSWER)
			ms = ms < 0 ? deadline_left(r->until) : MIN(ms, deadline_left(r->until));
	}
	return ms;
}

size_t readers_count(const struct readers *all)
{
	const struct reader *r;
	size_t n = 0;

	LIST_FOREACH(r, all, link)
		n++;
	return n;
}
