/* SPDX-License-Identifier: ISC
 *
 * cmd_mail.c: MAIL FROM (RFC 5321 4.1.1.2) with SIZE (RFC 1870), BODY (RFC
 * 6152), SMTPUTF8 (RFC 6531 3.4), AUTH (RFC 4954 5), RET and ENVID (RFC 3461 4.3, 4.4),
 * REQUIRETLS (RFC 8689 3), and from who is logged in HOLDFOR, HOLDUNTIL (RFC 4865 4.2),
 * MT-PRIORITY (RFC 6710 4.1) and XVERP (as Postfix documents it; mail/verp.h).
 */
#include "smtp/receive/session.h"

#include "base/codec.h"
#include "mail/dsnparam.h"
#include "mail/envelope.h"
#include "mail/holdparam.h"
#include "mail/verp.h"

struct mail_params {
	uint64_t size;
	bool body8, smtputf8;
	int ret;
	struct str envid;
	bool requiretls, lowered; /* lowered: not the priority that was asked for */
	int64_t release;
	struct str future; /* as it was asked for */
	int priority;
	bool priority_given;
	struct str verp;
};

/* SIZE=: a declared size beyond the limit is refused before the message is sent. */
static int param_size(struct session *s, struct str value, struct mail_params *p, struct dsn *why)
{
	int r = str_u64(value, INT64_MAX, &p->size);

	if (r == E_SYNTAX || value.n > 20) {
		dsn_set(why, 501, "5.5.4", "Bad SIZE parameter");
		return -1;
	}
	if (r || p->size > s->room->conf->smtp_message_size) {
		dsn_set(why, 552, "5.3.4", "Message too large: the limit is %llu bytes",
			(unsigned long long)s->room->conf->smtp_message_size);
		return -1;
	}
	return 0;
}

static int param_body(struct str value, struct mail_params *p, struct dsn *why)
{
	p->body8 = str_ieqc(value, "8BITMIME");
	if (p->body8 || str_ieqc(value, "7BIT"))
		return 0;
	dsn_set(why, 501, "5.5.4", "BODY is 7BIT or 8BITMIME here");
	return -1;
}

/* AUTH=<> or AUTH= an address in xtext. Believed from nobody, so only its form
 * counts: what decodes to a line end is no address (C02). */
static int param_auth(struct session *s, struct str value, struct dsn *why)
{
	struct address addr;
	struct buf text;
	int r;

	if (str_eqc(value, "<>"))
		return 0;
	buf_init(&text, 1024);
	r = xtext_decode(value, &text);
	if (!r)
		r = address_parse_all(buf_view(&text), &s->cmd, &addr);
	buf_done(&text);
	if (!r)
		return 0;
	dsn_set(why, 501, "5.5.4", "Bad AUTH parameter");
	return -1;
}

static int param_ret(struct str value, struct mail_params *p, struct dsn *why)
{
	bool full = false;

	if (dsn_ret_parse(value, &full)) {
		dsn_set(why, 501, "5.5.4", "RET is FULL or HDRS");
		return -1;
	}
	p->ret = full ? RET_FULL : RET_HDRS;
	return 0;
}

static int param_envid(struct str value, struct mail_params *p, struct dsn *why)
{
	if (dsn_envid_check(value)) {
		dsn_set(why, 501, "5.5.4", "ENVID is up to %d characters of printable xtext", DSN_ENVID_MAX);
		return -1;
	}
	p->envid = value;
	return 0;
}

/* HOLDFOR=, HOLDUNTIL=: one of them (RFC 4865 4.2). */
static int param_hold(struct session *s, struct str value, bool until, struct mail_params *p, struct dsn *why)
{
	int64_t now = clock_unix(), max = s->room->conf->smtp_future_release / 1000, n = 0;
	int r = until ? hold_until_parse(value, &n) : hold_for_parse(value, &n);

	if (!until)
		n += now;
	if (!r && !p->release && n <= now + max) {
		p->release = until ? MAX(n, 1) : n + 1; /* in the past: now; this second has begun, and less than asked for is too early */
		p->future = str_of(arena_fmt(&s->cmd, "%s;%.*s", until ? "until" : "for", STRF(value)));
		return 0;
	}
	if (r)
		dsn_set(why, 501, "5.5.4", until ? "HOLDUNTIL is a time in UTC like 2026-12-24T18:00:00Z" :
			"HOLDFOR is a number of seconds");
	else if (p->release)
		dsn_set(why, 501, "5.5.4", "One of HOLDFOR and HOLDUNTIL, once");
	else
		dsn_set(why, 501, "5.5.4", "A message is kept for %lld seconds at most", (long long)max);
	return -1;
}

