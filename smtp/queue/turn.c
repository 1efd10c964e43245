/* SPDX-License-Identifier: ISC
 *
 * turn.c: one turn of the queue: everything that came together, in one transaction.
 *
 *   begin; new messages; results; admin; reports; recovery; what is due -> jobs
 *   fsync spool/ (if a file got a name there)
 *   commit
 *   then: answers, files that are not needed any more, jobs to the senders
 *
 * The order is the promise: a name and a row are on the disk before "ok" is said, a
 * row is gone from the disk before its file is.
 */
#include "smtp/queue/tasks.h"
#include "smtp/queue/copy.h"
#include "smtp/queue/records.h"

#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define FULL_MS 1000 /* a disk that is full is looked at again after this */
#define SWEEP_MS 60000
#define STUCK_LOOK_MS 5 /* a command that is slow to read its list */
#define BRING_BACK 2000 /* rows a turn */
#define ACCOUNTS 5 /* that are forgotten a turn */
#define JUMP 60 /* s: so far apart the two clocks must be to be called a jump */

int queue_open(struct queue *q, const struct conf *conf, const struct queue_ops *ops, int spool)
{
	int r;

	*q = (struct queue){ .conf = conf, .ops = ops, .spool = spool };
	schedule_of(conf, &q->schedule);
	arena_init(&q->turn.arena);
	STAILQ_INIT(&q->turn.puts);
	STAILQ_INIT(&q->turn.unlink);
	STAILQ_INIT(&q->turn.made);
	LIST_INIT(&q->jobs);
	LIST_INIT(&q->tasks);
	table_init(&q->dests);
	LIST_INIT(&q->catchups);
	table_init(&q->caught);
	table_init(&q->notices);
	r = rows_open(&q->rows);
	if (r < 0)
		return r;
	r = held_open(q);
	if (r < 0) {
		held_done(q);
		rows_close(&q->rows);
		return r;
	}
	q->first_m = q->next_m = rows_last(&q->rows) + 1;
	q->wall = clock_unix();
	q->mono = clock_mono_ms();
	q->bring_back = q->more = true;
	suppress_init(&q->suppress, &q->rows);
	recover_start(q);
	return 0;
}

void queue_settings(struct queue *q, const struct conf *conf)
{
	q->conf = conf;
	schedule_of(conf, &q->schedule);
	q->bring_back = q->more = true;
}

