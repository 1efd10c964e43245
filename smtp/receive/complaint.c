/* SPDX-License-Identifier: ISC
 *
 * complaint.c: reports that others send, beside being delivered, are read, and queued hears of them (smtp/queue/said.c).
 *
 *   to `[reports] feedback`              a report of abuse (mail/arf.h): an event, a record, webhooks. Whoever writes to
 *                                        that address can say what he wants; only what comes from `[reports]
 *                                        feedback_networks` is told as trusted, with the ids that we gave the message
 *   null sender, to NAME+DETAIL with =   perhaps a bounce to a sender's address of VERP (mail/verp.h, mail/bounce.h)
 */
#include "mail/arf.h"
#include "mail/bounce.h"
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

static bool is_trusted(const struct session *s)
{
	const struct conf_list *l = &s->room->conf->reports_feedback_networks;
	struct addr_net net;
	size_t i;

	for (i = 0; i < l->n && s->h.peer.family; i++)
		if (addr_net_parse(l->v[i], &net) == 0 && addr_net_has(&net, &s->h.peer))
			return true;
	return false;
}

static void begin(struct session *s, struct ipc_msg *m, const char *verb)
{
	ipc_init(m, verb);
	ipc_set_u64(m, "id", 0);
	ipc_setc(m, "message", s->tx.id);
	ipc_set(m, "session", s->h.id);
}

static void tell(struct session *s, struct ipc_msg *m)
{
	if (s->room->queued >= 0)
		(void)ipc_try_send(s->room->queued, m); /* a record is worth no wait */
	ipc_done(m);
}

static void tell_complaint(struct session *s, const struct arf *f)
{
	struct ipc_msg m;
	size_t i;

	begin(s, &m, "complaint");
	ipc_set(&m, "sender", f->sender);
	ipc_set(&m, "recipient", f->recipient);
	ipc_setc(&m, "reply", arena_fmt(&s->tx.a, "%.*s: %.*s", STRF(f->message_id), STRF(f->subject)));
	ipc_set(&m, "remote", f->agent);
	ipc_set(&m, "ip", f->source);
	ipc_set(&m, "class", f->type);
	if (is_trusted(s) && !str_eqc(f->type, "not-spam")) {
		ipc_set_bool(&m, "trusted", true);
		for (i = 0; i < f->nreceived; i++)
			if (str_ieqc(f->received[i].by, s->room->hostname))
				ipc_set(&m, "ours", f->received[i].id);
		if (f->sender.n)
			ipc_set(&m, "verp", f->sender);
		if (f->returned.n)
			ipc_set(&m, "verp", f->returned);
	}
	tell(s, &m);
}

static void read_complaint(struct session *s)
{
	struct trace t;
	struct arf f;

	if (arf_parse(buf_view(&s->tx.body), &s->tx.a, &f) != 1)
		return;
	event_begin(s, &t, TRACE_INFO, "complaint");
	trace_str(&t, "type", f.type);
	trace_str(&t, "to", str_sub(f.recipient, 0, TRACE_TEXT));
	trace_str(&t, "from", str_sub(f.sender, 0, TRACE_TEXT));
	trace_str(&t, "agent", str_sub(f.agent, 0, TRACE_TEXT));
	trace_str(&t, "mid", str_sub(f.message_id, 0, TRACE_TEXT));
	trace_end(&t);
	tell_complaint(s, &f);
}

/* May be an address that VERP made. */
static bool has_detail(struct str address)
{
	ssize_t at = str_rfind(address, '@'), equals = str_rfind(str_sub(address, 0, (size_t)MAX(at, (ssize_t)0)), '=');

	return equals > 0;
}

static void read_bounce(struct session *s)
{
	char peer[ADDR_TEXT];
	struct ipc_msg m;
	struct bounce b;
	size_t i;

	for (i = 0; i < s->tx.nrcpt && !has_detail(s->tx.rcpt[i].address); i++)
		;
	if (i == s->tx.nrcpt || bounce_parse(buf_view(&s->tx.body), &s->tx.a, &b) != 1)
		return;
	begin(s, &m, "bounce");
	ipc_set(&m, "address", s->tx.rcpt[i].address);
	ipc_set(&m, "status", b.status.n ? b.status : STR("5.0.0"));
	ipc_set(&m, "reply", b.diagnostic);
	ipc_set(&m, "remote", b.remote.n ? b.remote : b.reporter);
	if (s->h.peer.family)
		ipc_setc(&m, "ip", addr_text(&s->h.peer, peer));
	tell(s, &m);
}

void complaint_look(struct session *s)
{
	if (is_addressed(s))
		read_complaint(s);
	if (s->tx.sender.n == 0)
		read_bounce(s);
}
