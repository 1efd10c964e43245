/* SPDX-License-Identifier: ISC
 *
 * submit.c: the whole message is here: check it, find it a safe place, answer
 * (DESIGN: what 250 means). 250 is said when each recipient's copy is durable,
 * or the queue has taken over those that have none.
 *
 *   every recipient is straight ---- lmtpd, while the client waits
 *                                      all have it ----------------------------> 250
 *                                      all refused for good, or the disk full -> that 5xx, 452
 *                                      some not, not yet, or nobody knows --.
 *   some recipient is not ------------------------------------------ queue -+--> 250, or 451/452
 *
 * Of several recipients with different results those that may still get it go to
 * the queue, under the delivery ids that they have already. Who was refused for good is
 * told to a confirmed sender (in a report that the queue makes); a stranger's name
 * is worth nothing, and a bounce to it would hit somebody else: that is only logged.
 */
#include "smtp/receive/session.h"

#include "base/clock.h"
#include "mail/charset.h"
#include "mail/header.h"

#define SUBJECT_MAX 1000 /* bytes of it that are looked at */

static void trace_subject(struct session *s, struct trace *t)
{
	struct buf text;

	buf_init(&text, TRACE_TEXT);
	encoded_words_decode(header_unfold(str_sub(s->tx.subject, 0, SUBJECT_MAX), &s->tx.a), &text);
	trace_str(t, "subject", buf_view(&text));
	buf_done(&text);
}

/* way: "straight" (every mailbox has it) or "queue". */
static void trace_accepted(struct session *s, const char *way)
{
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "accepted");
	trace_str(&t, "from", str_sub(s->tx.sender, 0, TRACE_TEXT));
	trace_u64(&t, "rcpts", s->tx.nrcpt);
	trace_u64(&t, "size", s->tx.body.n);
	trace_s(&t, "way", way);
	trace_u64(&t, "ms", (uint64_t)MAX(clock_mono_us() - s->tx.began, (int64_t)0) / 1000);
	if (s->tx.message_id.p)
		trace_str(&t, "mid", str_sub(str_trim(s->tx.message_id), 0, TRACE_TEXT));
	if (s->tx.subject.p && s->room->conf->trace_subjects)
		trace_subject(s, &t);
	trace_end(&t);
}

static void trace_undelivered(struct session *s, const struct recipient *r)
{
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "undelivered");
	trace_str(&t, "to", str_sub(r->address, 0, TRACE_TEXT));
	if (r->code) {
		trace_u64(&t, "code", (uint64_t)r->code);
		trace_str(&t, "status", r->status);
		trace_str(&t, "reply", r->reply);
	} else {
		trace_s(&t, "why", err_text(s->tx.lmtp.err));
	}
	if (r->code >= 500 && !policy_report(s))
		trace_s(&t, "report", "no"); /* or it is the reply itself */
	trace_end(&t);
}

/* What the straight path came to. */
struct sum {
	size_t delivered, refused, open; /* open: may still get it */
	size_t full; /* of the open ones: 452, no room */
	struct dsn first; /* refusal, or "no room" */
};

/* One reply a recipient, in order (RFC 2033 4.2). */
static void collect(struct session *s, deadline d, struct sum *sum)
{
	size_t i;

	for (i = 0; i < s->tx.nrcpt; i++) {
		struct recipient *r = &s->tx.rcpt[i];
		struct dsn why = { 0 };

		if (!lmtp_result(&s->tx.lmtp, d, &why)) {
			r->code = why.code;
			r->status = arena_str(&s->tx.a, str_of(why.status));
			r->reply = arena_str(&s->tx.a, str_of(why.text));
		}
		if (r->code == 250) {
			sum->delivered++;
			continue;
		}
		if ((r->code >= 500 || r->code == 452) && !sum->refused && !sum->full)
			sum->first = why;
		sum->refused += r->code >= 500;
		sum->full += r->code == 452;
		sum->open += r->code < 500;
		trace_undelivered(s, r);
	}
}

static bool all_straight(const struct session *s)
{
	size_t i;

	for (i = 0; i < s->tx.nrcpt; i++)
		if (s->tx.rcpt[i].route != ROUTE_STRAIGHT)
			return false;
	return s->tx.lmtp.state == LMTP_OPEN;
}

static void straight(struct session *s, struct sum *sum)
{
	int64_t timeout = s->room->conf->smtp_deliver_timeout;
	deadline d = deadline_in(timeout);
	struct buf head;

	BUG_ON(s->tx.lmtp.accepted != s->tx.nrcpt);
	buf_init(&head, 16384);
	content_head(s, &head);
	BUG_ON(head.err);
	(void)lmtp_send(&s->tx.lmtp, buf_view(&head), buf_view(&s->tx.body), timeout);
	collect(s, d, sum);
	buf_done(&head);
}

/* True: it went into the queue. */
static bool find_place(struct session *s, struct dsn *why)
{
	struct sum sum = { .open = s->tx.nrcpt };
	bool queued = false;

	if (all_straight(s)) {
		sum.open = 0;
		straight(s, &sum);
	}
	/* where no mailbox has room, the queue is no place for more either */
	if (sum.refused == s->tx.nrcpt || sum.full == s->tx.nrcpt) {
		*why = sum.first;
		return false;
	}
	if (sum.open || (sum.refused && policy_report(s))) {
		lmtp_close(&s->tx.lmtp);
		if (queue_put(s, why))
			return true;
		queued = true;
	}
	dsn_set(why, 250, "2.0.0", "Accepted as %s", s->tx.id);
	return queued;
}

void submit(struct session *s)
{
	struct dsn why = { 0 };
	bool queued = false;

	s->tx.began = clock_mono_us();
	if (!content_check(s, &why) && !policy_author(s, &why))
		queued = find_place(s, &why);
	if (why.code == 250) {
		trace_accepted(s, queued ? "queue" : "straight");
		complaint_look(s);
		tlsreport_look(s);
	}
	reply_dsn(s, &why);
	s->about = NULL;
	tx_reset(s);
}
