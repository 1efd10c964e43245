/* SPDX-License-Identifier: ISC
 *
 * outcome.c: what attempts come to: results, as jobs.c keeps them, become rows.
 *
 *   2xx          DONE                   0, "not tried"    WAITING, soon, no attempt
 *   4xx, lost    WAITING by the         known before its  WAITING as before, no attempt
 *                schedule, or FAILED    time (memory)
 *   5xx          FAILED                 the admin's wish  HELD, gone or FAILED
 *
 * A result is applied once: what a turn could not commit is applied again by the next one (jobs_applied), and
 * told in the log the first time alone.
 */
#include "smtp/queue/queue.h"
#include "smtp/queue/records.h"

#include "trace/trace.h"

#define UNSENT_WAIT 1 /* s */

static void say(struct job *j, struct job_rcpt *r, enum trace_level level, const char *event,
	const struct rcpt_row *x, int64_t now)
{
	struct trace t;

	if (r->logged)
		return; /* the same as before: the commit had failed */
	r->logged = true;
	trace_begin(&t, level, event);
	trace_str(&t, "s", j->row.session);
	trace_str(&t, "m", j->row.id);
	trace_str(&t, "to", str_sub(r->address, 0, TRACE_TEXT));
	trace_s(&t, "via", j->local ? "lmtp" : "smtp");
	trace_u64(&t, "attempt", x->attempts);
	if (r->code) {
		trace_u64(&t, "code", (uint64_t)r->code);
		trace_str(&t, "status", r->status);
	}
	if (r->remote.n)
		trace_str(&t, "remote", r->remote);
	if (x->reply.n)
		trace_long(&t, "reply", x->reply);
	if (r->ip.n)
		trace_str(&t, "ip", r->ip);
	if (r->tls.n)
		trace_str(&t, "tls", r->tls);
	if (r->tried.n)
		trace_str(&t, "tried", str_sub(r->tried, 0, TRACE_TEXT));
	if (x->class)
		trace_s(&t, "class", bounce_name((enum bounce_class)x->class));
	if (x->state == RCPT_DONE || x->state == RCPT_FAILED)
		trace_u64(&t, "age", (uint64_t)MAX(now - j->row.time, (int64_t)0));
	if (x->state == RCPT_WAITING)
		trace_u64(&t, "wait", (uint64_t)MAX(x->next - now, (int64_t)0));
	if (x->state == RCPT_FAILED)
		trace_s(&t, "report", x->due ? "yes" : "no");
	trace_end(&t);
	records_attempt(j, r, x, event);
}

/* What lmtpd says of an alias that leads outside only. */
static bool is_forward(const struct job_rcpt *r)
{
	return str_eqc(r->status, "2.1.5") && str_ends(r->reply, "Forwarded");
}

static void over(struct queue *q, struct job *j, struct job_rcpt *r, struct rcpt_row *x,
	enum rcpt_state state, enum report_kind kind)
{
	x->state = state;
	x->due = report_wanted(j->row.reports, r->notify, kind) ? kind : REPORT_NONE;
	/* RFC 3461 5.2.2: a server that took it with NOTIFY tells by itself */
	if (kind == REPORT_SUCCESS && r->dsn)
		x->due = REPORT_NONE;
	if (state == RCPT_DONE)
		x->how = !j->local ? HOW_RELAYED : is_forward(r) ? HOW_EXPANDED : HOW_DELIVERED;
	if (x->due)
		rows_update(&q->rows, x);
	else
		rows_delete(&q->rows, x->m, x->number);
}

static void again(struct queue *q, struct job *j, struct job_rcpt *r, struct rcpt_row *x, int64_t now)
{
	int64_t age = MAX(now - j->row.time, (int64_t)0);
	bool known = r->told;

	if (j->row.time > now) { /* the clock was set back: it cannot be older than now */
		rows_set_time(&q->rows, j->row.m, now);
		j->row.time = now;
	}
	x->expired = schedule_expired(&q->schedule, age, x->attempts);
	if (x->expired) {
		over(q, j, r, x, RCPT_FAILED, REPORT_FAILURE);
		say(j, r, TRACE_WARN, "expired", x, now);
		return;
	}
	x->state = r->wish == WISH_HOLD ? RCPT_HELD : RCPT_WAITING;
	x->next = now + (known && r->code == 0 ? r->again : known ? schedule_wait(&q->schedule, x->attempts) :
		schedule_wait_lost(&q->schedule, x->attempts));
	if (x->state == RCPT_HELD)
		x->next = now; /* since when it is */
	if (!x->delayed && schedule_late(&q->schedule, age, x->attempts) &&
	    report_wanted(j->row.reports, r->notify, REPORT_DELAY))
		x->due = REPORT_DELAY;
	rows_update(&q->rows, x);
	say(j, r, TRACE_INFO, "deferred", x, now);
}