static void forget_names(struct name_list *list)
{
	struct name *n;

	while ((n = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		free(n);
	}
}

void queue_close(struct queue *q)
{
	struct job *j;

	tasks_stop(q);
	catchups_stop(q);
	copy_end(q, NULL);
	while ((j = LIST_FIRST(&q->jobs)) != NULL)
		job_free(q, j);
	dests_done(q);
	notices_done(q);
	forget_names(&q->turn.unlink);
	forget_names(&q->turn.made);
	arena_done(&q->turn.arena);
	recover_stop(q);
	if (q->ops->settle)
		q->ops->settle();
	suppress_done(&q->suppress);
	sent_done(&q->sent);
	warmup_done(q);
	limits_done(q);
	held_done(q);
	rows_close(&q->rows);
}

static void name_add(struct name_list *list, struct str id)
{
	struct name *n = mem_alloc(1, sizeof(*n));

	snprintf(n->id, sizeof(n->id), "%.*s", STRF(id));
	STAILQ_INSERT_TAIL(list, n, link);
}

void queue_unlink_later(struct queue *q, struct str id)
{
	name_add(&q->turn.unlink, id);
}

void queue_made(struct queue *q, struct str id)
{
	name_add(&q->turn.made, id);
	q->turn.names = true;
}

/* --- the end of a turn ----------------------------------------------------------------- */

static void unlink_names(struct queue *q, struct name_list *list)
{
	struct name *n;
	int r;

	STAILQ_FOREACH(n, list, link) {
		if (list == &q->turn.unlink && copy_keeps(q, n->id))
			continue;
		if (list == &q->turn.unlink && q->ops->remove) {
			q->ops->remove(n->id);
			continue;
		}
		r = file_unlink(q->spool, n->id);
		if (r < 0) /* a file without a row: recover.c removes it */
			trace_event(TRACE_WARN, "unlink-failed", NULL, "%s: %s", n->id, err_text(r));
	}
}

static void answer_puts(struct queue *q, const char *otherwise)
{
	struct put *p;

	while ((p = STAILQ_FIRST(&q->turn.puts)) != NULL) {
		STAILQ_REMOVE_HEAD(&q->turn.puts, link);
		q->ops->answer(p->who, p->question, p->result ? p->result : otherwise);
		close(p->fd);
		free(p);
	}
	q->turn.nputs = 0;
}

static void committed(struct queue *q)
{
	answer_puts(q, "ok");
	records_turn(true);
	jobs_applied(q, true);
	jobs_send(q);
	unlink_names(q, &q->turn.unlink); /* late: no mail waits for it */
	if (q->ntasks > 0 && q->ops->settle)
		q->ops->settle(); /* what the admin removed is gone when he hears of it */
	tasks_committed(q, true);
	catchups_committed(q, true);
}

/* The disk is full, and all of the turn is undone. */
static void undone(struct queue *q)
{
	struct put *p;

	STAILQ_FOREACH(p, &q->turn.puts, link)
		if (p->named)
			(void)file_unlink(q->spool, p->id); /* without a row: recover.c */
	unlink_names(q, &q->turn.made);
	held_undone(q);
	answer_puts(q, "full");
	records_turn(false);
	tasks_committed(q, false);
	catchups_committed(q, false);
	jobs_applied(q, false);
	jobs_drop_new(q);
	if (!q->full_until)
		trace_event(TRACE_ERROR, "disk-full", NULL, "the queue cannot be written; new mail is refused for the moment");
	recover_again(q);
	q->full_until = deadline_in(FULL_MS);
	q->more = false;
}

static void finish(struct queue *q, int err)
{
	if (!err)
		err = held_sync(q, &q->turn.names);
	if (!err && q->turn.names)
		err = file_fsync_dir(q->spool, ".");
	if (err)
		rows_rollback(&q->rows);
	else
		err = rows_commit(&q->rows);
	if (err == E_FULL) {
		undone(q);
	} else if (err < 0) {
		/* it is not known what is on the disk: nothing is answered, nothing unlinked */
		trace_event(TRACE_ERROR, "queue-failed", NULL, "%s", err_text(err));
		q->failed = err;
	} else {
		if (q->full_until)
			trace_event(TRACE_INFO, "disk-again", NULL, "the queue can be written again");
		q->full_until = DEADLINE_NEVER;
		committed(q);
	}
	forget_names(&q->turn.unlink);
	forget_names(&q->turn.made);
	arena_reset(&q->turn.arena);
	q->turn.names = q->turn.changed = false;
	q->turn.about_m = 0;
}

/* --- clocks ------------------------------------------------------------------------------- */

/* The wall clock was set: attempts that lie too far ahead now are brought back. (What has
 * become due early is tried, no faster than always.) */
static void look_at_clocks(struct queue *q)
{
	int64_t wall = clock_unix(), mono = clock_mono_ms();
	int64_t jump = (wall - q->wall) - (mono - q->mono) / 1000;

	if (jump > JUMP || jump < -JUMP) {
		trace_event(TRACE_WARN, "clock-jump", NULL, "the clock was set by %lld s", (long long)jump);
		q->bring_back = true;
	}
	q->wall = wall;
	q->mono = mono;
	if (!q->sweep_at || deadline_passed(q->sweep_at)) {
		q->sweep_at = deadline_in(SWEEP_MS);
		q->bring_back = true;
		q->next_release = 0;
		dests_sweep(q);
		catchups_sweep(q);
	}
}

static void bring_back(struct queue *q)
{
	int64_t latest = clock_unix() + schedule_longest(&q->schedule);

	if (q->conf->send_warmup.n) /* that waits until tomorrow */
		latest = MAX(latest, clock_unix() + 86400);
	if (!q->bring_back)
		return;
	if (suppress_expire(&q->suppress, &q->rows, BRING_BACK) + sent_expire(&q->sent, &q->rows, BRING_BACK) +
	    warmup_forget(q, BRING_BACK) + limits_forget(q, ACCOUNTS) > 0)
		q->turn.changed = true;
	if (rows_bring_back(&q->rows, false, latest, BRING_BACK) +
		rows_bring_back(&q->rows, true, latest, BRING_BACK) > 0)
		q->more = true;
	else
		q->bring_back = false;
}

/* --- a turn --------------------------------------------------------------------------------- */

void queue_turn(struct queue *q)
{
	struct put *p;

	if (q->full_until && !deadline_passed(q->full_until)) {
		answer_puts(q, "full");
		q->more = false;
		return;
	}
	q->more = false;
	look_at_clocks(q);
	jobs_timeouts(q);
	rows_begin(&q->rows);
	STAILQ_FOREACH(p, &q->turn.puts, link)
		message_take(q, p);
	jobs_apply(q);
	warmup_tell(q);
	tasks_slice(q);
	catchups_slice(q);
	reports_make(q);
	recover_slice(q);
	bring_back(q);
	if (!q->stopping)
		pick_due(q);
	finish(q, q->failed ? q->failed : q->rows.err);
}

/* Milliseconds until a point of the wall clock, 0 if it is over. */
static int64_t until(int64_t at)
{
	int64_t now = clock_unix();

	return at <= now ? 0 : MIN(at - now, (int64_t)SWEEP_MS) * 1000;
}

int64_t queue_wait(const struct queue *q)
{
	int64_t ms = q->sweep_at ? deadline_left(q->sweep_at) : SWEEP_MS;
	const struct job *j;
	int local;

	if (q->full_until)
		return deadline_left(q->full_until);
	if (q->more)
		return 0;
	ms = MIN(ms, tasks_wait(q));
	if (tasks_stuck(q))
		ms = MIN(ms, STUCK_LOOK_MS);
	for (local = 0; local < 2; local++)
		if (q->next_due[local] < INT64_MAX && pick_room(q, local) > 0)
			ms = MIN(ms, MAX(until(q->next_due[local]), q->backlog[local] ? 100 : 0));
	if (q->next_release < INT64_MAX)
		ms = MIN(ms, until(q->next_release));
	LIST_FOREACH(j, &q->jobs, link)
		if (j->state == JOB_SENT)
			ms = MIN(ms, (int64_t)deadline_left(j->until));
	return MIN(ms, (int64_t)SWEEP_MS);
}
