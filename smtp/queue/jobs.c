/* SPDX-License-Identifier: ISC
 *
 * jobs.c: attempts in hand, and what comes of them (docs/QUEUE.md, queued and sender).
 *
 * A sender says how many jobs of each way it may take; it gets one message for each
 * job, and tells the result of each recipient as soon as it knows it. What it says is
 * kept in the job until it is committed (invariant 3 of queue.h). A sender that
 * is gone, or silent for `[queue] job_time`: nothing is known of its recipients, so they
 * are tried again. (A mailbox here knows the delivery id and takes nothing twice; another
 * server may get such a message twice, never not at all.)
 */
#include "smtp/queue/queue.h"
#include "smtp/queue/records.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/verp.h"
#include "trace/trace.h"

#define BLOCKED_MS 100
#define UNSENT_WAIT 1 /* s */
#define NOT_TRIED_WAIT 60 /* s, if the sender says nothing else */

/* --- life ------------------------------------------------------------------------ */

struct job *job_new(struct queue *q, const struct message_row *row, const struct envelope *e,
	uint64_t offset, const struct rcpt_row *x)
{
	struct job *j = mem_alloc(1, sizeof(*j));
	struct arena *a = &j->arena;

	arena_init(a);
	j->id = ++q->next_job;
	j->fd = -1;
	j->row = *row;
	j->row.id = arena_str(a, row->id);
	j->row.sender = arena_str(a, row->sender);
	j->row.session = arena_str(a, row->session);
	j->local = x->local;
	j->offset = offset;
	j->size = e->size;
	j->body8 = e->body8;
	j->smtputf8 = e->smtputf8;
	j->requiretls = e->requiretls;
	j->priority = e->priority;
	j->forward = e->forward;
	j->report = e->report;
	j->peer = arena_str(a, e->peer);
	j->helo = arena_str(a, e->helo);
	j->from = arena_str(a, e->from);
	j->alias = arena_str(a, e->alias);
	j->ret = e->ret;
	j->envid = arena_str(a, e->envid);
	/* what an alias here makes of the message is confirmed only if it is itself */
	j->user = arena_str(a, e->confirmed ? e->user : STR(""));
	j->verp = arena_str(a, j->local ? STR("") : e->verp);
	j->max = j->verp.n ? 1 : JOB_RCPTS;
	j->rcpt = arena_array(a, j->max, sizeof(*j->rcpt));
	j->bytes = j->row.sender.n + j->envid.n + j->user.n + j->peer.n + j->helo.n + j->from.n + j->alias.n + 1000;
	if (!j->local && (!q->conf->send_smarthost.n || !q->no_routes))
		j->to = arena_str(a, x->dest);
	j->hop = arena_str(a, x->hop);
	j->dest = dest_take(q, pick_key(x));
	j->dest->stream = x->stream;
	j->unanswered = !j->local && !j->dest->answers;
	q->unanswered += j->unanswered;
	LIST_INSERT_HEAD(&q->jobs, j, link);
	q->njobs++;
	q->jobs_of[j->local]++;
	return j;
}

bool job_fits(const struct job *j, const struct rcpt_row *x)
{
	return j->local == x->local && (j->local || (str_eq(j->hop, x->hop) && (!j->to.n || str_eq(j->to, x->dest))));
}

bool job_add(struct job *j, const struct envelope_rcpt *r, const struct rcpt_row *x)
{
	size_t bytes = 3 * (r->address.n + r->orcpt.n) + 80; /* at worst all of it is escaped */

	if (j->n == j->max || (j->n > 0 && j->bytes + bytes > JOB_BYTES))
		return false;
	j->rcpt[j->n++] = (struct job_rcpt){ .number = r->number, .address = arena_str(&j->arena, r->address),
		.dest = arena_str(&j->arena, pick_key(x)), .orcpt = arena_str(&j->arena, r->orcpt),
		.notify = r->notify, .attempts = x->attempts, .last = x->last, .delayed = x->delayed };
	j->bytes += bytes;
	return true;
}

