/* SPDX-License-Identifier: ISC
 *
 * links.c: what each program may ask the queue, and the answers.
 *
 *   smtpd, lmtpd   file put link complaint bounce (net/spool.h, said.c), suppressed (net/suppressed.h),
 *                  smtpd alone: catchup (net/catchup.h)
 *   sender         ready result dest routes way suppressed (docs/QUEUE.md)
 *   backupd        copy files end    (copy.h, docs/QUEUE.md)
 *
 * The name of a link is master's word; what is not in the table drops the link. A
 * question is answered at once (file, link) or at the end of the turn (put), and the
 * link outlives its question: it is only marked as closed until the turn is over.
 * Whoever asks waits for the answer, so a socket that is full belongs to a peer that
 * broke the rules.
 */
#include "smtp/queue/links.h"

#include <unistd.h>

#include "base/file.h"
#include "smtp/queue/copy.h"
#include "smtp/queue/ours.h"
#include "smtp/queue/removal.h"
#include "trace/trace.h"

#define LINK_READS 32 /* messages of one link a turn */
#define SENDER_READS 1000 /* of a sender: what has gathered during one commit goes into the next, all of it */
#define LINKS_MAX 20000

void links_init(struct links *l, struct queue *q)
{
	*l = (struct links){ .queue = q };
	STAILQ_INIT(&l->list);
}

void links_add(struct links *l, const char *name, int fd)
{
	struct link *k;

	if (l->n >= LINKS_MAX) {
		trace_event(TRACE_ERROR, "too-many-links", NULL, "%s", name);
		close(fd);
		return;
	}
	k = mem_alloc(1, sizeof(*k));
	snprintf(k->name, sizeof(k->name), "%s", name);
	k->fd = fd;
	k->sender = strcmp(name, "sender") == 0;
	k->backup = strcmp(name, "backupd") == 0;
	fd_nonblock(fd, true);
	STAILQ_INSERT_TAIL(&l->list, k, next);
	l->n++;
}

static void drop(struct links *l, struct link *k)
{
	if (k->fd < 0)
		return;
	fd_close(&k->fd);
	if (k->sender)
		jobs_sender_gone(l->queue, k);
	copy_end(l->queue, k);
	catchups_gone(l->queue, k);
}

void links_sweep(struct links *l)
{
	struct link *k, *next;

	for (k = STAILQ_FIRST(&l->list); k; k = next) {
		next = STAILQ_NEXT(k, next);
		if (k->fd >= 0)
			continue;
		STAILQ_REMOVE(&l->list, k, link, next);
		l->n--;
		free(k);
	}
}

/* --- answers ---------------------------------------------------------------------- */

static bool send_answer(struct link *k, struct ipc_msg *m, uint64_t id)
{
	int r;

	ipc_set_u64(m, "id", id);
	r = k->fd < 0 ? E_CLOSED : ipc_try_send(k->fd, m);
	ipc_done(m);
	return r == 0;
}

static void answer_put(void *who, uint64_t question, const char *result)
{
	struct ipc_msg m;

	ipc_init(&m, "put");
	ipc_setc(&m, "result", result);
	/* one that is gone asks again, or not: its message is safe */
	(void)send_answer(who, &m, question);
}

static int send_job(void *who, const struct ipc_msg *m)
{
	struct link *k = who;

	return k->fd < 0 ? E_CLOSED : ipc_try_send(k->fd, m);
}

static void answer_caught(void *who, uint64_t question, const char *result, uint64_t messages, uint64_t again)
{
	struct ipc_msg m;

	ipc_init(&m, "catchup");
	ipc_setc(&m, "result", result);
	ipc_set_u64(&m, "messages", messages);
	ipc_set_u64(&m, "again", again);
	(void)send_answer(who, &m, question); /* who is gone does not wait */
}

const struct queue_ops links_ops = { .answer = answer_put, .job = send_job, .caught = answer_caught, .ours = ours_ask, .remove = removal_add,
	.settle = removal_settle };

/* --- questions --------------------------------------------------------------------- */

