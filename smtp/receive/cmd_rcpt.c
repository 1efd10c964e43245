/* SPDX-License-Identifier: ISC
 *
 * cmd_rcpt.c: RCPT TO (RFC 5321 4.1.1.3). Policy says whether we take mail for
 * the address (policy_rcpt.c), lmtpd whether its mailbox takes this message;
 * both before the client sends it.
 */
#include "smtp/receive/session.h"

static void remember(struct session *s, struct str address)
{
	struct tx *tx = &s->tx;
	struct trace t;

	if (tx->nrcpt == tx->rcpt_cap) {
		tx->rcpt_cap = tx->rcpt_cap ? tx->rcpt_cap * 2 : 4;
		tx->rcpt = mem_grow(tx->rcpt, tx->rcpt_cap, sizeof *tx->rcpt);
	}
	tx->rcpt[tx->nrcpt++].address = arena_str(&tx->a, address);
	session_move(s, SESSION_RCPT);
	event_begin(s, &t, TRACE_INFO, "rcpt");
	trace_str(&t, "to", address);
	trace_end(&t);
	reply(s, 250, "2.1.5", "Recipient ok");
}

static int ask_lmtpd(struct session *s, struct str address, struct dsn *why)
{
	const struct lmtp_envelope e = {
		.hostname = s->room->hostname,
		.id = s->tx.id,
		.session = s->h.id,
		.sender = s->tx.sender,
		.size = s->tx.declared,
		.body8 = s->tx.body8,
		.smtputf8 = s->tx.smtputf8,
		.spare = &s->room->spare,
		.keep_ms = s->room->conf->delivery_keep_idle,
	};
	struct room *room = s->room;
	int64_t timeout = room->conf->smtp_deliver_timeout;
	int link = room->lmtpd, r;

	r = lmtp_rcpt(&s->tx.lmtp, link, &e, address, timeout, why);
	/* nothing was opened: lmtpd was replaced just now, or is being restarted */
	if (r && s->tx.lmtp.state == LMTP_CLOSED && room_relink(room, &room->lmtpd, link))
		r = lmtp_rcpt(&s->tx.lmtp, room->lmtpd, &e, address, timeout, why);
	return r;
}

static void recipient(struct session *s, const struct smtp_path_command *c)
{
	struct dsn why = { 0 };
	struct str address;
	struct buf b;

	if (s->tx.nrcpt >= (uint64_t)s->room->conf->smtp_recipients) {
		reply(s, 452, "4.5.3", "Too many recipients, send the others in another message");
		return;
	}
	buf_init(&b, 1024);
	address_print(&c->addr, &b);
	address = arena_str(&s->cmd, buf_view(&b));
	buf_done(&b);
	room_update(s->room);
	if (policy_rcpt(s, &address, &why) || ask_lmtpd(s, address, &why)) {
		s->tx.refused++;
		if (dsn_temporary(&why))
			reply_dsn(s, &why);
		else /* who only guesses addresses runs into limit.errors */
			reply_error(s, why.code, why.status, "%s", why.text);
		return;
	}
	remember(s, address);
}

void cmd_rcpt(struct session *s, struct str args)
{
	struct smtp_path_command c;
	int r = smtp_parse_rcpt(args, true, &s->cmd, &c);

	if (r == E_LIMIT)
		reply_error(s, 501, "5.1.3", "Recipient address or parameters too long");
	else if (r && !str_istarts(args, "TO:"))
		reply_error(s, 501, "5.5.4", "Syntax: RCPT TO:<address>");
	else if (r)
		reply_error(s, 501, "5.1.3", "Bad syntax of the recipient address or a parameter");
	else if (c.nparams) /* DSN (RFC 3461) is not offered */
		reply_error(s, 555, "5.5.4", "Parameter not recognized: %.*s",
			(int)MIN(c.param[0].name.n, 60), c.param[0].name.p);
	else if (c.addr.utf8 && !s->tx.smtputf8)
		reply_error(s, 553, "5.6.7", "An address with non-ASCII characters needs SMTPUTF8");
	else
		recipient(s, &c);
}