void job_free(struct queue *q, struct job *j)
{
	LIST_REMOVE(j, link);
	q->njobs--;
	q->jobs_of[j->local]--;
	q->unanswered -= j->unanswered;
	dest_give(q, j->dest);
	fd_close(&j->fd);
	arena_done(&j->arena);
	free(j);
}

static bool is_over(const struct job *j)
{
	return j->state == JOB_ENDED || j->state == JOB_LOST || j->state == JOB_UNSENT;
}

bool jobs_of_message(const struct queue *q, int64_t m)
{
	const struct job *j;

	LIST_FOREACH(j, &q->jobs, link)
		if (j->row.m == m && !is_over(j))
			return true;
	return false;
}

/* --- to a sender -------------------------------------------------------------------- */

static struct sender *free_sender(struct queue *q, bool local)
{
	struct sender *best = NULL;
	size_t i;

	for (i = 0; i < QUEUE_SENDERS; i++) {
		struct sender *s = &q->sender[i];

		if (s->who && s->credit[local] > 0 && (!s->blocked || deadline_passed(s->blocked)) &&
		    (!best || s->credit[local] > best->credit[local]))
			best = s;
	}
	return best;
}

/* What MAIL says. Where the recipient's own one is no address the plain one will do. */
static struct str sender_of_job(const struct job *j, struct arena *a)
{
	struct str sender = j->from.n ? j->from : j->row.sender, own;

	return j->verp.n && j->n == 1 && verp_address(j->verp, sender, j->rcpt[0].address, a, &own) == 0 ? own : sender;
}

static void fill(const struct job *j, struct ipc_msg *m)
{
	static const char *const ret[] = { [RET_NONE] = NULL, [RET_FULL] = "full", [RET_HDRS] = "hdrs" };
	char name[40];
	size_t i;

	ipc_set_u64(m, "id", j->id);
	ipc_set(m, "message", j->row.id);
	ipc_setc(m, "via", j->local ? "lmtp" : "smtp");
	ipc_set_u64(m, "offset", j->offset);
	ipc_set_u64(m, "size", j->size);
	ipc_set(m, "sender", sender_of_job(j, &m->arena));
	ipc_set_bool(m, "body8", j->body8);
	ipc_set_bool(m, "smtputf8", j->smtputf8);
	if (j->requiretls)
		ipc_set_bool(m, "requiretls", true);
	if (j->priority)
		ipc_setc(m, "priority", arena_fmt(&m->arena, "%d", j->priority));
	if (j->report)
		ipc_set_bool(m, "report", true);
	if (j->forward) {
		ipc_set_bool(m, "forward", true);
		ipc_set(m, "alias", j->alias);
		ipc_set(m, "origin", j->row.sender);
	}
	if (j->forward || j->local) { /* an address here may send it on */
		ipc_set(m, "peer", j->peer);
		ipc_set(m, "helo", j->helo);
	}
	ipc_setc(m, "ret", ret[j->ret]);
	ipc_set(m, "envid", j->envid);
	ipc_set(m, "session", j->row.session);
	ipc_set(m, "user", j->user);
	if (j->to.n)
		ipc_set(m, "dest", j->to);
	if (j->dest->fresh && !deadline_passed(j->dest->fresh))
		ipc_set_bool(m, "fresh", true);
	if (j->hop.n)
		ipc_set(m, "hop", j->hop);
	for (i = 0; i < j->n; i++) {
		const struct job_rcpt *r = &j->rcpt[i];

		ipc_setc(m, "rcpt", arena_fmt(&m->arena, "%u %.*s", r->number, STRF(r->address)));
		snprintf(name, sizeof(name), "notify.%u", r->number);
		if (r->notify)
			ipc_set_u64(m, name, r->notify);
		snprintf(name, sizeof(name), "orcpt.%u", r->number);
		if (r->orcpt.n)
			ipc_set(m, name, r->orcpt);
	}
}