static bool ask_file(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	int fd = message_file(l->queue);
	struct ipc_msg a;
	bool sent;

	(void)m;
	ipc_init(&a, "file");
	if (fd >= 0)
		ipc_add_fd(&a, "file", fd);
	else
		ipc_setc(&a, "result", fd == E_FULL ? "full" : "busy");
	sent = send_answer(k, &a, id);
	fd_close(&fd);
	return sent;
}

static bool ask_put(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	int fd = ipc_take_fd(m, "file");

	if (fd < 0)
		return false;
	message_put(l->queue, ipc_get(m, "message"), fd, k, id);
	return true;
}

/* A second link of the same standing, for a forked child. */
static bool ask_link(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct ipc_msg a;
	int pair[2] = { -1, -1 };
	bool sent;

	(void)m;
	ipc_init(&a, "answer");
	if (ipc_pair(pair) < 0) {
		ipc_setc(&a, "result", "temp");
	} else {
		links_add(l, k->name, pair[0]);
		ipc_setc(&a, "result", "ok");
		ipc_add_fd(&a, "link", pair[1]);
	}
	sent = send_answer(k, &a, id);
	fd_close(&pair[1]);
	return sent;
}

/* No answer: nobody waits for it. */
static bool ask_complaint(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)k;
	(void)id;
	said_complaint(l->queue, m);
	return true;
}

static bool ask_bounce(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)k;
	(void)id;
	said_bounce(l->queue, m);
	return true;
}

/* ETRN: smtpd's alone. */
static bool ask_catchup(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct str domain = ipc_get(m, "domain");

	if (strcmp(k->name, "smtpd") != 0 || domain.n == 0 || domain.n > DEST_NAME_MAX || str_has_ctl(domain))
		return false;
	catchup_start(l->queue, domain, ipc_get_bool(m, "below"), k, id);
	return true;
}

/* While the queue cannot be read nobody is on the list: what is taken ends when it is to leave. */
static bool ask_suppressed(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct queue *q = l->queue;
	struct suppressed why;
	struct ipc_msg a;

	if (k->sender && ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)
		return false;
	ipc_init(&a, "suppressed");
	if (q->rows.db && !q->full_until && q->suppress.any) {
		rows_begin(&q->rows);
		if (suppress_find(&q->suppress, &q->rows, ipc_get(m, "address"), ipc_get(m, "sender"), &q->turn.arena, &why)) {
			ipc_set(&a, "status", why.status);
			ipc_set(&a, "words", why.words);
		}
	}
	if (q->suppress.filter && ipc_get_bool(m, "filter"))
		ipc_add_fd(&a, "filter", q->suppress.filter_fd);
	return send_answer(k, &a, id) || k->sender; /* which asks for a test, and does not wait for ever */
}

static bool ask_ready(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct str via = ipc_get(m, "via");
	uint64_t n;

	(void)id;
	if (ipc_get_u64(m, "n", 100000, &n) < 0 || (!str_eqc(via, "lmtp") && !str_eqc(via, "smtp")))
		return false;
	jobs_ready(l->queue, k, str_eqc(via, "lmtp"), n);
	return true;
}

static bool ask_result(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)id;
	return jobs_result(l->queue, k, m);
}

static bool ask_dest(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)k;
	(void)id;
	return dests_message(l->queue, m);
}

static bool ask_routes(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)k;
	(void)id;
	return jobs_routes(l->queue, m);
}

/* A name, ".NAME" for what is below it, or all. */
static bool ask_way(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct str name = ipc_get(m, "name");

	(void)k;
	(void)id;
	if (name.n > DEST_NAME_MAX || str_has_ctl(name) || (name.n == 0) != ipc_get_bool(m, "all"))
		return false;
	catchup_way(l->queue, name);
	return true;
}

/* --- a backup -------------------------------------------------------------------------- */

#define COPY_FILES 60

static void copy_ready(void *who, uint64_t question, int fd)
{
	struct ipc_msg a;

	ipc_init(&a, "copy");
	ipc_setc(&a, "result", fd < 0 ? "temp" : "ok");
	if (fd >= 0)
		ipc_add_fd(&a, "database", fd);
	(void)send_answer(who, &a, question);
}

void links_copy(struct links *l)
{
	copy_slice(l->queue, copy_ready);
}

static bool ask_copy(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	(void)m;
	if (copy_start(l->queue, k, id) < 0)
		copy_ready(k, id, -1);
	return true;
}

