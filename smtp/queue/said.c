/* SPDX-License-Identifier: ISC
 *
 * said.c: what others said of mail that has left, as smtpd read it (smtp/receive/complaint.c).
 *
 *   complaint   always a record. Whom it names is suppressed for the sender's domain if the client was one of `[reports]
 *               feedback_networks` (trusted=1) *and* the report names a message that did go to him (sent.h): one of our
 *               ids in its Received fields, or the sender's address that he alone was given. A stranger's word, or
 *               a message that was never sent, suppresses nobody.
 *   bounce      about a sender's address that was given to a recipient (VERP), else it is nobody's: a record, as if the
 *               server had said it in the session. Nobody is suppressed for it: such an address can be guessed.
 */
#include "smtp/queue/queue.h"
#include "smtp/queue/records.h"
#include "trace/trace.h"

#define IDS_MAX 16

static struct str domain_of(struct str address)
{
	ssize_t at = str_rfind(address, '@');

	return at >= 0 ? str_from(address, (size_t)at + 1) : STR("");
}

/* The message that the report is about. */
static bool named(struct queue *q, const struct ipc_msg *m, struct sent_row *out)
{
	struct str recipient = ipc_get(m, "recipient"), id, address;
	struct arena *a = &q->turn.arena;
	size_t i;

	for (i = 0; i < IDS_MAX && (id = ipc_get_nth(m, "ours", i)).p; i++)
		if (recipient.n && sent_find(&q->sent, &q->rows, id, recipient, a, out))
			return true;
	for (i = 0; i < IDS_MAX && (address = ipc_get_nth(m, "verp", i)).p; i++)
		if (sent_find_verp(&q->sent, &q->rows, address, a, out))
			return true;
	return false;
}

static void suppress(struct queue *q, const struct ipc_msg *m, const struct sent_row *x)
{
	int64_t seconds = q->conf->queue_suppress_complaint / 1000;
	struct str by = ipc_get(m, "remote");
	struct trace t;

	if (seconds == 0)
		return;
	suppress_add(&q->suppress, &q->rows, &(struct suppress_row){ .address = x->recipient, .sender = domain_of(x->sender),
		.until = clock_unix() + seconds, .class = BOUNCE_COMPLAINT,
		.reply = str_of(arena_fmt(&q->turn.arena, "its owner complained about message %.*s", STRF(x->message))) });
	q->turn.changed = true;
	q->more = true;
	trace_begin(&t, TRACE_INFO, "suppressed");
	trace_str(&t, "s", ipc_get(m, "session"));
	trace_str(&t, "m", x->message);
	trace_str(&t, "to", str_sub(x->recipient, 0, TRACE_TEXT));
	trace_u64(&t, "left", (uint64_t)seconds);
	trace_str(&t, "by", by.n ? by : STR("complaint"));
	trace_end(&t);
}

/* What cannot be written now is not kept: a word from outside is worth no wait. */
static bool can_write(struct queue *q)
{
	if (!q->rows.db || q->full_until)
		return false;
	rows_begin(&q->rows);
	return true;
}

void said_complaint(struct queue *q, const struct ipc_msg *m)
{
	struct sent_row x;

	records_complaint(m);
	if (ipc_get_bool(m, "trusted") && can_write(q) && named(q, m, &x))
		suppress(q, m, &x);
}

void said_bounce(struct queue *q, const struct ipc_msg *m)
{
	struct str address = ipc_get(m, "address"), status = ipc_get(m, "status"), reply = str_sub(ipc_get(m, "reply"), 0, QUEUE_REPLY_MAX);
	struct sent_row x;
	struct trace t;
	int class;

	if (!can_write(q) || !sent_find_verp(&q->sent, &q->rows, address, &q->turn.arena, &x))
		return;
	class = (int)bounce_class(550, status, reply);
	trace_begin(&t, TRACE_WARN, "returned");
	trace_str(&t, "s", ipc_get(m, "session"));
	trace_str(&t, "m", x.message);
	trace_str(&t, "to", str_sub(x.recipient, 0, TRACE_TEXT));
	trace_str(&t, "from", str_sub(x.sender, 0, TRACE_TEXT));
	trace_str(&t, "status", status);
	trace_str(&t, "reply", reply);
	trace_str(&t, "remote", ipc_get(m, "remote"));
	trace_s(&t, "class", bounce_name((enum bounce_class)class));
	trace_str(&t, "as", ipc_get(m, "message"));
	trace_end(&t);
	records_returned(m, &x, bounce_name((enum bounce_class)class));
}
