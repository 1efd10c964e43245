/* SPDX-License-Identifier: ISC
 *
 * tasks.c: what the admin asked for, done in slices, so that a list of a
 * million messages holds up nobody's mail, and a change of a million is many short
 * transactions.
 *
 *   slice (in the turn's transaction): look at SLICE messages, change, collect rows
 *   committed: the rows go to the command, as fast as it reads
 *
 * What is done to a recipient is in task_change.c.
 */
#include "smtp/queue/tasks.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"

#define SLICE 500 /* messages */
#define DESTS 1000 /* destinations a slice */
#define SLICE_MS 20 /* several slices a turn, as long as this lasts */
#define SUMS_MAX 200000 /* senders that are told apart */
#define OURS_MS 10000 /* authd has so long to say whose an address is */
#define STUCK_MS 30000 /* a command that reads nothing for so long has gone */

struct sum {
	uint64_t n, active;
};

const char *const task_states[RCPT_STATES] = { "waiting", "active", "held", "failed", "done", "damaged", "scheduled", "throttled" };

/* --- answers ---------------------------------------------------------------------- */

void task_result(struct task *t, struct ipc_msg *m)
{
	struct outgoing *o = mem_alloc(1, sizeof(*o));

	o->m = *m;
	*m = (struct ipc_msg){ 0 };
	STAILQ_INSERT_TAIL(&t->out, o, link);
	t->nout++;
}

void task_end(struct task *t, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	if (t->cut)
		ipc_setc(&m, "note", "there are more: choose, or say limit=0");
	if (t->stopped)
		ipc_setc(&m, "note", arena_fmt(&t->arena, "on the suppression list are %llu of them: they are returned, not sent", (unsigned long long)t->stopped));
	if (code == EX_OK && t->verb >= TASK_RETRY) {
		ipc_set_u64(&m, "messages", t->messages);
		ipc_set_u64(&m, "recipients", t->recipients);
	}
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	task_result(t, &m);
	t->ended = true;
}

void task_next(struct ipc_msg *m, bool any, int64_t seconds)
{
	if (any)
		ipc_set_u64(m, "next", (uint64_t)MAX(seconds, (int64_t)0));
	else
		ipc_setc(m, "next", "-");
}

static void outgoing_drop(struct task *t)
{
	struct outgoing *o = STAILQ_FIRST(&t->out);

	STAILQ_REMOVE_HEAD(&t->out, link);
	t->nout--;
	ipc_done(&o->m);
	free(o);
}

static bool free_sum(struct str key, void *value, void *arg)
{
	(void)key;
	(void)arg;
	free(value);
	return true;
}

static void task_free(struct queue *q, struct task *t)
{
	LIST_REMOVE(t, link);
	q->ntasks--;
	while (!STAILQ_EMPTY(&t->out))
		outgoing_drop(t);
	table_each(&t->sums, free_sum, NULL);
	table_done(&t->sums);
	buf_done(&t->cursor);
	fd_close(&t->reply);
	arena_done(&t->arena);
	free(t);
}

/* What the command's socket takes. False: the task is over. */
static bool flush(struct queue *q, struct task *t)
{
	int r = 0;

	while (!STAILQ_EMPTY(&t->out) && (r = ipc_try_send(t->reply, &STAILQ_FIRST(&t->out)->m)) == 0) {
		outgoing_drop(t);
		t->stuck = DEADLINE_NEVER;
	}
	if (r == -EAGAIN && !t->stuck)
		t->stuck = deadline_in(STUCK_MS);
	if ((r < 0 && r != -EAGAIN) || (t->stuck && deadline_passed(t->stuck)) ||
	    (t->ended && STAILQ_EMPTY(&t->out))) {
		task_free(q, t);
		return false;
	}
	if (!t->ended && !t->question && STAILQ_EMPTY(&t->out))
		q->more = true;
	return true;
}

bool tasks_stuck(const struct queue *q)
{
	const struct task *t;

	LIST_FOREACH(t, &q->tasks, link)
		if (!STAILQ_EMPTY(&t->out))
			return true;
	return false;
}

/* --- what is chosen ------------------------------------------------------------------ */

bool task_is_in(struct str address, struct str domain)
{
	ssize_t at = str_rfind(address, '@');

	return at >= 0 && str_ieq(str_from(address, (size_t)at + 1), domain);
}

static bool message_fits(const struct filter *f, const struct message_row *row, int64_t now)
{
	return (!f->sender.p || str_ieq(row->sender, f->sender)) &&
		(f->older == 0 || now - row->time >= f->older);
}

