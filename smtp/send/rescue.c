/* SPDX-License-Identifier: ISC
 *
 * rescue.c: connections that outlive a sender that was killed, so that the answer to a message which was
 * sent to its end is not lost with it (what was answered already: taken.h).
 *
 *   session, its first message sent to the end --> its socket is put into a queue that master holds
 *                                                   (a pair of sockets; what was sent into it, and never read)
 *   each message sent to the end  ---------------> noted with its recipients (taken_begin)
 *   answered                      ---------------> noted as taken, the first note goes (taken_end)
 *   closed                        ---------------> shut down, and taken out of the queue some time later
 *
 *   the next sender: reads that queue; a socket whose message waits for its answer is listened to, as long as
 *   the session would have (`[send] data_end`); meanwhile that message is not tried. All others are closed.
 *
 * Under TLS the state of the session dies with the process, so those are not kept; nor are they where more recipients than a
 * note holds, or more than one reply, are awaited.
 */
#include "smtp/send/sender.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"

#define STALE_MORE 8 /* closed ones that may lie in the queue beside as many as live ones */

struct rescued {
	LIST_ENTRY(rescued) link;
	struct sender *sender;
	struct taken_message message;
	int slot, fd;
	struct event ev;
	struct reply_reader reader;
};

struct rescue {
	int in, out; /* both ends of the queue, not blocking; negative: there is none */
	size_t queued;
	struct table live; /* key -> session */
	LIST_HEAD(, rescued) list;
};

static struct str key_of(const uint64_t *key)
{
	return str_make((const char *)key, sizeof *key);
}

/* --- the queue ------------------------------------------------------------------------- */

static bool queue_add(struct rescue *q, uint64_t key, int fd)
{
	struct ipc_msg m;
	int r;

	if (q->in < 0)
		return false;
	ipc_init(&m, "kept");
	ipc_set_u64(&m, "key", key);
	ipc_add_fd(&m, "socket", fd);
	r = ipc_try_send(q->in, &m);
	ipc_done(&m);
	q->queued += r == 0;
	return r == 0;
}

/* The socket of the first one, negative: there is none. */
static int queue_take(struct rescue *q, uint64_t *key_out)
{
	struct ipc_msg m;
	int fd = -1;

	while (fd < 0 && q->out >= 0) {
		int r = ipc_try_recv(q->out, &m);

		if (r == 0 && ipc_get_u64(&m, "key", UINT64_MAX, key_out) == 0)
			fd = ipc_take_fd(&m, "socket");
		ipc_done(&m);
		if (r)
			break;
		q->queued -= q->queued > 0;
	}
	return fd;
}

