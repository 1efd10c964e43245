/* SPDX-License-Identifier: ISC
 *
 * stream.c: server-sent events (HTML 9.2, text/event-stream). What the browser has
 * not taken waits here up to [web] stream_buffer; one that is slower than that loses
 * its connection, and opens a new one by itself.
 *
 *   owner --stream_data--> buffer --stream_read--> libmicrohttpd --> browser
 *
 * Two sides hold a stream: who fills it (until stream_end or closed()), and the
 * answer that it is (until stream_gone). It is freed when both are through.
 */
#include "trace/trace.h"
#include "webadmin/web.h"

struct stream {
	struct buf buf;
	void *paused; /* libmicrohttpd waits for us */
	bool ended, gone, dropped;
	int fd;
	void (*closed)(void *arg);
	void *arg;
};

static void release(struct stream *s)
{
	if (!s->ended || !s->gone)
		return;
	buf_wipe(&s->buf);
	free(s);
	web.streams--;
}

static void wake(struct stream *s)
{
	void *mhd = s->paused;

	s->paused = NULL;
	if (mhd)
		http_resume(mhd);
}

struct stream *stream_new(struct request *q, void (*closed)(void *arg), void *arg)
{
	struct stream *s;

	if (web.streams >= (size_t)web.conf->web_streams)
		return NULL;
	s = mem_alloc(1, sizeof(*s));
	buf_init(&s->buf, web.conf->web_stream_buffer);
	s->closed = closed;
	s->arg = arg;
	web.streams++;
	request_stream(q, s);
	s->fd = request_fd(q);
	return s;
}

static void drop(struct stream *s)
{
	s->dropped = true;
	trace_event(TRACE_INFO, "stream-slow", NULL, "a browser does not read its live page: dropped");
	door_drop(s->fd);
	wake(s);
}

void stream_data(struct stream *s, struct str json)
{
	if (s->gone || s->dropped)
		return;
	buf_puts(&s->buf, "data: ");
	buf_str(&s->buf, json);
	buf_puts(&s->buf, "\n\n");
	if (s->buf.err)
		drop(s);
	else
		wake(s);
}

void stream_comment(struct stream *s)
{
	if (s->gone || s->dropped)
		return;
	buf_puts(&s->buf, ": \n\n");
	if (s->buf.err)
		drop(s);
	else
		wake(s);
}

void stream_end(struct stream *s, struct str json)
{
	if (!s->gone && !s->dropped) {
		buf_puts(&s->buf, "event: end\ndata: ");
		buf_str(&s->buf, json);
		buf_puts(&s->buf, "\n\n");
	}
	s->ended = true;
	s->closed = NULL;
	wake(s);
	release(s);
}

ssize_t stream_read(struct stream *s, char *out, size_t max)
{
	size_t n = MIN(max, s->buf.n);

	if (s->dropped || s->buf.err)
		return -1;
	if (n == 0)
		return s->ended ? -1 : 0;
	memcpy(out, s->buf.p, n);
	buf_drop(&s->buf, n);
	if (s->buf.n == 0)
		buf_wipe(&s->buf);
	return (ssize_t)n;
}

void stream_paused(struct stream *s, void *mhd_connection)
{
	s->paused = mhd_connection;
}

void stream_gone(struct stream *s)
{
	void (*closed)(void *arg) = s->closed;

	s->gone = true;
	s->paused = NULL;
	if (!s->ended && closed) {
		s->ended = true;
		closed(s->arg);
	}
	release(s);
}
