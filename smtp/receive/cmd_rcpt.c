/* SPDX-License-Identifier: ISC
 *
 * cmd_rcpt.c: RCPT TO (RFC 5321 4.1.1.3) with NOTIFY and ORCPT (RFC 3461 4.1,
 * 4.2). Policy says whether we take mail for the address and which way it goes
 * (policy_rcpt.c), lmtpd whether its mailbox takes this message; both before the
 * client sends it. If lmtpd does not answer in time, the queue will deliver.
 */
#include "smtp/receive/session.h"

#include "mail/dsnparam.h"
#include "mail/envelope.h"

static void remember(struct session *s, const struct recipient *r)
{
	struct tx *tx = &s->tx;
	struct trace t;

	if (tx->nrcpt == tx->rcpt_cap) {
		tx->rcpt_cap = tx->rcpt_cap ? tx->rcpt_cap * 2 : 4;
		tx->rcpt = mem_grow(tx->rcpt, tx->rcpt_cap, sizeof *tx->rcpt);
	}
	tx->rcpt[tx->nrcpt] = *r;
	tx->rcpt[tx->nrcpt].address = arena_str(&tx->a, r->address);
	tx->rcpt[tx->nrcpt++].orcpt = arena_str(&tx->a, r->orcpt);
	session_move(s, SESSION_RCPT);
	tx->accepted = true;
	event_begin(s, &t, TRACE_INFO, "rcpt");
	trace_str(&t, "to", str_sub(r->address, 0, TRACE_TEXT));
	if (r->route != ROUTE_STRAIGHT)
		trace_s(&t, "route", r->route == ROUTE_OUTSIDE ? "outside" : "queue");
	trace_end(&t);
	reply(s, 250, "2.1.5", "Recipient ok");
}

/* As lmtp_rcpt. */
static int ask_lmtpd(struct session *s, const struct recipient *rcpt, struct dsn *why)
{
	const struct tx *tx = &s->tx;
	char peer[ADDR_TEXT];
	const struct lmtp_envelope e = {
		.hostname = s->room->hostname,
		.id = tx->id,
		.session = s->h.id,
		.sender = tx->sender,
		.user = s->authenticated ? s->who.user : STR_NONE,
		.envid = tx->envid,
		.ret = tx->ret == RET_FULL ? "FULL" : tx->ret == RET_HDRS ? "HDRS" : NULL,
		.size = tx->declared,
		.body8 = tx->body8,
		.smtputf8 = tx->smtputf8,
		.requiretls = tx->requiretls,
		.priority = tx->priority,
		.peer = s->h.peer.family ? str_of(addr_text(&s->h.peer, peer)) : STR_NONE,
		.helo = str_sub(s->h.helo, 0, HELO_KEPT),
		.spare = &s->room->spare,
		.keep_ms = s->room->conf->delivery_keep_idle,
	};
	const struct lmtp_rcpt lr = {
		.address = rcpt->address,
		.number = (uint32_t)tx->nrcpt + 1,
		.notify = rcpt->notify,
		.orcpt = rcpt->orcpt,
	};
	struct room *room = s->room;
	int64_t timeout = room->conf->smtp_lmtp_wait;
	int link = room->lmtpd, r;

	r = lmtp_rcpt(&s->tx.lmtp, link, &e, &lr, timeout, why);
	/* nothing was opened: lmtpd was replaced just now, or is being restarted */
	if (r < 0 && s->tx.lmtp.state == LMTP_CLOSED && room_relink(room, &room->lmtpd, link))
		r = lmtp_rcpt(&s->tx.lmtp, room->lmtpd, &e, &lr, timeout, why);
	return r;
}

static void trace_no_lmtpd(struct session *s)
{
	struct trace t;

	event_begin(s, &t, TRACE_WARN, "no-straight-path");
	trace_s(&t, "why", err_text(s->tx.lmtp.err));
	trace_end(&t);
}

/* The way of the recipient; or with the refusal in why: -1, or 1 if whoever asks made no mistake. */
static int decide(struct session *s, struct recipient *r, struct dsn *why)
{
	bool was_broken = s->tx.lmtp.state == LMTP_BROKEN;
	int err;

	if (policy_rcpt(s, &r->address, &r->route, why))
		return -1;
	if (r->route == ROUTE_OUTSIDE && policy_suppressed(s, r->address, why))
		return 1;
	if (r->route != ROUTE_STRAIGHT)
		return 0;
	err = ask_lmtpd(s, r, why);
	if (err > 0)
		return -1;
	if (err < 0) {
		r->route = ROUTE_QUEUE;
		if (!was_broken)
			trace_no_lmtpd(s);
	} else if ((r->notify & NOTIFY_SUCCESS && policy_report(s)) || s->tx.release) {
		r->route = ROUTE_QUEUE; /* there the report is made, or the time waited for */
	}
	return 0;
}

static void recipient(struct session *s, const struct smtp_path_command *c, struct recipient *r)
{
	struct dsn why = { 0 };
	int refused;

	if (s->tx.nrcpt >= (uint64_t)s->room->conf->smtp_recipients) {
		reply(s, 452, "4.5.3", "Too many recipients, send the others in another message");
		return;
	}
	r->address = address_text(&s->cmd, &c->addr);
	room_update(s->room);
	refused = decide(s, r, &why);
	if (!refused) {
		remember(s, r);
		return;
	}
	s->tx.refused++;
	s->about = "to";
	s->about_whom = r->address;
	if (refused > 0 || dsn_temporary(&why) || s->posted)
		reply_dsn(s, &why);
	else /* who only guesses addresses runs into limit.errors */
		reply_error_dsn(s, &why);
	s->about = NULL;
}

/* False: a reply was written. */
static bool params(struct session *s, const struct smtp_path_command *c, struct recipient *r)
{
	size_t i;

	for (i = 0; i < c->nparams; i++) {
		struct str name = c->param[i].name, value = c->param[i].value;

		if (s->h.esmtp && str_eqc(name, "NOTIFY") && value.p) {
			if (!dsn_notify_parse(value, &r->notify))
				continue;
			reply_error(s, 501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY");
		} else if (s->h.esmtp && str_eqc(name, "ORCPT") && value.p) {
			r->orcpt = value;
			if (!dsn_orcpt_check(value, s->tx.smtputf8))
				continue;
			reply_error(s, 501, "5.5.4", "ORCPT is a type, a semicolon and printable xtext, up to %d characters",
				DSN_ORCPT_MAX);
		} else {
			reply_error(s, 555, "5.5.4", "Parameter not recognized: %.*s", (int)MIN(name.n, 60), name.p);
		}
		return false;
	}
	return true;
}

void cmd_rcpt(struct session *s, struct str args)
{
	struct smtp_path_command c;
	struct recipient r = { 0 };
	int err = smtp_parse_rcpt(args, true, &s->cmd, &c);

	if (err == E_LIMIT)
		reply_error(s, 501, "5.1.3", "Recipient address or parameters too long");
	else if (err && !str_istarts(args, "TO:"))
		reply_error(s, 501, "5.5.4", "Syntax: RCPT TO:<address>");
	else if (err)
		reply_error(s, 501, "5.1.3", "Bad syntax of the recipient address or a parameter");
	else if (c.addr.utf8 && !s->tx.smtputf8)
		reply_error(s, 553, "5.6.7", "An address with non-ASCII characters needs SMTPUTF8");
	else if (params(s, &c, &r))
		recipient(s, &c, &r);
}
