/* SPDX-License-Identifier: ISC
 *
 * task_change.c: what the admin does to a recipient in the queue: retry, hold, release, reroute, remove, bounce.
 *
 * Whether it may be done depends on the state that it is in; of one that is in the hands of a sender the wish is kept
 * with its job and counts when the attempt is over (jobs.c).
 */
#include "smtp/queue/tasks.h"

#include "trace/trace.h"

static void say(const struct message_row *row, const struct rcpt_row *x, const char *event)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, event);
	trace_str(&t, "s", row->session);
	trace_str(&t, "m", row->id);
	trace_str(&t, "to", str_sub(x->address, 0, TRACE_TEXT));
	trace_s(&t, "by", "admin");
	trace_end(&t);
}

/* In a sender's hands: when it comes back. */
static bool wish(struct queue *q, const struct task *t, const struct rcpt_row *x)
{
	static const enum job_wish wishes[] = { [TASK_HOLD] = WISH_HOLD, [TASK_RELEASE] = WISH_NONE,
		[TASK_REMOVE] = WISH_REMOVE, [TASK_BOUNCE] = WISH_BOUNCE };
	struct job *j;
	size_t i;

	if (t->verb == TASK_RETRY)
		return true; /* it is being tried */
	if (t->verb == TASK_REROUTE) {
		rows_set_hop(&q->rows, x->m, x->number, t->hop); /* from the next attempt on */
		dest_again(q, t->hop.n ? t->hop : x->dest);
		return true;
	}
	LIST_FOREACH(j, &q->jobs, link)
		for (i = 0; j->row.m == x->m && i < j->n; i++)
			if (j->rcpt[i].number == x->number) {
				if (t->verb == TASK_RELEASE && j->rcpt[i].wish != WISH_HOLD)
					return false;
				if (t->verb == TASK_HOLD || j->rcpt[i].wish == WISH_HOLD)
					held_note(q, j->row.id, x->number, t->verb == TASK_HOLD);
				j->rcpt[i].wish = wishes[t->verb];
				held_wish(q, x->m, x->number, wishes[t->verb]);
				return true;
			}
	return false;
}

/* As if the message came now: all attempts and all its time are before it. */
static void begin_anew(struct queue *q, const struct message_row *row, struct rcpt_row *x, int64_t now)
{
	x->state = RCPT_WAITING;
	x->next = now;
	x->attempts = 0;
	x->delayed = false;
	rows_update(&q->rows, x);
	rows_set_time(&q->rows, row->m, now);
}

static void reroute(struct queue *q, const struct task *t, const struct message_row *row, const struct rcpt_row *x, int64_t now)
{
	rows_set_hop(&q->rows, x->m, x->number, t->hop);
	dest_again(q, t->hop.n ? t->hop : x->dest);
	if (x->state == RCPT_WAITING)
		rows_set_state(&q->rows, x->m, x->number, RCPT_WAITING, now);
	say(row, x, "rerouted");
}

/* Its time is over, or it had none. One that is to leave later has not begun yet: `next` of a HELD one is that time, of
 * others the time since which it is held. That does not count to its age: else the first failure after a long hold
 * would be its end. */
static void release(struct queue *q, struct task *t, const struct message_row *row, const struct rcpt_row *x, int64_t now)
{
	struct suppressed why;
	bool later = x->state == RCPT_HELD && x->next > now && x->attempts == 0;
	int64_t held = MAX(now - x->next, (int64_t)0);
	const struct envelope *e = x->state == RCPT_HELD && !x->local ? message_envelope(q, row) : NULL;

	if (e)
		limits_learn(q, e, x->address);
	if (!x->local && suppress_find(&q->suppress, &q->rows, x->address, row->sender, &q->turn.arena, &why))
		t->stopped++; /* pick.c returns it */
	if (x->state == RCPT_HELD)
		held_note(q, row->id, x->number, false);
	rows_set_state(&q->rows, x->m, x->number, later ? RCPT_SCHEDULED : RCPT_WAITING, later ? x->next : now);
	if (later)
		q->next_release = MIN(q->next_release, x->next);
	else
		rows_set_time(&q->rows, row->m, x->attempts ? MIN(row->time + held, now) : now);
	say(row, x, "released");
}

bool task_change(struct queue *q, struct task *t, const struct message_row *row, struct rcpt_row *x)
{
	int64_t now = clock_unix();
	bool waits = x->state == RCPT_WAITING || x->state == RCPT_SCHEDULED || x->state == RCPT_THROTTLED;
	bool idle = waits || x->state == RCPT_HELD || x->state == RCPT_DAMAGED;
	/* what its sender, or a limit, wants to wait is meant by its name alone */
	bool named = (x->state != RCPT_SCHEDULED && x->state != RCPT_THROTTLED) || t->filter.m;

	if (x->state == RCPT_ACTIVE)
		return wish(q, t, x);
	switch (t->verb) {
	case TASK_RETRY:
		if ((!waits && x->state != RCPT_DAMAGED) || !named)
			return false;
		if (!x->local)
			dest_again(q, pick_key(x));
		if (t->fresh)
			begin_anew(q, row, x, now);
		else
			rows_set_state(&q->rows, x->m, x->number, RCPT_WAITING, now);
		if (x->state == RCPT_SCHEDULED || x->state == RCPT_THROTTLED)
			rows_set_time(&q->rows, row->m, now); /* its age begins */
		return true;
	case TASK_REROUTE:
		if (!idle || x->local)
			return false;
		reroute(q, t, row, x, now);
		return true;
	case TASK_HOLD:
		if (!waits)
			return false;
		rows_set_state(&q->rows, x->m, x->number, RCPT_HELD, x->state == RCPT_SCHEDULED ? x->next : now);
		held_note(q, row->id, x->number, true);
		say(row, x, "held");
		return true;
	case TASK_RELEASE:
		if (x->state != RCPT_HELD && x->state != RCPT_THROTTLED)
			return false;
		release(q, t, row, x, now);
		return true;
	case TASK_REMOVE:
		if (!idle)
			return false;
		ended_removed(q, row, x);
		return true;
	case TASK_BOUNCE:
		if (!idle)
			return false;
		ended_bounced(q, row, x);
		return true;
	default:
		break;
	}
	return false;
}