static bool rcpt_fits(const struct filter *f, const struct rcpt_row *x)
{
	return (!f->recipient.p || str_ieq(x->address, f->recipient)) &&
		(!f->domain.p || task_is_in(x->address, f->domain)) &&
		(f->state < 0 || (int)x->state == f->state);
}

/* --- rows for the command ----------------------------------------------------------------- */

static void row_of(struct task *t, const struct message_row *row, const struct rcpt_row *x, int64_t now)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "message", row->id);
	ipc_set_u64(&m, "age", (uint64_t)MAX(now - row->time, (int64_t)0));
	ipc_set_u64(&m, "size", row->size);
	ipc_set(&m, "sender", row->sender);
	ipc_set(&m, "recipient", x->address);
	ipc_setc(&m, "state", task_states[x->state]);
	ipc_set_u64(&m, "attempts", x->attempts);
	task_next(&m, x->state == RCPT_WAITING || x->state == RCPT_SCHEDULED || x->state == RCPT_THROTTLED, x->next - now);
	ipc_set(&m, "reply", x->reply);
	task_result(t, &m);
}

static void show_rcpt(struct queue *q, struct ipc_msg *m, const struct message_row *row, const struct rcpt_row *x, int64_t now)
{
	struct suppressed why;
	struct buf line;

	buf_init(&line, 8192);
	buf_fmt(&line, "%.*s: %s, %u attempts", STRF(x->address), task_states[x->state], x->attempts);
	if (x->state == RCPT_WAITING)
		buf_fmt(&line, ", the next in %lld s", (long long)MAX(x->next - now, (int64_t)0));
	if (x->state == RCPT_SCHEDULED || (x->state == RCPT_HELD && x->attempts == 0 && x->next > now))
		buf_fmt(&line, ", not before %lld s from now, as the sender wants it", (long long)MAX(x->next - now, (int64_t)0));
	if (x->state == RCPT_THROTTLED)
		buf_fmt(&line, ", not before %lld s from now", (long long)MAX(x->next - now, (int64_t)0));
	if (x->level != LEVEL_NORMAL)
		buf_fmt(&line, ", priority %d", x->level - LEVEL_NORMAL);
	if (x->class)
		buf_fmt(&line, ", kind of failure: %s", bounce_name((enum bounce_class)x->class));
	if (x->hop.n)
		buf_fmt(&line, ", goes to %.*s", STRF(x->hop));
	if (x->delayed)
		buf_puts(&line, ", sender was told of the delay");
	if (x->reply.n)
		buf_fmt(&line, "; %.*s%s%.*s", STRF(x->remote), x->remote.n ? " said: " : "", STRF(x->reply));
	if (x->state == RCPT_HELD && !x->local && suppress_find(&q->suppress, &q->rows, x->address, row->sender, &q->turn.arena, &why))
		buf_fmt(&line, "; on the suppression list: if it is released it is returned, not sent (%.*s)", STRF(why.words));
	ipc_set(m, "recipient", buf_view(&line));
	buf_done(&line);
}

static void show(struct queue *q, struct task *t, const struct message_row *row, struct rcpt_row *v, size_t n,
	int64_t now)
{
	struct envelope e = { 0 };
	uint64_t offset = 0;
	struct ipc_msg m;
	size_t i;
	int fd = message_open(q, row->id, &q->turn.arena, &e, &offset);

	ipc_init(&m, "result");
	ipc_set(&m, "message", row->id);
	ipc_set_u64(&m, "age", (uint64_t)MAX(now - row->time, (int64_t)0));
	ipc_set_u64(&m, "size", row->size);
	ipc_set(&m, "sender", row->sender);
	ipc_setc(&m, "reports", row->reports == REPORTS_SENDER ? "yes" : row->reports == REPORTS_KEEPER ? "to the postmaster" : "no");
	ipc_set(&m, "session", row->session);
	if (fd < 0) {
		ipc_setc(&m, "file", err_text(fd));
	} else {
		ipc_set(&m, "user", e.user);
		ipc_set(&m, "envid", e.envid);
		ipc_setc(&m, "file", "good");
		close(fd);
	}
	for (i = 0; i < n; i++)
		show_rcpt(q, &m, row, &v[i], now);
	task_result(t, &m);
}

/* --- slices ---------------------------------------------------------------------------------- */

static struct sum *sum_of(struct task *t, struct str key)
{
	struct sum *s = table_get(&t->sums, key);

