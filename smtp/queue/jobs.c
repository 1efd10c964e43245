/* SPDX-License-Identifier: ISC
 *
 * jobs.c: attempts in hand, and what the sender says of them (docs/QUEUE.md, queued and sender; outcome.c
 * makes rows of it).
 *
 * A sender says how many jobs of each way it may take; it gets one message for each
 * job, and tells the result of each recipient as soon as it knows it. What it says is
 * kept in the job until it is committed (invariant 3 of queue.h). A sender that
 * is gone, or silent for `[queue] job_time`: nothing is known of its recipients, so they
 * are tried again. (A mailbox here knows the delivery id and takes nothing twice; another
 * server may get such a message twice, never not at all.)
 */
#include "smtp/queue/queue.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "mail/verp.h"

#define BLOCKED_MS 100
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

bool job_is_over(const struct job *j)
{
	return j->state == JOB_ENDED || j->state == JOB_LOST || j->state == JOB_UNSENT;
}

bool jobs_of_message(const struct queue *q, int64_t m)
{
	const struct job *j;

	LIST_FOREACH(j, &q->jobs, link)
		if (j->row.m == m && !job_is_over(j))
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

struct str job_sender(const struct job *j, struct arena *a)
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
	ipc_set(m, "sender", job_sender(j, &m->arena));
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

/* Does anybody answer there? Else the words are the sender's, which may begin with an address. */
static bool is_reply(struct str text)
{
	struct str word = str_cut(&text, ' ');
	uint64_t code;

	return word.n == 3 && str_u64(word, 599, &code) == 0;
}

static void hear(struct job *j, uint64_t code, struct str text, const struct job_rcpt *common)
{
	if (common->memory)
		return;
	j->dest->answers = is_reply(text);
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
