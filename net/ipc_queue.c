/* SPDX-License-Identifier: ISC
 *
 * ipc_queue.c: see ipc_queue.h.
 *
 * As a rule nothing waits: text is gathered in a piece of memory that the queue keeps, and goes from
 * there. Only what a full socket does not take is copied into a packet of its own, and so is what has
 * descriptors, for they go with the first byte of a packet.
 */
#include "net/ipc_queue.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "net/ipc_private.h"

struct ipc_waiting {
	STAILQ_ENTRY(ipc_waiting) link;
	struct buf text;
	size_t messages;
	struct ipc_msg m; /* whose descriptors go with it */
};

static LIST_HEAD(due_list, ipc_queue) due = LIST_HEAD_INITIALIZER(due);

void ipc_queue_init(struct ipc_queue *q, int sock, bool batch, void (*fn)(void *owner), void *owner)
{
	*q = (struct ipc_queue){ .sock = sock, .batch = batch, .due = fn, .owner = owner };
	buf_init(&q->text, IPC_BATCH_BYTES);
	STAILQ_INIT(&q->waiting);
}

static void waiting_drop(struct ipc_queue *q)
{
	struct ipc_waiting *w = STAILQ_FIRST(&q->waiting);

	STAILQ_REMOVE_HEAD(&q->waiting, link);
	q->n -= w->messages;
	buf_wipe(&w->text);
	ipc_done(&w->m);
	free(w);
}

static void text_drop(struct ipc_queue *q)
{
	q->n -= q->gathered;
	q->gathered = 0;
	if (q->text.n)
		explicit_bzero(q->text.p, q->text.n);
	buf_reset(&q->text);
}

static void not_due(struct ipc_queue *q)
{
	if (q->is_due)
		LIST_REMOVE(q, link);
	q->is_due = false;
}

void ipc_queue_done(struct ipc_queue *q)
{
	not_due(q);
	while (!STAILQ_EMPTY(&q->waiting))
		waiting_drop(q);
	text_drop(q);
	buf_done(&q->text);
}

static struct ipc_waiting *waiting_new(struct ipc_queue *q, size_t messages, struct buf *text)
{
	struct ipc_waiting *w = mem_alloc(1, sizeof *w);

	w->text = *text;
	w->messages = messages;
	q->n += messages;
	STAILQ_INSERT_TAIL(&q->waiting, w, link);
	return w;
}

/* What is gathered is closed: a packet that waits. */
static void text_waits(struct ipc_queue *q)
{
	struct buf text;

	if (!q->gathered)
		return;
	buf_init(&text, IPC_MAX);
	buf_str(&text, buf_view(&q->text));
	waiting_new(q, q->gathered, &text);
	text_drop(q);
}

/* A packet of its own. */
static int add_alone(struct ipc_queue *q, struct ipc_msg *m)
{
	struct buf text;
	int err;

	buf_init(&text, IPC_MAX);
	err = ipc_print(m, &text);
	if (err) {
		buf_wipe(&text);
		return err;
	}
	waiting_new(q, 1, &text)->m = *m;
	*m = (struct ipc_msg){ 0 };
	return 0;
}

/* Into the text; false: it does not fit, or may not be there. */
static bool gather(struct ipc_queue *q, const struct ipc_msg *m)
{
	size_t before = q->text.n;

	if (m->nfds || q->gathered == (q->batch ? IPC_BATCH_MESSAGES : 1))
		return false;
	/* all at once: what grows leaves copies of passwords behind */
	if (!q->text.p)
		(void)buf_room(&q->text, IPC_BATCH_BYTES);
	if (ipc_print(m, &q->text)) {
		q->text.err = 0;
		explicit_bzero(q->text.p + before, q->text.n - before);
		buf_cut(&q->text, before);
		return false;
	}
	q->gathered++;
	q->n++;
	return true;
}

