/* SPDX-License-Identifier: ISC
 *
 * cmd_etrn.c: ETRN (RFC 1985): a server that was away asks for the mail that waited for it.
 *
 * Nothing is sent to who asks: what waits for the domain is tried at once, on the way that it
 * always has. So a stranger could win nothing but our work; still only those may ask who may
 * relay, and for its own domain whom [smtp] etrn names. queued says how often.
 *
 *   ETRN domain     mail for this domain        ETRN @domain    ... and for all below it
 *   ETRN #queue     a queue by a name of our own: there is none
 */
#include "smtp/receive/session.h"

#include "net/catchup.h"

static void not_allowed(struct session *s, char option, struct str node)
{
	if (option == '#')
		reply_error(s, 459, "4.7.1", "Node #%.*s not allowed: the queues of this server have no names", STRF(node));
	else
		reply_error(s, 459, "4.7.1", "Node %.*s not allowed: it is not this client's", STRF(node));
}

static void answer(struct session *s, struct str node, const struct caught *c)
{
	switch (c->result) {
	case CATCHUP_STARTED:
		if (c->messages)
			reply(s, 253, "2.0.0", "OK, %llu pending messages for node %.*s started", (unsigned long long)c->messages, STRF(node));
		else
			reply(s, 252, "2.0.0", "OK, pending messages for node %.*s started", STRF(node));
		break;
	case CATCHUP_ACTIVE:
		reply(s, 250, "2.0.0", "OK, queuing for node %.*s started", STRF(node));
		break;
	case CATCHUP_NONE:
		reply(s, 251, "2.0.0", "OK, no messages waiting for node %.*s", STRF(node));
		break;
	case CATCHUP_SOON:
		reply(s, 458, "4.7.1", "Unable to queue messages for node %.*s: this was done just now, try again in %llu s",
			STRF(node), (unsigned long long)c->again);
		break;
	}
}

static void told(struct session *s, char option, struct str node, const struct caught *c)
{
	static const char *const word[] = { [CATCHUP_STARTED] = "started", [CATCHUP_ACTIVE] = "active", [CATCHUP_NONE] = "none",
		[CATCHUP_SOON] = "soon" };
	char peer[ADDR_TEXT];
	struct trace t;

	event_begin(s, &t, TRACE_INFO, "etrn");
	trace_str(&t, "node", node);
	if (option == '@')
		trace_s(&t, "below", "yes");
	if (s->h.peer.family)
		trace_s(&t, "peer", addr_text(&s->h.peer, peer));
	trace_s(&t, "result", word[c->result]);
	if (c->result == CATCHUP_STARTED)
		trace_u64(&t, "messages", c->messages);
	trace_end(&t);
}

void cmd_etrn(struct session *s, struct str args)
{
	struct room *room = s->room;
	struct caught c = { .result = CATCHUP_NONE };
	deadline d = deadline_in(room->conf->smtp_queue_timeout);
	struct dsn why = { 0 };
	struct str node;
	char option;
	int link = room->queued, r;

	if (smtp_parse_etrn(args, &s->cmd, &option, &node)) {
		reply_error(s, 501, "5.5.4", "Syntax: ETRN domain, or ETRN @domain");
		return;
	}
	if (option == '#' || !policy_etrn(s, node)) {
		not_allowed(s, option, node);
		return;
	}
	r = catchup_ask(link, node, option == '@', &c, d);
	if (r == E_CLOSED && room_relink(room, &room->queued, link))
		r = catchup_ask(room->queued, node, option == '@', &c, d);
	if (r) {
		dsn_set(&why, 458, "4.3.0", "Unable to queue messages for node %.*s now, try again later", STRF(node));
		dsn_log(&why, "queued: %s", err_text(r));
		reply_dsn(s, &why);
		return;
	}
	told(s, option, node, &c);
	answer(s, node, &c);
}
