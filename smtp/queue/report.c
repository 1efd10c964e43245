/* SPDX-License-Identifier: ISC
 *
 * report.c: reports to the senders of messages (RFC 3461 - 3464; their text is
 * mail/report.c).
 *
 *   jobs.c: a recipient is FAILED, DONE or late, `due` says which report -> [here] one
 *   report of each kind for all recipients of the message that wait for it -> the report's
 *   file is named, its rows are made and those recipients leave in one transaction
 *
 * So a crash neither loses a report nor makes it twice. While attempts for the message
 * are in hand its reports wait, to tell all in one. A report goes to a sender that
 * something confirms, never to a null sender, and never about a report (RFC 3464 1,
 * RFC 5321 4.5.5): that is decided when the message comes (message.c) and asked with each
 * outcome (report_wanted). What cannot go to the sender of a forward goes to the alias's postmaster (notice.c).
 */
#include "mail/report.h"

#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"
#include "mail/verp.h"
#include "smtp/queue/queue.h"
#include "trace/trace.h"

#define REPORTS_A_TURN 8 /* each is an fsync */
#define HEADER_MAX 65536 /* of the message, that is returned */
#define REPORT_MAX (32 * 1024 * 1024)
#define AGAIN_MS 5000 /* after one that could not be written */
#define REPORT_ID 16

static const char *const kind_name[REPORT_KINDS] = { [REPORT_FAILURE] = "failure",
	[REPORT_SUCCESS] = "success", [REPORT_DELAY] = "delay" };

/* "550 5.1.1 no such user" of a server, without what stands in code and status already;
 * else the reason is a sentence of our own, and no code goes with it. */
static void reply_of(const struct rcpt_row *x, struct report_rcpt *out)
{
	struct str rest = x->reply, word;
	uint64_t code;

	out->status = x->status;
	word = str_cut(&rest, ' ');
	if (str_u64(word, 599, &code) == 0 && word.n == 3) {
		out->code = (int)code;
		word = rest;
		if (str_eq(str_cut(&word, ' '), x->status))
			rest = word;
		out->reply = rest;
		return;
	}
	out->reply = x->reply;
	if (x->class == BOUNCE_SUPPRESSED || x->class == BOUNCE_ADMIN) {
		out->by = x->class == BOUNCE_ADMIN ? REPORT_BY_ADMIN : REPORT_BY_LIST;
		return;
	}
	/* refused in the session: the words of the mailbox, and its code beside */
	out->code = x->attempts == 0 ? x->code : 0;
}

static void rcpt_of(struct queue *q, const struct message_row *row, const struct envelope *e,
	const struct rcpt_row *x, struct report_rcpt *out)
{
	static const enum report_action action[] = { [HOW_DELIVERED] = REPORT_DELIVERED,
		[HOW_RELAYED] = REPORT_RELAYED, [HOW_EXPANDED] = REPORT_EXPANDED };
	size_t i;

	*out = (struct report_rcpt){ .address = x->address, .remote = x->remote, .last_attempt = x->last };
	for (i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].number == x->number)
			out->orcpt = e->rcpt[i].orcpt;
	reply_of(x, out);
	if (x->due == REPORT_SUCCESS) {
		out->action = action[x->how];
	} else if (x->due == REPORT_DELAY) {
		out->action = REPORT_DELAYED;
		out->retry_until = row->time + q->schedule.lifetime;
	} else {
		out->action = REPORT_FAILED;
		if (x->expired)
			out->status = STR("4.4.7"); /* RFC 3463 3.5: its time is over */
	}
}

/* The message, or the begin of it with its header. */
static int content_of(struct queue *q, int fd, const struct envelope *e, uint64_t offset,
	enum report_kind kind, struct report *r)
{
	/* RFC 3461 5.3: RET is about reports of failure; RFC 8689 5. A notice stays here, and is all that is left */
	bool may = r->alias.n || (e->ret != RET_HDRS && !e->requiretls);
	bool whole = kind == REPORT_FAILURE && may && e->size <= q->conf->queue_report_size;
	size_t n = (size_t)(whole ? e->size : MIN(e->size, (uint64_t)HEADER_MAX));
	char *p = arena_alloc(&q->turn.arena, n + 1);
	int err = file_pread_all(fd, p, n, (off_t)offset);

	r->content = str_make(p, n);
	r->whole = whole;
	return err;
}

/* A file of the spool with its name. 0 or negative. */
static int write_file(struct queue *q, const char *id, struct str head, struct str content)
{
	int fd = file_tmp(q->spool, ".", 0600), r;

	if (fd < 0)
		return fd;
	r = file_write_all(fd, head.p, head.n);
	if (!r)
		r = file_write_all(fd, content.p, content.n);
	if (!r) {
		r = file_fsync(fd);
		if (r < 0 && r != -ENOSPC && r != -EDQUOT)
			q->failed = r; /* never tried again: base/file.h */
	}
	if (!r)
		r = file_link(fd, q->spool, id);
	close(fd);
	if (!r)
		queue_made(q, str_of(id));
	return r;
}

static int submit(struct queue *q, const struct envelope *about, struct report *r, struct str content,
	const struct report_needs *needs)
{
	bool notice = r->alias.n > 0;
	struct envelope_rcpt to = { .address = r->sender, .number = 1, .local = notice || about->sender_local,
		.notify = NOTIFY_NEVER };
	struct envelope e = { .id = r->id, .time = r->time, .session = about->session, .report = true,
		.requiretls = about->requiretls, .priority = about->priority, /* RFC 8689 5, RFC 6710 4.6 */
		.body8 = needs->body8, .smtputf8 = needs->smtputf8, .size = content.n, .rcpt = &to, .nrcpt = 1 };
	struct buf head;
	int err;

	buf_init(&head, ENVELOPE_HEAD_MAX);
	envelope_print(&e, &head);
	err = head.err ? head.err : write_file(q, r->id.p, buf_view(&head), content);
	if (!err)
		message_insert(q, &e, head.n, true, NULL);
	buf_done(&head);
	return err;
}