/* The sender did not try, for a reason of its own: no attempt, and soon again. But where that goes on for
 * as long as a step of the schedule it counts as one, or such a message would never be late or given up (but for what waits
 * for tomorrow because a source address is new: that is no attempt before its lifetime is over). */
static void not_tried(struct queue *q, struct job *j, struct job_rcpt *r, struct rcpt_row *x, int64_t now)
{
	int64_t since = r->last ? r->last : MIN(j->row.time, now);
	bool patient = r->patient && now - j->row.time < q->schedule.lifetime;

	if (!patient && now - since >= schedule_wait(&q->schedule, x->attempts + 1)) {
		x->attempts++;
		again(q, j, r, x, now);
		return;
	}
	x->state = r->wish == WISH_HOLD ? RCPT_HELD : RCPT_WAITING;
	x->last = r->last;
	x->next = x->state == RCPT_HELD ? now : now + r->again;
	rows_update(&q->rows, x);
	say(j, r, TRACE_INFO, "deferred", x, now);
}

/* Nobody was asked, and it was not its time: an admin who could not wait came too late for the attempt of now. It waits
 * as if he had not come. */
static bool is_early(const struct queue *q, const struct job_rcpt *r, int64_t now)
{
	return r->told && r->memory && r->code >= 400 && r->code < 500 && r->wish <= WISH_HOLD && r->last > 0 && now >= r->last &&
		now < r->last + schedule_wait(&q->schedule, r->attempts);
}

static void put_back(struct queue *q, struct job *j, struct job_rcpt *r, struct rcpt_row *x, int64_t now)
{
	x->state = r->wish == WISH_HOLD ? RCPT_HELD : RCPT_WAITING;
	x->last = r->last;
	x->next = x->state == RCPT_HELD ? now : r->last + schedule_wait(&q->schedule, r->attempts);
	rows_update(&q->rows, x);
	say(j, r, TRACE_INFO, "deferred", x, now);
}

/* A server says that there is no such mailbox: nothing more is sent there for a while, because senders
 * that go on with such addresses are taken for spammers. */
static void suppress(struct queue *q, struct job *j, const struct job_rcpt *r, const struct rcpt_row *x, bool logged)
{
	int64_t seconds = q->conf->queue_suppress / 1000;
	struct trace t;

	if (j->local || !r->remote.n || x->class != BOUNCE_INVALID || seconds == 0)
		return;
	suppress_add(&q->suppress, &q->rows, &(struct suppress_row){ .address = r->address, .until = clock_unix() + seconds,
		.class = BOUNCE_INVALID, .reply = r->reply });
	if (logged)
		return;
	trace_begin(&t, TRACE_INFO, "suppressed");
	trace_str(&t, "s", j->row.session);
	trace_str(&t, "m", j->row.id);
	trace_str(&t, "to", str_sub(r->address, 0, TRACE_TEXT));
	trace_u64(&t, "left", (uint64_t)seconds);
	trace_str(&t, "by", r->remote);
	trace_end(&t);
}

/* It has left: what others say of it may be asked for (sent.h). */
static void remember(struct queue *q, struct job *j, const struct job_rcpt *r)
{
	const struct sent_row x = { .message = j->row.id, .sender = j->row.sender, .recipient = r->address };
	int64_t until = clock_unix() + q->conf->queue_remember / 1000;

	if (j->local || j->row.sender.n == 0)
		return;
	if (j->verp.n)
		sent_add_verp(&q->sent, &q->rows, job_sender(j, &q->turn.arena), &x, until);
	if (q->conf->reports_feedback.n && q->conf->reports_feedback_networks.n)
		sent_add(&q->sent, &q->rows, &x, until);
}

/* The administrator ended it while it was in hand (ended.c): what a server said of the attempt is not why. */
static void by_admin(struct job_rcpt *r, struct rcpt_row *x)
{
	ended_fill(x, BOUNCE_ADMIN, NULL);
	r->code = 0;
	r->status = r->remote = r->ip = r->tls = r->tried = STR("");
}

