/* SPDX-License-Identifier: ISC
 *
 * ended.c: a recipient is over by a word of this server, not of another: the address is on the suppression list, or the
 * administrator bounces or removes it.
 *
 *   WAITING, HELD, ... --suppressed, bounced--> FAILED ---> report, if the sender is to hear of it
 *                      `-removed--------------> gone
 *
 * Always true: no attempt is counted, and neither row, record nor report has the code, the name or the words of a
 * server as the last cause: `class` says who it was (BOUNCE_SUPPRESSED, BOUNCE_ADMIN), by which the report speaks
 * (mail/report.h), and status is one of RFC 3463: 5.1.1 where a server said that there is no such mailbox, else 5.7.1
 * (delivery not authorized). Each leaves one record, after the commit (records.h), whoever is told.
 */
#include "smtp/queue/queue.h"
#include "smtp/queue/records.h"
#include "trace/trace.h"

static void trace_ended(const struct message_row *row, const struct rcpt_row *x, enum trace_level level, const char *event)
{
	struct trace t;

	trace_begin(&t, level, event);
	trace_str(&t, "s", row->session);
	trace_str(&t, "m", row->id);
	trace_str(&t, "to", str_sub(x->address, 0, TRACE_TEXT));
	if (x->class == BOUNCE_SUPPRESSED) {
		trace_s(&t, "via", "smtp");
		trace_u64(&t, "attempt", x->attempts);
		trace_str(&t, "status", x->status);
		trace_long(&t, "reply", x->reply);
		trace_s(&t, "class", bounce_name(BOUNCE_SUPPRESSED));
		trace_s(&t, "report", x->due ? "yes" : "no");
	} else {
		trace_s(&t, "by", "admin");
	}
	trace_end(&t);
}

void ended_fill(struct rcpt_row *x, enum bounce_class class, const struct suppressed *why)
{
	x->state = RCPT_FAILED;
	x->class = (int)class;
	x->code = 0;
	x->expired = false;
	x->status = why ? why->status : STR("5.7.1");
	x->reply = why ? why->words : STR(REPLY_ADMIN);
	x->remote = STR("");
}

bool ended_new(const struct message_row *row, const struct envelope *e, const struct envelope_rcpt *r,
	struct rcpt_row *x, const struct suppressed *why)
{
	ended_fill(x, BOUNCE_SUPPRESSED, why);
	x->due = report_wanted(row->reports, r->notify, REPORT_FAILURE) ? REPORT_FAILURE : REPORT_NONE;
	trace_ended(row, x, TRACE_WARN, "failed");
	records_ended(row, e->confirmed ? e->user : STR(""), x, "bounced");
	return !x->due;
}

static struct str user_of(const struct envelope *e)
{
	return e && e->confirmed ? e->user : STR("");
}

/* The row becomes a report that is due, or goes. */
static void failed(struct queue *q, const struct message_row *row, struct rcpt_row *x)
{
	x->due = report_wanted(row->reports, message_notify(q, row, x->number), REPORT_FAILURE) ? REPORT_FAILURE : REPORT_NONE;
	if (x->due)
		rows_update(&q->rows, x);
	else
		rows_delete(&q->rows, x->m, x->number);
	records_ended(row, user_of(message_envelope(q, row)), x, "bounced");
}

void ended_suppressed(struct queue *q, const struct message_row *row, const struct rcpt_row *given, const struct suppressed *why)
{
	struct rcpt_row x = *given;

	ended_fill(&x, BOUNCE_SUPPRESSED, why);
	failed(q, row, &x);
	trace_ended(row, &x, TRACE_WARN, "failed");
	q->turn.changed = true;
	if (rows_remove_if_done(&q->rows, row->m)) {
		queue_unlink_later(q, row->id);
		q->messages -= q->messages > 0;
	}
}

void ended_bounced(struct queue *q, const struct message_row *row, struct rcpt_row *x)
{
	ended_fill(x, BOUNCE_ADMIN, NULL);
	failed(q, row, x);
	trace_ended(row, x, TRACE_INFO, "bounced");
}

void ended_removed(struct queue *q, const struct message_row *row, struct rcpt_row *x)
{
	rows_delete(&q->rows, x->m, x->number);
	if (records_wanted()) {
		ended_fill(x, BOUNCE_ADMIN, NULL);
		x->status = STR("");
		x->reply = STR(REPLY_REMOVED);
		records_ended(row, user_of(message_envelope(q, row)), x, "removed");
	}
	trace_ended(row, x, TRACE_INFO, "removed");
}