static bool ask_files(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	char name[COPY_FILES][64], field[32];
	int fd[COPY_FILES];
	struct ipc_msg a;
	size_t n = 0, i;
	bool sent;
	int r = copy_files(l->queue, k, COPY_FILES, name, fd, &n);

	(void)m;
	ipc_init(&a, "files");
	ipc_setc(&a, "result", r < 0 ? "temp" : "ok");
	ipc_set_bool(&a, "more", n == COPY_FILES);
	for (i = 0; i < n; i++) {
		snprintf(field, sizeof(field), "file.%zu", i);
		ipc_setc(&a, "message", name[i]);
		ipc_add_fd(&a, field, fd[i]);
	}
	sent = send_answer(k, &a, id);
	while (n > 0)
		close(fd[--n]);
	return sent;
}

static bool ask_end(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id)
{
	struct ipc_msg a;

	(void)m;
	copy_end(l->queue, k);
	ipc_init(&a, "end");
	return send_answer(k, &a, id);
}

enum who { WHO_ROOM, WHO_SENDER, WHO_BACKUP };

static const struct {
	const char *verb;
	enum who who; /* smtpd and lmtpd are rooms */
	bool (*ask)(struct links *l, struct link *k, struct ipc_msg *m, uint64_t id);
} table[] = {
	{ "file", WHO_ROOM, ask_file },
	{ "put", WHO_ROOM, ask_put },
	{ "link", WHO_ROOM, ask_link },
	{ "complaint", WHO_ROOM, ask_complaint },
	{ "catchup", WHO_ROOM, ask_catchup },
	{ "bounce", WHO_ROOM, ask_bounce },
	{ "suppressed", WHO_ROOM, ask_suppressed },
	{ "ready", WHO_SENDER, ask_ready },
	{ "result", WHO_SENDER, ask_result },
	{ "dest", WHO_SENDER, ask_dest },
	{ "routes", WHO_SENDER, ask_routes },
	{ "way", WHO_SENDER, ask_way },
	{ "suppressed", WHO_SENDER, ask_suppressed },
	{ "copy", WHO_BACKUP, ask_copy },
	{ "files", WHO_BACKUP, ask_files },
	{ "end", WHO_BACKUP, ask_end },
};

static bool message(struct links *l, struct link *k, struct ipc_msg *m)
{
	enum who who = k->sender ? WHO_SENDER : k->backup ? WHO_BACKUP : WHO_ROOM;
	uint64_t id = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].who == who && ipc_is(m, table[i].verb))
			break;
	if (i == ARRAY_LEN(table) || (!k->sender && ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)) {
		trace_event(TRACE_WARN, "peer-dropped", NULL, "%s asked '%.*s'", k->name, STRF(m->verb));
		return false;
	}
	return table[i].ask(l, k, m, id);
}

static void read_link(struct links *l, struct link *k)
{
	struct ipc_msg m;
	int i, r = 0;

	for (i = 0; i < (k->sender ? SENDER_READS : LINK_READS) && r == 0 && k->fd >= 0; i++) {
		r = ipc_try_recv(k->fd, &m);
		if (r == 0 && !message(l, k, &m))
			r = E_PEER;
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		drop(l, k);
}

/* --- the loop ------------------------------------------------------------------------- */

struct pollfd *links_poll(struct links *l, size_t from, size_t *n_out)
{
	struct link *k;
	size_t n = from;

	if (from + l->n > l->cap) {
		l->cap = MAX(l->cap * 2, from + l->n + 32);
		l->pfd = mem_grow(l->pfd, l->cap, sizeof(*l->pfd));
	}
	STAILQ_FOREACH(k, &l->list, next)
		l->pfd[n++] = (struct pollfd){ k->fd, POLLIN, 0 };
	*n_out = n;
	return l->pfd;
}

bool links_read(struct links *l, size_t from)
{
	size_t i = from, n = from + l->n; /* new ones come behind */
	struct link *k;
	bool any = false;

	STAILQ_FOREACH(k, &l->list, next) {
		if (i == n)
			break;
		if (l->pfd[i++].revents) {
			read_link(l, k);
			any = true;
		}
	}
	return any;
}