static void apply_rcpt(struct queue *q, struct job *j, struct job_rcpt *r, int64_t now)
{
	struct rcpt_row x = { .m = j->row.m, .number = r->number, .attempts = r->attempts,
		.delayed = r->delayed, .code = r->code, .status = r->status, .reply = r->reply,
		.remote = r->remote, .last = now, .next = now };
	bool logged;

	r->applying = true;
	if (r->wish != WISH_NONE)
		held_wish(q, x.m, x.number, WISH_NONE); /* it comes true here */
	if (r->told && (r->code == 0 || r->code >= 400))
		x.class = (int)bounce_class(r->code, r->status, r->reply);
	if (j->state == JOB_UNSENT && r->wish <= WISH_HOLD) { /* no attempt was made */
		rows_set_state(&q->rows, x.m, x.number, r->wish == WISH_HOLD ? RCPT_HELD : RCPT_WAITING, r->wish == WISH_HOLD ? now : now + UNSENT_WAIT);
		return;
	}
	if (r->told && r->code == 0 && r->wish <= WISH_HOLD) {
		not_tried(q, j, r, &x, now);
		return;
	}
	if (is_early(q, r, now)) {
		put_back(q, j, r, &x, now);
		return;
	}
	x.attempts++;
	if (!r->told)
		x.reply = STR("nothing is known of this attempt: it broke off");
	if (r->told && r->code > 0 && r->code < 300) {
		over(q, j, r, &x, RCPT_DONE, REPORT_SUCCESS);
		remember(q, j, r);
		say(j, r, TRACE_INFO, "sent", &x, now);
	} else if (r->wish == WISH_REMOVE) {
		by_admin(r, &x);
		x.status = STR("");
		x.reply = STR(REPLY_REMOVED);
		rows_delete(&q->rows, x.m, x.number);
		say(j, r, TRACE_INFO, "removed", &x, now);
	} else if (r->wish == WISH_BOUNCE) {
		by_admin(r, &x);
		over(q, j, r, &x, RCPT_FAILED, REPORT_FAILURE);
		say(j, r, TRACE_INFO, "bounced", &x, now);
	} else if (r->told && r->code >= 500) {
		over(q, j, r, &x, RCPT_FAILED, REPORT_FAILURE);
		logged = r->logged;
		say(j, r, TRACE_WARN, "failed", &x, now);
		suppress(q, j, r, &x, logged);
	} else {
		again(q, j, r, &x, now);
	}
}

void jobs_apply(struct queue *q)
{
	int64_t now = clock_unix();
	struct job *j;
	size_t i;

	LIST_FOREACH(j, &q->jobs, link) {
		bool any = false;

		if (j->state == JOB_LOST && q->stopping)
			continue; /* the next queued tries them at once */
		if (j->confirmed) {
			j->row.reports = REPORTS_SENDER;
			rows_set_reports(&q->rows, j->row.m, REPORTS_SENDER);
		}
		for (i = 0; i < j->n; i++)
			if (!j->rcpt[i].applied && (j->rcpt[i].told || job_is_over(j))) {
				apply_rcpt(q, j, &j->rcpt[i], now);
				any = true;
			}
		if (j->warm.p && !j->warm_applied) {
			warmup_count(q, j->warm);
			j->warm_applying = any = true;
		}
		if (!any)
			continue;
		q->turn.changed = true;
		if (rows_remove_if_done(&q->rows, j->row.m)) {
			queue_unlink_later(q, j->row.id);
			q->messages -= q->messages > 0;
		}
	}
}

/* A result without an attempt by a sender. */
static void decide(struct queue *q, const struct rcpt_row *x, int code, struct str status, struct str reply)
{
	struct job j = { .state = JOB_ENDED, .local = x->local };
	struct job_rcpt r = { .number = x->number, .address = x->address, .dest = x->dest, .attempts = x->attempts,
		.last = x->last, .delayed = x->delayed, .code = code, .status = status, .reply = reply, .told = true, .memory = true };
	int64_t now = clock_unix();

	if (rows_message(&q->rows, x->m, &q->turn.arena, &j.row) < 0)
		return;
	if (code >= 500 || now - j.row.time >= MIN(q->schedule.lifetime, MAX(q->schedule.delay_warning, (int64_t)1)))
		r.notify = message_notify(q, &j.row, x->number); /* a report may be due: the file is read */
	apply_rcpt(q, &j, &r, now);
	q->turn.changed = true;
	if (rows_remove_if_done(&q->rows, j.row.m)) {
		queue_unlink_later(q, j.row.id);
		q->messages -= q->messages > 0;
	}
}

void jobs_defer(struct queue *q, const struct rcpt_row *x, const struct dest *d)
{
	bool temporary = d->code >= 400 && d->code < 500;

	decide(q, x, temporary ? d->code : 450, temporary && d->status[0] == '4' ? str_of(d->status) : STR("4.4.1"),
		d->reply ? str_of(d->reply) : STR("nobody can be reached there for now"));
}

void jobs_applied(struct queue *q, bool committed)
{
	struct job *j, *next;
	size_t i, open;

	for (j = LIST_FIRST(&q->jobs); j; j = next) {
		next = LIST_NEXT(j, link);
		for (i = open = 0; i < j->n; i++) {
			j->rcpt[i].applied |= j->rcpt[i].applying && committed;
			j->rcpt[i].applying = false;
			open += !j->rcpt[i].applied;
		}
		j->warm_applied |= j->warm_applying && committed;
		j->warm_applying = false;
		if (job_is_over(j) && open == 0) {
			q->more |= q->backlog[j->local]; /* its place is free only now */
			job_free(q, j);
		}
	}
}