	if (!s && t->sums.n >= SUMS_MAX)
		return sum_of(t, STR("(others)"));
	if (!s) {
		s = mem_alloc(1, sizeof(*s));
		table_set(&t->sums, key, s);
	}
	return s;
}

static void message(struct queue *q, struct task *t, const struct message_row *row, int64_t now)
{
	struct rcpt_row *v;
	size_t i, n, hits = 0;

	if (t->by == BY_SENDER) {
		sum_of(t, row->sender)->n++;
		return;
	}
	if (!message_fits(&t->filter, row, now))
		return;
	n = rows_rcpts(&q->rows, row->m, &q->turn.arena, &v);
	if (t->verb == TASK_SHOW) {
		show(q, t, row, v, n, now);
		t->messages++;
		return;
	}
	for (i = 0; i < n; i++) {
		if (!rcpt_fits(&t->filter, &v[i]))
			continue;
		if (t->verb == TASK_LIST && t->limit > 0 && t->recipients + hits >= t->limit) {
			t->cut = true;
			break;
		}
		if (t->verb == TASK_LIST)
			row_of(t, row, &v[i], now);
		else if (!task_change(q, t, row, &v[i]))
			continue;
		hits++;
	}
	t->recipients += hits;
	t->messages += hits > 0;
	if (hits > 0 && t->verb >= TASK_REMOVE && rows_remove_if_done(&q->rows, row->m)) {
		queue_unlink_later(q, row->id);
		q->messages -= q->messages > 0;
	}
}

/* The next messages: true while there are more. */
static bool slice_messages(struct queue *q, struct task *t)
{
	struct message_row *v = arena_array(&q->turn.arena, SLICE, sizeof(*v));
	int64_t now = clock_unix();
	size_t i, n;

	if (t->filter.m) {
		for (n = 0; t->next < t->filter.n && n < SLICE; t->next++)
			if (rows_message(&q->rows, t->filter.m[t->next], &q->turn.arena, &v[n]) == 0)
				n++;
	} else {
		n = rows_range(&q->rows, t->after, &q->turn.arena, v, SLICE);
		if (n > 0)
			t->after = v[n - 1].m;
	}
	for (i = 0; i < n; i++)
		message(q, t, &v[i], now);
	return t->filter.m ? t->next < t->filter.n : n == SLICE;
}

static void dest_row(struct task *t, const struct dest_row *d, uint64_t active, int64_t wait)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "destination", d->dest);
	ipc_set_u64(&m, "recipients", d->n + active);
	ipc_set_u64(&m, "waiting", d->waiting);
	ipc_set_u64(&m, "active", active);
	ipc_set_u64(&m, "held", d->held);
	ipc_set_u64(&m, "scheduled", d->scheduled);
	ipc_set_u64(&m, "failed", d->other);
	task_next(&m, d->waiting > 0, wait);
	task_result(t, &m);
}

static bool rest_of_dests(struct str key, void *value, void *arg)
{
	const struct sum *s = value;

	if (s->active > 0)
		dest_row(arg, &(struct dest_row){ .dest = key }, s->active, 0);
	return true;
}

/* Rows that are in hand are in no index: they are counted from the jobs, at the start. */
static void count_active(struct queue *q, struct task *t)
{
	const struct job *j;
	size_t i;

	LIST_FOREACH(j, &q->jobs, link)
		for (i = 0; i < j->n; i++)
			if (!j->rcpt[i].applied)
				sum_of(t, j->rcpt[i].dest)->active++;
}

static bool slice_dests(struct queue *q, struct task *t)
{
	struct dest_row *v = arena_array(&q->turn.arena, DESTS, sizeof(*v));
	int64_t now = clock_unix();
	size_t i, n = rows_dests(&q->rows, buf_view(&t->cursor), &q->turn.arena, v, DESTS);
	struct sum *s;

	for (i = 0; i < n; i++) {
		uint64_t active = 0;

		s = table_get(&t->sums, v[i].dest);
		if (s) {
			active = s->active;
			s->active = 0;
		}
		dest_row(t, &v[i], active, v[i].waiting ? v[i].next - now : 0);
	}
	if (n == DESTS) {
		buf_reset(&t->cursor);
		buf_str(&t->cursor, v[n - 1].dest);
		return true;
	}
	table_each(&t->sums, rest_of_dests, t);
	return false;
}

static bool sender_row(struct str key, void *value, void *arg)
{
	const struct sum *s = value;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "sender", key);
	ipc_set_u64(&m, "messages", s->n);
	task_result(arg, &m);
	return true;
}

