/* SPDX-License-Identifier: ISC
 *
 * complaint.c: mail to `[reports] feedback` is, beside being delivered, read: a report of abuse
 * (mail/arf.h) becomes an event, and queued hears of it, for the records and webhooks. Whoever
 * writes to that address can say what he wants; so nothing but a record comes of it.
 */
#include "mail/arf.h"
#include "smtp/receive/session.h"

static bool is_addressed(const struct session *s)
{
	struct str feedback = s->room->conf->reports_feedback;
	size_t i;

	for (i = 0; feedback.n > 0 && i < s->tx.nrcpt; i++)
		if (str_ieq(s->tx.rcpt[i].address, feedback))
			return true;
	return false;
}

static void tell_queue(struct session *s, const struct arf *f)
{
	struct ipc_msg m;

	ipc_init(&m, "complaint");
	ipc_set_u64(&m, "id", 0);
	ipc_setc(&m, "message", s->tx.id);
	ipc_set(&m, "session", s->h.id);
	ipc_set(&m, "sender", f->sender);
	ipc_set(&m, "recipient", f->recipient);
	ipc_setc(&m, "reply", arena_fmt(&s->tx.a, "%.*s: %.*s", STRF(f->message_id), STRF(f->subject)));
	ipc_set(&m, "remote", f->agent);
	ipc_set(&m, "ip", f->source);
	ipc_set(&m, "class", f->type);
	if (s->room->queued >= 0)
		(void)ipc_try_send(s->room->queued, &m); /* a record is worth no wait */
	ipc_done(&m);
}

void complaint_look(struct session *s)
{
	struct trace t;
	struct arf f;

	if (!is_addressed(s) || arf_parse(buf_view(&s->tx.body), &s->tx.a, &f) != 1)
		return;
	event_begin(s, &t, TRACE_INFO, "complaint");
	trace_str(&t, "type", f.type);
	trace_str(&t, "to", str_sub(f.recipient, 0, TRACE_TEXT));
	trace_str(&t, "from", str_sub(f.sender, 0, TRACE_TEXT));
	trace_str(&t, "agent", str_sub(f.agent, 0, TRACE_TEXT));
	trace_str(&t, "mid", str_sub(f.message_id, 0, TRACE_TEXT));
	trace_end(&t);
	tell_queue(s, &f);
}