static void send_one(struct queue *q, struct job *j)
{
	struct sender *s = free_sender(q, j->local);
	struct ipc_msg m;
	int r;

	j->state = JOB_UNSENT;
	if (!s)
		return;
	/* a descriptor of its own, for reading: the one that came with put may write */
	if (j->fd < 0)
		j->fd = file_open(q->spool, j->row.id.p, O_RDONLY | O_NOFOLLOW, 0);
	if (j->fd < 0)
		return;
	ipc_init(&m, "job");
	fill(j, &m);
	ipc_add_fd(&m, "file", j->fd);
	r = q->ops->job(s->who, &m);
	ipc_done(&m);
	fd_close(&j->fd);
	if (r == 0) {
		s->credit[j->local]--;
		j->dest->fresh = DEADLINE_NEVER;
		j->state = JOB_SENT;
		j->sender = s;
		j->until = deadline_in(q->conf->queue_job_time);
	} else if (r != E_CLOSED) {
		s->blocked = deadline_in(BLOCKED_MS);
	}
}

void jobs_send(struct queue *q)
{
	struct job *j;

	LIST_FOREACH(j, &q->jobs, link) {
		if (j->state != JOB_NEW)
			continue;
		send_one(q, j);
		if (j->state == JOB_UNSENT)
			q->more = true;
	}
}

void jobs_drop_new(struct queue *q)
{
	struct job *j, *next;

	for (j = LIST_FIRST(&q->jobs); j; j = next) {
		next = LIST_NEXT(j, link);
		if (j->state == JOB_NEW)
			job_free(q, j);
	}
}

/* --- from a sender -------------------------------------------------------------------- */

static struct sender *sender_of(struct queue *q, void *who, bool make)
{
	struct sender *s = NULL;
	size_t i;

	for (i = 0; i < QUEUE_SENDERS; i++) {
		if (q->sender[i].who == who)
			return &q->sender[i];
		if (!q->sender[i].who && !s)
			s = &q->sender[i];
	}
	if (!make || !s)
		return NULL;
	*s = (struct sender){ .who = who };
	return s;
}

void jobs_ready(struct queue *q, void *who, bool local, uint64_t n)
{
	struct sender *s = sender_of(q, who, true);

	if (s)
		s->credit[local] = MIN(s->credit[local] + n, (uint64_t)1000000);
	q->more = true;
}

void jobs_sender_gone(struct queue *q, void *who)
{
	struct sender *s = sender_of(q, who, false);
	struct job *j;

	if (!s)
		return;
	LIST_FOREACH(j, &q->jobs, link) {
		if (j->sender != s || j->state == JOB_ENDED)
			continue;
		j->state = JOB_LOST;
		j->sender = NULL;
		q->more = true;
	}
	*s = (struct sender){ 0 };
}

void jobs_timeouts(struct queue *q)
{
	struct job *j;

	LIST_FOREACH(j, &q->jobs, link)
		if (j->state == JOB_SENT && deadline_passed(j->until)) {
			j->state = JOB_LOST;
			j->sender = NULL;
		}
}

/* Does anybody answer there? Else the words are the sender's. */
static void hear(struct job *j, uint64_t code, struct str text, const struct job_rcpt *common)
{
	if (common->memory)
		return;
	j->dest->answers = text.n && text.p[0] >= '0' && text.p[0] <= '9';
	if (!j->local && text.n && (j->dest->answers || (code >= 400 && code < 500)))
		dest_said(j->dest, j->dest->answers, str_sub(text, 0, QUEUE_REPLY_MAX));
}