static bool slice(struct queue *q, struct task *t)
{
	if (t->verb >= TASK_SUPPRESSIONS && t->verb <= TASK_UNSUPPRESS)
		return lists_slice(q, t);
	return t->by == BY_DESTINATION ? slice_dests(q, t) : slice_messages(q, t);
}

/* One with nothing in it is good, too. */
static bool is_list(enum task_verb verb)
{
	return verb == TASK_LIST || verb == TASK_SUPPRESSIONS || verb == TASK_DESTINATIONS ||
		verb == TASK_WARMUPS || verb == TASK_LIMITS;
}

static void run(struct queue *q, struct task *t)
{
	deadline over = deadline_in(SLICE_MS);

	while (!t->cut && slice(q, t))
		if (deadline_passed(over) || t->nout >= SLICE)
			return;
	if (t->by == BY_SENDER)
		table_each(&t->sums, sender_row, t);
	if (t->messages == 0 && !is_list(t->verb))
		task_end(t, EX_NOUSER, t->none ? t->none : "nothing matches");
	else
		task_end(t, EX_OK, NULL);
}

/* --- whose address is it? ------------------------------------------------------------------ */

static void nobody_knows(struct task *t)
{
	task_end(t, EX_TEMPFAIL, "it cannot be looked up now whether the address is one of this server: try again");
}

/* While authd is being replaced the question waits for the next one. */
static void ask_ours(struct queue *q, struct task *t)
{
	int r;

	t->question = ++q->next_question;
	r = q->ops->ours(t->question, t->filter.recipient);
	if (r < 0 && r != E_CLOSED)
		tasks_ours(q, t->question, OURS_UNKNOWN);
}

void tasks_ask_again(struct queue *q)
{
	struct task *t;

	LIST_FOREACH(t, &q->tasks, link)
		if (t->question)
			ask_ours(q, t);
}

void tasks_ours(struct queue *q, uint64_t question, enum ours ours)
{
	struct task *t;

	LIST_FOREACH(t, &q->tasks, link) {
		if (!t->question || t->question != question)
			continue;
		t->question = 0;
		q->more = true;
		if (ours == OURS_UNKNOWN)
			nobody_knows(t);
		else if (ours == OURS_YES)
			task_end(t, EX_USAGE, arena_fmt(&t->arena, "address: %.*s is an address of this server, and this list is for those of others"
				" (mail to it is refused by: access add kind=recipient who=%.*s action=reject)",
				STRF(t->filter.recipient), STRF(t->filter.recipient)));
	}
}

struct str tasks_asked(const struct queue *q, uint64_t question)
{
	const struct task *t;

	LIST_FOREACH(t, &q->tasks, link)
		if (t->question == question)
			return t->filter.recipient;
	return STR("");
}

int64_t tasks_wait(const struct queue *q)
{
	int64_t ms = INT64_MAX;
	const struct task *t;

	LIST_FOREACH(t, &q->tasks, link)
		if (t->question)
			ms = MIN(ms, (int64_t)deadline_left(t->asked));
	return ms;
}

void task_start(struct queue *q, struct task *t)
{
	LIST_INSERT_HEAD(&q->tasks, t, link);
	q->ntasks++;
	if (t->by == BY_DESTINATION)
		count_active(q, t);
	fd_nonblock(t->reply, true);
	if (t->verb == TASK_SUPPRESS && !t->ended && q->ops->ours) {
		t->asked = deadline_in(OURS_MS);
		ask_ours(q, t);
	}
	q->more = true;
}

void tasks_slice(struct queue *q)
{
	struct task *t;

	LIST_FOREACH(t, &q->tasks, link) {
		if (t->question && deadline_passed(t->asked))
			tasks_ours(q, t->question, OURS_UNKNOWN);
		t->ran = !t->ended && !t->question && STAILQ_EMPTY(&t->out);
		if (t->ran)
			run(q, t);
	}
}

void tasks_committed(struct queue *q, bool ok)
{
	struct task *t, *next;

	for (t = LIST_FIRST(&q->tasks); t; t = next) {
		next = LIST_NEXT(t, link);
		if (!ok && t->ran) {
			while (!STAILQ_EMPTY(&t->out))
				outgoing_drop(t);
			task_end(t, EX_TEMPFAIL, "the disk of the queue is full: not all of it was done");
		}
		flush(q, t);
	}
}

void tasks_stop(struct queue *q)
{
	struct task *t;

	while ((t = LIST_FIRST(&q->tasks)) != NULL)
		task_free(q, t);
}