static bool is_admin(const struct session *s)
{
	struct str roles = s->who.roles;

	while (roles.n)
		if (str_eqc(str_trim(str_cut(&roles, ',')), "admin"))
			return true;
	return s->local;
}

/* MT-PRIORITY=: what an account may not ask for is lowered, and told (RFC 6710 4.1). */
static int param_priority(struct session *s, struct str value, struct mail_params *p, struct dsn *why)
{
	int64_t max = is_admin(s) ? ENVELOPE_PRIORITY_MAX : s->room->conf->smtp_priority_max;

	if (priority_parse(value, &p->priority)) {
		dsn_set(why, 501, "5.5.2", "MT-PRIORITY is a number from -9 to 9");
		return -1;
	}
	p->priority_given = true;
	p->lowered = p->priority > max;
	if (p->lowered)
		p->priority = (int)max;
	return 0;
}

/* XVERP, XVERP=+=: delimiters; without them those with which a bounce comes back to the sender's own address. */
static int param_verp(struct session *s, struct str value, bool null_path, struct mail_params *p, struct dsn *why)
{
	struct str separator = s->room->conf->auth_detail_separator;

	if (null_path) {
		dsn_set(why, 503, "5.5.4", "XVERP needs a sender");
		return -1;
	}
	p->verp = value;
	if (!value.p)
		p->verp = str_of(arena_fmt(&s->cmd, "%c=", separator.n == 1 && separator.p[0] == '-' ? '-' : '+'));
	if (!verp_check(p->verp))
		return 0;
	dsn_set(why, 501, "5.5.4", "XVERP is followed by two of the characters - + =");
	return -1;
}

/* RFC 8689 4.1: only what came under TLS may ask for it. */
static int param_requiretls(struct session *s, struct mail_params *p, struct dsn *why)
{
	p->requiretls = s->h.tls_version.n > 0 || s->local;
	if (p->requiretls)
		return 0;
	dsn_set(why, 530, "5.7.0", "REQUIRETLS needs STARTTLS first");
	return -1;
}

/* What strangers may not use, and what this session was not offered. 1: it is none of these. */
static int param_more(struct session *s, struct str name, struct str value, bool null_path, struct mail_params *p, struct dsn *why)
{
	if (str_eqc(name, "REQUIRETLS") && !value.p)
		return param_requiretls(s, p, why);
	if (str_eqc(name, "XVERP") && policy_trusted(s))
		return param_verp(s, value, null_path, p, why);
	if (!s->authenticated || !value.p)
		return 1;
	if (str_eqc(name, "HOLDFOR") && s->room->conf->smtp_future_release)
		return param_hold(s, value, false, p, why);
	if (str_eqc(name, "HOLDUNTIL") && s->room->conf->smtp_future_release)
		return param_hold(s, value, true, p, why);
	if (str_eqc(name, "MT-PRIORITY"))
		return param_priority(s, value, p, why);
	return 1;
}

static int params(struct session *s, const struct smtp_path_command *c, struct mail_params *p,
	struct dsn *why)
{
	size_t i;
	int r;

	for (i = 0; i < c->nparams; i++) {
		struct str name = c->param[i].name, value = c->param[i].value;

		if (s->h.esmtp && str_eqc(name, "SIZE") && value.p) {
			r = param_size(s, value, p, why);
		} else if (s->h.esmtp && str_eqc(name, "BODY") && value.p) {
			r = param_body(value, p, why);
		} else if (s->h.esmtp && str_eqc(name, "SMTPUTF8") && !value.p) {
			p->smtputf8 = true;
			r = 0;
		} else if (s->h.esmtp && str_eqc(name, "AUTH") && value.p) {
			r = param_auth(s, value, why);
		} else if (s->h.esmtp && str_eqc(name, "RET") && value.p) {
			r = param_ret(value, p, why);
		} else if (s->h.esmtp && str_eqc(name, "ENVID") && value.p) {
			r = param_envid(value, p, why);
		} else if ((r = s->h.esmtp ? param_more(s, name, value, c->null_path, p, why) : 1) == 1) {
			dsn_set(why, 555, "5.5.4", "Parameter not recognized: %.*s", (int)MIN(name.n, 60),
				name.p);
			r = -1;
		}
		if (r)
			return r;
	}
	return 0;
}