static int put(struct ipc_queue *q, const struct buf *text, const struct ipc_msg *with)
{
	int r = ipc_put(q->sock, buf_view(text), with ? with->fd : NULL, with ? with->nfds : 0, MSG_DONTWAIT);

	/* memory; descriptors of this user that nobody has received yet */
	return r == -ENOMEM || r == -ETOOMANYREFS ? -ENOBUFS : r;
}

int ipc_queue_add(struct ipc_queue *q, struct ipc_msg *m)
{
	bool gathered = gather(q, m);
	int err = 0;

	m->owns_fds = true;
	if (!gathered) {
		text_waits(q);
		gathered = gather(q, m);
	}
	if (!gathered)
		err = add_alone(q, m);
	ipc_done(m);
	if (gathered && !q->batch && STAILQ_EMPTY(&q->waiting) && put(q, &q->text, NULL) == 0) {
		text_drop(q);
		return 0;
	}
	if (!q->is_due)
		LIST_INSERT_HEAD(&due, q, link);
	q->is_due = true;
	return err;
}

int ipc_queue_flush(struct ipc_queue *q)
{
	struct ipc_waiting *w;
	int r = 0;

	not_due(q);
	while (!r && (w = STAILQ_FIRST(&q->waiting)) != NULL) {
		r = put(q, &w->text, &w->m);
		if (!r)
			waiting_drop(q);
	}
	if (!r && q->gathered)
		r = put(q, &q->text, NULL);
	if (!r)
		text_drop(q);
	return r;
}

void ipc_turn_end(void)
{
	struct ipc_queue *q;

	while ((q = LIST_FIRST(&due)) != NULL) {
		not_due(q);
		q->due(q->owner);
	}
}

/* ---- the other side ---- */

static const char next[] = "\n" IPC_FIRST; /* where another message begins */

void ipc_packet_of(struct str text, struct ipc_packet *k)
{
	*k = (struct ipc_packet){ .text = mem_grow(NULL, text.n + 1, 1), .n = text.n };
	if (text.n)
		memcpy(k->text, text.p, text.n);
}

int ipc_packet_recv(int sock, struct ipc_packet *k)
{
	int fd[IPC_MAX_FDS], err;
	struct str text;
	size_t nfds;

	err = ipc_take(sock, &text, fd, &nfds, MSG_DONTWAIT);
	if (err)
		return err;
	if (memmem(text.p, text.n, next, sizeof next - 1)) {
		ipc_packet_of(text, k);
		explicit_bzero((void *)(uintptr_t)text.p, text.n);
	} else {
		*k = (struct ipc_packet){ .text = (char *)(uintptr_t)text.p, .n = text.n, .borrowed = true };
	}
	k->nfds = nfds;
	if (nfds)
		memcpy(k->fd, fd, nfds * sizeof fd[0]);
	return 0;
}

int ipc_packet_next(struct ipc_packet *k, struct ipc_msg *m)
{
	const char *from = k->text + k->at, *end = NULL;
	size_t nfds = k->nfds, n = k->n - k->at;
	int err;

	*m = (struct ipc_msg){ 0 };
	if (n == 0 && k->messages)
		return 0;
	if (!k->borrowed)
		end = memmem(from, n, next, sizeof next - 1);
	if (end)
		n = (size_t)(end - from) + 1;
	/* what has descriptors goes alone */
	if (k->messages == IPC_BATCH_MESSAGES || (nfds && end))
		return E_PEER;
	k->at += n;
	k->messages++;
	k->nfds = 0;
	err = ipc_parse_with(str_make(from, n), k->fd, nfds, m);
	if (k->borrowed)
		explicit_bzero(k->text, n);
	return err ? E_PEER : 1;
}

void ipc_packet_done(struct ipc_packet *k)
{
	while (k->nfds)
		fd_close(&k->fd[--k->nfds]);
	if (k->borrowed ? k->messages == 0 : k->text != NULL)
		explicit_bzero(k->text, k->n);
	if (!k->borrowed)
		free(k->text);
	k->text = NULL;
}