static void say(const struct message_row *row, const struct report *r, enum report_kind kind)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "report");
	trace_str(&t, "s", row->session);
	trace_str(&t, "m", row->id);
	trace_s(&t, "kind", kind_name[kind]);
	trace_str(&t, "to", str_sub(r->sender, 0, TRACE_TEXT));
	trace_u64(&t, "rcpts", r->nrcpt);
	trace_str(&t, "as", r->id);
	trace_end(&t);
}

static int print_and_submit(struct queue *q, const struct envelope *e, struct report *r)
{
	struct report_needs needs = { false, false };
	struct buf out;
	int err;

	buf_init(&out, REPORT_MAX);
	report_print(r, &out, &needs);
	err = out.err ? out.err : submit(q, e, r, buf_view(&out), &needs);
	buf_done(&out);
	return err;
}

/* The recipients leave the queue, or wait on. */
static void reported(struct queue *q, struct rcpt_row *v, size_t n, enum report_kind kind)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (v[i].due != kind)
			continue;
		if (kind == REPORT_DELAY) {
			v[i].due = REPORT_NONE;
			v[i].delayed = true;
			rows_update(&q->rows, &v[i]);
		} else {
			rows_delete(&q->rows, v[i].m, v[i].number);
		}
	}
}

static int make_kind(struct queue *q, const struct message_row *row, const struct envelope *e, int fd,
	uint64_t offset, struct rcpt_row *v, size_t n, enum report_kind kind)
{
	struct arena *a = &q->turn.arena;
	struct report_rcpt *rcpt = arena_array(a, n, sizeof(*rcpt));
	struct report r = { .hostname = str_of(conf_hostname(q->conf)), .time = clock_unix(),
		.sender = e->sender, .message_id = row->id, .envid = e->envid, .arrival = e->time,
		.future = e->future, .smtputf8 = e->smtputf8, .rcpt = rcpt };
	char *id = arena_alloc(a, REPORT_ID + 1);
	size_t i;
	int err;

	for (i = 0; i < n; i++)
		if (v[i].due == kind)
			rcpt_of(q, row, e, &v[i], &rcpt[r.nrcpt++]);
	if (r.nrcpt == 0)
		return 0;
	if (row->reports == REPORTS_KEEPER) {
		r.alias = e->alias;
		r.origin = row->sender;
		if (!notice_take(q, row, e, &r.sender)) {
			reported(q, v, n, kind);
			return 0;
		}
	}
	rand_id(id, REPORT_ID);
	r.id = str_make(id, REPORT_ID);
	err = content_of(q, fd, e, offset, kind, &r);
	if (!err)
		err = print_and_submit(q, e, &r);
	if (err < 0)
		return err;
	reported(q, v, n, kind);
	say(row, &r, kind);
	return 0;
}

/* Of a message with VERP each recipient has a report of its own, to the address that names it; so many a turn. */
static int make_each(struct queue *q, const struct message_row *row, const struct envelope *e, int fd, uint64_t offset,
	struct rcpt_row *v, size_t n, enum report_kind kind)
{
	struct envelope one = *e;
	size_t i, made = 0;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		if (v[i].due != kind)
			continue;
		if (made++ == REPORTS_A_TURN) {
			q->more = true;
			break;
		}
		if (verp_address(e->verp, e->sender, v[i].address, &q->turn.arena, &one.sender) < 0)
			one.sender = e->sender;
		err = make_kind(q, row, &one, fd, offset, &v[i], 1, kind);
	}
	return err;
}

/* All reports of a message. */
static int make(struct queue *q, int64_t m)
{
	static const enum report_kind kinds[] = { REPORT_FAILURE, REPORT_SUCCESS, REPORT_DELAY };
	struct arena *a = &q->turn.arena;
	struct message_row row;
	struct rcpt_row *v;
	struct envelope e;
	uint64_t offset;
	size_t i, n;
	int fd, err = 0;

	if (rows_message(&q->rows, m, a, &row) < 0)
		return 0;
	n = rows_rcpts(&q->rows, m, a, &v);
	q->turn.changed = true;
	fd = message_open(q, row.id, a, &e, &offset);
	if (fd == -ENOENT || fd == E_DAMAGED || fd == E_SYNTAX) {
		message_damaged(q, &row, fd);
		return 0;
	}
	if (fd < 0)
		return fd;
	for (i = 0; i < ARRAY_LEN(kinds) && !err; i++)
		err = (e.verp.n ? make_each : make_kind)(q, &row, &e, fd, offset, v, n, kinds[i]);
	close(fd);
	if (!err && rows_remove_if_done(&q->rows, m)) {
		queue_unlink_later(q, row.id);
		q->messages -= q->messages > 0;
	}
	return err;
}

void reports_make(struct queue *q)
{
	int64_t m = 0;
	int i, err;

	if (q->reports_after && !deadline_passed(q->reports_after))
		return;
	q->reports_after = DEADLINE_NEVER;
	for (i = 0; i < REPORTS_A_TURN && (m = rows_next_report(&q->rows, m)) > 0; i++) {
		if (jobs_of_message(q, m))
			continue;
		err = make(q, m);
		if (err < 0) {
			trace_event(TRACE_ERROR, "report-failed", NULL, "%s", err_text(err));
			q->reports_after = deadline_in(AGAIN_MS);
			return;
		}
	}
	if (i == REPORTS_A_TURN)
		q->more = true;
}