/* The sender as we write it, in the command's memory; the null sender is empty. */
static struct str printed(struct session *s, const struct smtp_path_command *c)
{
	return c->null_path ? STR("") : address_text(&s->cmd, &c->addr);
}

static bool may_begin(struct session *s)
{
	struct trust_client t = policy_client(s);

	if (s->submission && !s->authenticated && !trust_submits(s->room->conf, &t)) {
		reply_error(s, 530, "5.7.0", "Authentication required");
		return false;
	}
	if (s->messages >= (uint64_t)s->room->conf->smtp_transactions) {
		reply(s, 421, "4.7.0", "Too many messages in one connection, connect again");
		s->end = SESSION_CLOSE;
		return false;
	}
	return true;
}

static void begin(struct session *s, const struct smtp_path_command *c, const struct mail_params *p)
{
	struct tx *tx = &s->tx;
	char peer[ADDR_TEXT];
	struct trace t;

	tx_begin(s);
	tx->declared = p->size;
	tx->body8 = p->body8;
	tx->smtputf8 = p->smtputf8;
	tx->ret = p->ret;
	tx->requiretls = p->requiretls;
	tx->release = p->release;
	tx->future = arena_str(&tx->a, p->future);
	tx->priority = p->priority;
	tx->priority_given = p->priority_given;
	tx->verp = arena_str(&tx->a, p->verp);
	tx->envid = arena_str(&tx->a, p->envid);
	tx->named = arena_str(&tx->a, printed(s, c));
	tx->sender = s->rewritten.n ? arena_str(&tx->a, s->rewritten) : tx->named;
	s->messages++;
	tx->accepted = true;
	event_begin(s, &t, TRACE_INFO, "mail");
	trace_str(&t, "from", str_sub(tx->sender, 0, TRACE_TEXT));
	trace_str(&t, "helo", str_sub(s->h.helo, 0, TRACE_TEXT));
	if (s->h.peer.family)
		trace_s(&t, "peer", addr_text(&s->h.peer, peer));
	trace_str(&t, "tls", s->h.tls_version.n ? s->h.tls_version : STR("none"));
	trace_str(&t, "service", s->h.service);
	if (s->authenticated)
		trace_str(&t, "user", s->who.user);
	if (p->size)
		trace_u64(&t, "size", p->size);
	if (p->priority)
		trace_s(&t, "priority", arena_fmt(&s->cmd, "%d", p->priority));
	if (p->release)
		trace_u64(&t, "release", (uint64_t)p->release);
	if (p->verp.n)
		trace_str(&t, "verp", p->verp);
	trace_end(&t);
	if (p->lowered)
		reply(s, 250, "2.3.6", "%d is the priority of this message, you may not ask for more", p->priority);
	else
		reply(s, 250, "2.1.0", "Sender ok");
}

void cmd_mail(struct session *s, struct str args)
{
	struct smtp_path_command c;
	struct mail_params p = { 0 };
	struct dsn why = { 0 };
	int r;

	if (!may_begin(s))
		return;
	room_update(s->room);
	r = smtp_parse_mail(args, true, &s->cmd, &c);
	if (r == E_LIMIT) {
		reply_error(s, 501, "5.1.7", "Sender address or parameters too long");
	} else if (r && !str_istarts(args, "FROM:")) {
		reply_error(s, 501, "5.5.4", "Syntax: MAIL FROM:<address>");
	} else if (r) {
		reply_error(s, 501, "5.1.7", "Bad syntax of the sender address or a parameter");
	} else if (params(s, &c, &p, &why)) {
		reply_error(s, why.code, why.status, "%s", why.text);
	} else if (c.addr.utf8 && !p.smtputf8) {
		reply_error(s, 553, "5.6.7", "An address with non-ASCII characters needs SMTPUTF8");
	} else if (policy_sender(s, &c, &why)) {
		s->about = "from";
		s->about_whom = printed(s, &c);
		reply_dsn(s, &why);
		s->about = NULL;
	} else {
		begin(s, &c, &p);
	}
}
