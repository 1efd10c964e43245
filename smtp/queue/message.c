/* SPDX-License-Identifier: ISC
 *
 * message.c: files of the spool, and how a new message becomes rows.
 *
 *   file: O_TMPFILE in spool/ --(filled and fsynced by its maker)--> put: its head is
 *   read and checked -> [turn] named by its id -> spool/ fsynced -> rows committed -> ok
 *
 * The maker is another process (smtpd, a child of lmtpd): the descriptor that
 * comes back must be an unnamed regular file of our spool, and its head must be
 * sound, or nobody could build the queue anew from it.
 */
#include "smtp/queue/queue.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define NAMED 20 /* recipients in one event */

int message_file(struct queue *q)
{
	struct statvfs fs;
	int fd;

	if (q->full_until && !deadline_passed(q->full_until))
		return E_FULL;
	if (q->messages >= (uint64_t)q->conf->queue_messages)
		return E_FULL;
	if (q->conf->queue_min_free && fstatvfs(q->spool, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < q->conf->queue_min_free)
		return E_FULL;
	fd = file_tmp(q->spool, ".", 0600);
	if (fd >= 0)
		return fd;
	trace_event(TRACE_ERROR, "spool-failed", NULL, "%s", err_text(fd));
	return fd == -ENOSPC || fd == -EDQUOT ? E_FULL : E_TEMP;
}

/* --- the head -------------------------------------------------------------------- */

int message_head(int fd, struct arena *a, struct envelope *out, uint64_t *offset_out)
{
	char begin[40];
	size_t length;
	struct stat st;
	char *head;
	int r = file_pread_all(fd, begin, sizeof(begin), 0);

	if (!r)
		r = envelope_length(str_make(begin, sizeof(begin)), &length);
	if (r < 0)
		return r;
	if (length > ENVELOPE_HEAD_MAX)
		return E_LIMIT;
	head = mem_alloc(length, 1);
	r = file_pread_all(fd, head, length, 0);
	if (!r)
		r = envelope_parse(str_make(head, length), a, out);
	free(head);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* a file cut short by a power failure has a good head perhaps, but less behind it */
	if ((uint64_t)st.st_size < length || (uint64_t)st.st_size - length != out->size)
		return E_DAMAGED;
	*offset_out = length;
	return 0;
}

int message_open(struct queue *q, struct str id, struct arena *a, struct envelope *out,
	uint64_t *offset_out)
{
	int fd = file_open(q->spool, arena_cstr(a, id), O_RDONLY | O_NOFOLLOW, 0), r;

	if (fd < 0)
		return fd;
	r = message_head(fd, a, out, offset_out);
	if (!r && !str_eq(out->id, id))
		r = E_DAMAGED;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* --- put --------------------------------------------------------------------------- */

/* Only what we gave away may come back, and only once. */
static bool is_ours(const struct queue *q, int fd)
{
	struct stat st, spool;

	return fd >= 0 && fstat(fd, &st) == 0 && fstat(q->spool, &spool) == 0 && S_ISREG(st.st_mode) &&
		st.st_nlink == 0 && st.st_dev == spool.st_dev && st.st_uid == geteuid();
}

void message_put(struct queue *q, struct str id, int fd, void *who, uint64_t question)
{
	struct put *p = mem_alloc(1, sizeof(*p));
	int r = E_DAMAGED;

	p->who = who;
	p->question = question;
	p->fd = fd;
	if (envelope_id_ok(id) && is_ours(q, fd))
		r = message_head(fd, &q->turn.arena, &p->e, &p->offset);
	if (!r && !str_eq(p->e.id, id))
		r = E_DAMAGED;
	if (!r)
		snprintf(p->id, sizeof(p->id), "%.*s", STRF(id));
	else
		p->result = "damaged";
	STAILQ_INSERT_TAIL(&q->turn.puts, p, link);
	q->turn.nputs++;
	q->turn.changed = true;
}

void message_take(struct queue *q, struct put *p)
{
	struct limits_look *look;
	int64_t m;
	int r;

	if (p->result)
		return;
	if (rows_find(&q->rows, str_of(p->id), &m) == 0) {
		p->result = "exists";
		return;
	}
	look = limits_look(q, &p->e);
	if (limits_full(q, look)) {
		p->result = "limit";
		return;
	}
	r = file_link(p->fd, q->spool, p->id);
	if (r == E_EXISTS && q->ops->settle) { /* perhaps it is about to be removed */
		q->ops->settle();
		r = file_link(p->fd, q->spool, p->id);
	}
	/* a file without a row was never answered "ok": another attempt with its id is not to be
	 * told that it is safe (while the rows are made anew nobody knows) */
	if (r == E_EXISTS && !q->rows.rebuild && file_unlink(q->spool, p->id) == 0)
		r = file_link(p->fd, q->spool, p->id);
	if (r < 0) {
		p->result = r == -ENOSPC || r == -EDQUOT ? "full" : "busy";
		if (r != E_EXISTS)
			trace_event(TRACE_ERROR, "spool-failed", NULL, "%s: %s", p->id, err_text(r));
		return;
	}
	p->named = true;
	q->turn.names = true;
	message_insert(q, &p->e, p->offset, true, look);
}

/* --- rows ---------------------------------------------------------------------------- */

bool report_wanted(enum report_to reports, uint32_t notify, enum report_kind kind)
{
	static const uint32_t bit[REPORT_KINDS] = { [REPORT_FAILURE] = NOTIFY_FAILURE,
		[REPORT_SUCCESS] = NOTIFY_SUCCESS, [REPORT_DELAY] = NOTIFY_DELAY };

	/* the wishes are the sender's, who is not the one that is told */
	if (reports == REPORTS_KEEPER)
		return kind == REPORT_FAILURE;
	/* RFC 3461 4.1: without NOTIFY, failure and (as it may) delay */
	if (!notify)
		notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	return reports == REPORTS_SENDER && !(notify & NOTIFY_NEVER) && (notify & bit[kind]);
}

void message_dest(const struct envelope_rcpt *r, struct arena *a, struct str *out)
{
	ssize_t at = str_rfind(r->address, '@');
	struct str dest = r->local || at < 0 ? r->address : str_from(r->address, (size_t)at + 1);
	char *lower = arena_cstr(a, dest);
	size_t i;

	for (i = 0; i < dest.n; i++)
		lower[i] = ascii_lower(lower[i]);
	*out = str_make(lower, dest.n);
}

/* A recipient that was refused before the queue had the message. */
static void refused_row(struct rcpt_row *x, const struct envelope_rcpt *r, int64_t now)
{
	x->state = RCPT_FAILED;
	x->due = REPORT_FAILURE;
	x->code = r->code;
	x->status = r->status;
	x->reply = str_sub(r->reply, 0, QUEUE_REPLY_MAX);
	x->last = now;
}

const struct envelope *message_envelope(struct queue *q, const struct message_row *row)
{
	struct turn *t = &q->turn;
	uint64_t offset;
	int fd;

	if (t->about_m == row->m)
		return &t->about;
	t->about_m = 0;
	fd = message_open(q, row->id, &t->arena, &t->about, &offset);
	if (fd < 0)
		return NULL;
	close(fd);
	t->about_m = row->m;
	return &t->about;
}

uint32_t message_notify(struct queue *q, const struct message_row *row, uint32_t number)
{
	const struct envelope *e = message_envelope(q, row);
	uint32_t notify = 0;
	size_t i;

	if (!e)
		return NOTIFY_NEVER; /* nothing is left to report with */
	for (i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].number == number)
			notify = e->rcpt[i].notify;
	return notify;
}

/* Puts the recipient into a job of this message that is being made, or begins one. */
static bool join(struct queue *q, const struct message_row *row, const struct envelope *e, uint64_t offset,
	const struct envelope_rcpt *r, const struct rcpt_row *x)
{
	struct job *j;

	/* new ones stand in front, those of the message that came last before all */
	for (j = LIST_FIRST(&q->jobs); j && j->state == JOB_NEW && j->row.m == row->m; j = LIST_NEXT(j, link))
		if (job_fits(j, x) && job_add(j, r, x))
			return true;
	if (q->backlog[r->local] || pick_room(q, r->local) == 0 || !pick_may(q, x, q->conf->queue_share))
		return false;
	return job_add(job_new(q, row, e, offset, x), r, x);
}

/* Not before its time (RFC 4865): no attempt, and no age. */
static void schedule_row(struct queue *q, struct rcpt_row *x, int64_t release)
{
	x->state = RCPT_SCHEDULED;
	x->next = release;
	q->next_release = MIN(q->next_release, release);
}

static void insert_rcpt(struct queue *q, const struct message_row *row, const struct envelope *e,
	uint64_t offset, const struct envelope_rcpt *r, bool at_once, const struct limits_look *look, size_t *n)
{
	const struct limits_rcpt *limit = look ? &look->rcpt[r - e->rcpt] : NULL;
	struct arena *a = &q->turn.arena;
	struct suppressed why;
	struct rcpt_row x = { .m = row->m, .number = r->number, .address = r->address,
		.local = r->local, .next = clock_unix(), .stream = limits_stream(e->user.n ? e->user : e->sender),
		.level = MIN(MAX(e->priority + LEVEL_NORMAL, 0), LEVELS - 1) };

	message_dest(r, a, &x.dest);
	if (r->code && !report_wanted(row->reports, r->notify, REPORT_FAILURE))
		return;
	if (r->code)
		refused_row(&x, r, x.next);
	else if (q->rows.rebuild && held_before(q, e->id, r->number)) {
		x.state = RCPT_HELD;
		x.next = MAX(x.next, e->release);
		x.reply = STR("held since before the database of the queue was built anew");
	} else if (q->conf->send_hold_all || e->hold) {
		x.state = RCPT_HELD;
		x.next = MAX(x.next, e->release);
	} else if (!x.local && suppress_find(&q->suppress, &q->rows, x.address, row->sender, a, &why)) {
		if (ended_new(row, e, r, &x, &why)) /* nobody is to hear of it */
			return;
	} else if (limit && limit->verdict == LIMITS_HOLD) {
		x.state = RCPT_HELD;
		x.next = MAX(x.next, e->release);
		x.reply = look->why;
	} else if (limit && limit->verdict == LIMITS_WAIT && limit->next > e->release) {
		schedule_row(q, &x, limit->next);
		x.state = RCPT_THROTTLED;
		x.reply = look->why;
	} else if (e->release > x.next)
		schedule_row(q, &x, e->release);
	else if (at_once && join(q, row, e, offset, r, &x))
		x.state = RCPT_ACTIVE;
	if (x.state == RCPT_HELD && !e->hold)
		held_note(q, e->id, r->number, true);
	rows_add_rcpt(&q->rows, &x);
	(*n)++;
}

/* What no client brought (a forward, a report) has no event of its own that names its recipients: a search finds it by
 * these. */
static void name_recipients(const struct envelope *e, struct trace *t)
{
	size_t i;

	if (!e->forward && e->sender.n && !str_eq(e->session, e->id))
		return;
	for (i = 0; i < MIN(e->nrcpt, (size_t)NAMED); i++)
		trace_str(t, "to", str_sub(e->rcpt[i].address, 0, TRACE_TEXT));
}

void message_insert(struct queue *q, const struct envelope *e, uint64_t offset, bool at_once, struct limits_look *look)
{
	struct message_row row = { .m = q->next_m++, .id = e->id, .sender = e->sender,
		.session = e->session, .time = e->time, .size = e->size,
		.reports = notice_whom(e) };
	size_t i, n = 0;
	struct trace t;

	rows_add(&q->rows, &row);
	for (i = 0; i < e->nrcpt; i++)
		insert_rcpt(q, &row, e, offset, &e->rcpt[i], at_once, look, &n);
	if (look)
		limits_take(q, e, look);
	if (n == 0 && rows_remove_if_done(&q->rows, row.m))
		queue_unlink_later(q, e->id);
	else
		q->messages++;
	trace_begin(&t, TRACE_INFO, "queued");
	trace_str(&t, "s", e->session);
	trace_str(&t, "m", e->id);
	trace_str(&t, "from", str_sub(e->sender, 0, TRACE_TEXT));
	trace_u64(&t, "rcpts", n);
	trace_u64(&t, "size", e->size);
	name_recipients(e, &t);
	if (q->conf->send_hold_all || e->hold)
		trace_s(&t, "state", "held");
	trace_end(&t);
}

void message_damaged(struct queue *q, const struct message_row *row, int err)
{
	struct rcpt_row *v;
	struct trace t;
	size_t i, n = rows_rcpts(&q->rows, row->m, &q->turn.arena, &v);

	for (i = 0; i < n; i++) {
		if (v[i].state == RCPT_DAMAGED)
			continue;
		v[i].state = RCPT_DAMAGED;
		v[i].due = REPORT_NONE;
		v[i].reply = STR("the file of this message is missing or damaged");
		rows_update(&q->rows, &v[i]);
	}
	q->turn.changed = true;
	trace_begin(&t, TRACE_ERROR, "content-damaged");
	trace_str(&t, "m", row->id);
	trace_s(&t, "text", err_text(err));
	trace_end(&t);
}
