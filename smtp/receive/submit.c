/* SPDX-License-Identifier: ISC
 *
 * submit.c: the whole message is here: check, deliver on the straight path while
 * the client waits, answer what the mailboxes answered (docs: DESIGN, what 250
 * means). 250 is said only when every recipient's copy is durable.
 *
 * Several recipients with different results have no common truth in SMTP. As
 * long as there is no queue that could take over the rest, the client keeps
 * the message (451) and tries again: nothing is acknowledged falsely, at most a
 * mailbox gets it twice. Recipients that cannot take it are refused at RCPT
 * already, so this is a rare case.
 */
#include "smtp/receive/session.h"

static void trace_accepted(struct session *s)
{
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "accepted");
	trace_str(&t, "from", s->tx.sender);
	trace_u64(&t, "rcpts", s->tx.nrcpt);
	trace_u64(&t, "size", s->tx.body.n);
	trace_end(&t);
}

/* How all results together look to the client: *sum is the worst so far. */
static void combine(struct session *s, size_t ok, size_t permanent, const struct dsn *first,
	struct dsn *sum)
{
	size_t n = s->tx.nrcpt;

	if (ok == n)
		dsn_set(sum, 250, "2.0.0", "Accepted as %s", s->tx.id);
	else if (n == 1 || permanent == n)
		*sum = *first;
	else if (ok)
		dsn_set(sum, 451, "4.3.0", "Not all recipients could be served, try again later");
	else
		dsn_set(sum, 451, "4.3.0", "Mail delivery is not available at the moment, try again later");
}

/* One reply a recipient, in order (RFC 2033 4.2). */
static void collect(struct session *s, deadline d, struct dsn *sum)
{
	struct dsn why, first = { 0 };
	size_t i, ok = 0, permanent = 0;
	struct trace t;

	for (i = 0; i < s->tx.nrcpt; i++) {
		why = (struct dsn){ 0 };
		lmtp_result(&s->tx.lmtp, d, &why);
		if (why.code == 250) {
			ok++;
			continue;
		}
		if (!dsn_temporary(&why))
			permanent++;
		if (!first.code)
			first = why;
		event_begin(s, &t, TRACE_INFO, "undelivered");
		trace_str(&t, "to", s->tx.rcpt[i].address);
		trace_u64(&t, "code", (uint64_t)why.code);
		trace_s(&t, "status", why.status);
		trace_s(&t, "reply", why.text);
		trace_end(&t);
	}
	combine(s, ok, permanent, &first, sum);
}

static void deliver(struct session *s, struct dsn *sum)
{
	int64_t timeout = s->room->conf->smtp_deliver_timeout;
	deadline d = deadline_in(timeout);
	struct buf head;

	buf_init(&head, 16384);
	content_head(s, &head);
	BUG_ON(head.err);
	BUG_ON(s->tx.lmtp.state != LMTP_BROKEN && s->tx.lmtp.accepted != s->tx.nrcpt);
	if (!lmtp_send(&s->tx.lmtp, buf_view(&head), buf_view(&s->tx.body), timeout, sum))
		collect(s, d, sum);
	buf_done(&head);
}

void submit(struct session *s)
{
	struct dsn sum = { 0 };

	if (!content_check(s, &sum))
		deliver(s, &sum);
	if (sum.code == 250)
		trace_accepted(s);
	reply_dsn(s, &sum);
	tx_reset(s);
}