static void hang_up(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

/* --- for sessions ---------------------------------------------------------------------------- */

static bool keep(struct rescue *q, struct session *s)
{
	if (s->kept)
		return true;
	s->kept = rand_u64() | 1;
	if (!queue_add(q, s->kept, s->fd)) {
		s->kept = 0;
		return false;
	}
	table_set(&q->live, key_of(&s->kept), s);
	return true;
}

void rescue_sent(struct session *s)
{
	struct sender *sender = s->host->sender;
	const struct client *c = &s->client;

	if (s->tls || s->host->kind == HOST_LMTP || s->awaits >= 0 || !client_awaits_end(c) || !keep(sender->rescue, s))
		return;
	s->awaits = taken_begin(sender->taken, s->kept, c->job, c->ehlo.dsn);
}

void rescue_answered(struct session *s)
{
	if (s->awaits >= 0 && !client_awaits_end(&s->client)) {
		taken_end(s->host->sender->taken, s->awaits);
		s->awaits = -1;
	}
}

void rescue_closing(struct session *s)
{
	struct rescue *q = s->host->sender->rescue;
	struct session *other;
	uint64_t key;
	int fd;

	if (s->awaits >= 0)
		taken_end(s->host->sender->taken, s->awaits);
	s->awaits = -1;
	if (!s->kept)
		return;
	shutdown(s->fd, SHUT_RDWR); /* to close alone would not: the queue has it, too */
	table_remove(&q->live, key_of(&s->kept));
	s->kept = 0;
	while (q->queued > 2 * q->live.n + STALE_MORE && (fd = queue_take(q, &key)) >= 0) {
		other = table_get(&q->live, key_of(&key));
		if (other && !queue_add(q, key, fd)) {
			table_remove(&q->live, key_of(&key));
			other->kept = 0;
		}
		close(fd);
	}
}

/* --- what the sender before us left ------------------------------------------------------------- */

static void rescued_free(struct rescued *x)
{
	LIST_REMOVE(x, link);
	event_del(&x->ev);
	hang_up(x->fd);
	taken_end(x->sender->taken, x->slot);
	reply_done(&x->reader);
	free(x);
}

static void note(struct rescued *x, const struct reply *r)
{
	struct job j = { .fd = -1, .message = x->message.id, .remote = x->message.remote, .ip = x->message.ip,
		.tls = STR("none"), .dsn = x->message.dsn };
	struct buf text;
	size_t i;

	arena_init(&j.a);
	buf_init(&text, 2 * REPLY_TEXT);
	reply_print(r, &text);
	j.nrcpt = x->message.n;
	j.rcpt = arena_array(&j.a, j.nrcpt, sizeof *j.rcpt);
	for (i = 0; i < j.nrcpt; i++) {
		j.rcpt[i].number = x->message.number[i];
		job_set(&j, &j.rcpt[i], r->code, r->status, buf_view(&text));
	}
	taken_note(x->sender->taken, &j);
	buf_done(&text);
	arena_done(&j.a);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct rescued *x = arg;
	const struct reply *r = NULL;
	char piece[4096];
	struct str in;
	ssize_t n = what & EV_READ ? recv(fd, piece, sizeof piece, 0) : 0;
	int e;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	in = str_make(piece, n > 0 ? (size_t)n : 0);
	e = n > 0 ? reply_read(&x->reader, &in, &r) : E_CLOSED;
	if (e == 0)
		return;
	if (e > 0) { /* else nothing is known, and it is tried again */
		if (r->code >= 200 && r->code < 300)
			note(x, r);
		(void)!send(fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	rescued_free(x);
}

static void listen_to(struct sender *s, int slot, const struct taken_message *m, int fd)
{
	int64_t ms = s->conf->send_data_end;
	struct rescued *x = mem_alloc(1, sizeof *x);

	*x = (struct rescued){ .sender = s, .message = *m, .slot = slot, .fd = fd };
	reply_init(&x->reader, (size_t)s->conf->send_reply_size);
	event_assign(&x->ev, s->base, fd, EV_READ | EV_PERSIST, readable, x);
	event_add(&x->ev, &(struct timeval){ ms / 1000, ms % 1000 * 1000 });
	LIST_INSERT_HEAD(&s->rescue->list, x, link);
}

static void look(struct sender *s, uint64_t key, int fd)
{
	struct taken_message m;
	int slot;

	for (slot = 0; taken_awaits(s->taken, &slot, &m); slot++)
		if (m.key == key) {
			listen_to(s, slot, &m, fd);
			return;
		}
	hang_up(fd);
}

static bool has_slot(const struct rescue *q, int slot)
{
	const struct rescued *x;

	LIST_FOREACH(x, &q->list, link)
		if (x->slot == slot)
			return true;
	return false;
}

void rescue_start(struct sender *s, int in, int out)
{
	struct rescue *q = s->rescue = mem_alloc(1, sizeof *q);
	struct taken_message m;
	uint64_t key;
	int fd, slot;

	q->in = in;
	q->out = out;
	table_init(&q->live);
	LIST_INIT(&q->list);
	if (in < 0 || out < 0 || fd_nonblock(in, true) < 0 || fd_nonblock(out, true) < 0) {
		fd_close(&q->in);
		fd_close(&q->out);
	}
	while ((fd = queue_take(q, &key)) >= 0)
		look(s, key, fd);
	for (slot = 0; taken_awaits(s->taken, &slot, &m); slot++)
		if (!has_slot(q, slot))
			taken_end(s->taken, slot);
}

bool rescue_waits(const struct sender *s, struct str message, uint32_t number)
{
	const struct rescued *x;
	size_t i;

	LIST_FOREACH(x, &s->rescue->list, link)
		for (i = 0; i < x->message.n && str_eq(x->message.id, message); i++)
			if (x->message.number[i] == number)
				return true;
	return false;
}