/* "NUMBER CODE STATUS REPLY" */
static bool take_result(struct job *j, struct str text, const struct job_rcpt *common)
{
	struct str number = str_cut(&text, ' '), code = str_cut(&text, ' '), status = str_cut(&text, ' ');
	uint64_t n, c;
	size_t i;

	if (str_u64(number, UINT32_MAX, &n) < 0 || str_u64(code, 599, &c) < 0 || (c > 0 && c < 200) || status.n == 0 ||
	    status.n > 11 || !text.p)
		return false;
	for (i = 0; i < j->n && j->rcpt[i].number != n; i++)
		;
	if (i == j->n)
		return false;
	if (j->rcpt[i].told)
		return true; /* the first word counts */
	j->rcpt[i].told = true;
	if (c)
		hear(j, c, text, common);
	j->rcpt[i].code = (int)c;
	j->rcpt[i].status = arena_str(&j->arena, status);
	j->rcpt[i].reply = arena_str(&j->arena, str_sub(text, 0, QUEUE_REPLY_MAX));
	j->rcpt[i].again = common->again;
	j->rcpt[i].patient = common->patient;
	j->rcpt[i].memory = common->memory;
	j->rcpt[i].remote = common->remote;
	j->rcpt[i].ip = common->ip;
	j->rcpt[i].tls = common->tls;
	j->rcpt[i].tried = common->tried;
	j->rcpt[i].dsn = common->dsn;
	return true;
}

bool jobs_result(struct queue *q, void *who, const struct ipc_msg *m)
{
	struct job_rcpt common = { .dsn = ipc_get_bool(m, "dsn"), .patient = ipc_get_bool(m, "patient"),
		.memory = ipc_get_bool(m, "memory") };
	struct str text;
	struct job *j;
	uint64_t id, again = NOT_TRIED_WAIT;
	size_t i;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id) < 0)
		return false;
	LIST_FOREACH(j, &q->jobs, link)
		if (j->id == id)
			break;
	if (!j || j->state != JOB_SENT)
		return true; /* of a job that was given up, or of a queued before this one */
	if (j->sender->who != who)
		return false;
	ipc_get_u64(m, "again", 86400, &again);
	common.again = (int64_t)MAX(again, (uint64_t)1);
	common.remote = arena_str(&j->arena, str_sub(ipc_get(m, "remote"), 0, 255));
	common.ip = arena_str(&j->arena, str_sub(ipc_get(m, "ip"), 0, 63));
	common.tls = arena_str(&j->arena, str_sub(ipc_get(m, "tls"), 0, 127));
	common.tried = arena_str(&j->arena, str_sub(ipc_get(m, "tried"), 0, QUEUE_REPLY_MAX));
	for (i = 0; (text = ipc_get_nth(m, "rcpt", i)).p; i++)
		if (!take_result(j, text, &common))
			return false;
	if (!j->warm.p && ipc_get(m, "warm").p)
		j->warm = arena_str(&j->arena, str_sub(ipc_get(m, "warm"), 0, 400));
	j->until = deadline_in(q->conf->queue_job_time);
	j->confirmed |= j->row.reports == REPORTS_KEEPER && ipc_get_bool(m, "confirmed");
	if (ipc_get_bool(m, "done"))
		j->state = JOB_ENDED;
	q->turn.changed = true;
	return true;
}

bool jobs_routes(struct queue *q, const struct ipc_msg *m)
{
	struct str any = ipc_get(m, "any");

	if (!str_eqc(any, "0") && !str_eqc(any, "1"))
		return false;
	q->no_routes = str_eqc(any, "0");
	return true;
}

/* --- results become rows ------------------------------------------------------------------ */

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
		sent_add_verp(&q->sent, &q->rows, sender_of_job(j, &q->turn.arena), &x, until);
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
			if (!j->rcpt[i].applied && (j->rcpt[i].told || is_over(j))) {
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
		if (is_over(j) && open == 0) {
			q->more |= q->backlog[j->local]; /* its place is free only now */
			job_free(q, j);
		}
	}
}
