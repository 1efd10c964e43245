/* SPDX-License-Identifier: ISC
 *
 * commands.c: the verbs of LMTP (RFC 2033 4), their table and the short ones.
 */
#include "delivery/session.h"

#include "base/codec.h"
#include "mail/dsnparam.h"
#include "mail/holdparam.h"
#include "mail/envelope.h"

static void cmd_lhlo(struct session *s, struct str args)
{
	struct str name;

	if (smtp_parse_helo(args, &name)) {
		reply_error(s, 501, "5.5.4", "Syntax: LHLO hostname");
		return;
	}
	tx_reset(s);
	s->helo = arena_str(&s->a, name);
	s->state = SESSION_READY;
	stream_fmt(&s->io,
		"250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
		"250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
		s->hostname, (unsigned long long)s->conf->smtp_message_size);
}

/* A delivery id becomes part of a file name. */
static bool xid_ok(struct str v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'z') ||
			(v.p[i] >= 'A' && v.p[i] <= 'Z')))
			return false;
	return v.n > 0 && v.n < sizeof ((struct tx *)0)->id;
}

struct mail_params {
	uint64_t size;
	bool smtputf8, body8;
	struct str xid, session, user, envid;
	int ret;
	bool requiretls;
	int priority;
	struct str peer, helo;
};

static int get_xtext(struct str value, struct arena *a, struct str *out)
{
	struct buf text;
	int r;

	buf_init(&text, 1024);
	r = xtext_decode(value, &text);
	*out = arena_str(a, buf_view(&text));
	buf_done(&text);
	return r;
}

/* What only our own programs may say (docs/PROCESSES.md). 1 taken, 0 not known, E_SYNTAX. */
static int inside_param(struct session *s, const struct smtp_param *in, struct mail_params *p)
{
	bool full = false;
	int r = 0;

	if (!s->inside || !in->value.p)
		return 0;
	if (str_eqc(in->name, "XID")) {
		p->xid = in->value;
		return xid_ok(in->value) ? 1 : E_SYNTAX;
	}
	if (str_eqc(in->name, "XSESSION")) {
		p->session = in->value;
	} else if (str_eqc(in->name, "XUSER")) {
		r = get_xtext(in->value, &s->cmd, &p->user);
	} else if (str_eqc(in->name, "XPEER")) {
		r = get_xtext(in->value, &s->cmd, &p->peer);
	} else if (str_eqc(in->name, "XHELO")) {
		r = get_xtext(in->value, &s->cmd, &p->helo);
	} else if (str_eqc(in->name, "XREQUIRETLS")) {
		p->requiretls = str_eqc(in->value, "1");
		r = p->requiretls ? 0 : E_SYNTAX;
	} else if (str_eqc(in->name, "XPRIORITY")) {
		r = priority_parse(in->value, &p->priority);
	} else if (str_eqc(in->name, "RET")) {
		r = dsn_ret_parse(in->value, &full);
		p->ret = full ? RET_FULL : RET_HDRS;
	} else if (str_eqc(in->name, "ENVID")) {
		r = dsn_envid_check(in->value);
		p->envid = in->value;
	} else {
		return 0;
	}
	return r ? E_SYNTAX : 1;
}

static int mail_param(struct session *s, const struct smtp_param *in, struct mail_params *p,
	struct dsn *why)
{
	uint64_t max = s->conf->smtp_message_size + (s->inside ? 65536 : 0);

	if (str_eqc(in->name, "SIZE") && in->value.p) {
		int r = str_u64(in->value, INT64_MAX, &p->size);

		if (r == E_SYNTAX) {
			dsn_set(why, 501, "5.5.4", "Bad SIZE parameter");
		} else if (r || p->size > max) {
			dsn_set(why, 552, "5.3.4", "Message too large: the limit is %llu bytes",
				(unsigned long long)s->conf->smtp_message_size);
		} else {
			return 0;
		}
		return -1;
	}
	if (str_eqc(in->name, "BODY") && in->value.p) {
		p->body8 = str_ieqc(in->value, "8BITMIME");
		if (p->body8 || str_ieqc(in->value, "7BIT"))
			return 0;
		dsn_set(why, 501, "5.5.4", "BODY is 7BIT or 8BITMIME here");
		return -1;
	}
	if (str_eqc(in->name, "SMTPUTF8") && !in->value.p) {
		p->smtputf8 = true;
		return 0;
	}
	if (inside_param(s, in, p) == 1)
		return 0;
	dsn_set(why, 555, "5.5.4", "Parameter not recognized: %.*s", (int)MIN(in->name.n, 60), in->name.p);
	return -1;
}

static void begin(struct session *s, const struct smtp_path_command *c, const struct mail_params *p)
{
	if (p->session.n)
		session_rename(s, p->session);
	tx_begin(s);
	s->tx.declared = p->size;
	s->tx.smtputf8 = p->smtputf8;
	s->tx.body8 = p->body8;
	s->tx.user = arena_str(&s->tx.a, p->user);
	s->tx.envid = arena_str(&s->tx.a, p->envid);
	s->tx.ret = p->ret;
	s->tx.requiretls = p->requiretls;
	s->tx.priority = p->priority;
	s->tx.peer = arena_str(&s->tx.a, p->peer);
	s->tx.helo = arena_str(&s->tx.a, p->helo);
	if (!c->null_path)
		s->tx.sender = address_text(&s->tx.a, &c->addr);
	if (p->xid.n) {
		s->tx.xid = true;
		memcpy(s->tx.id, p->xid.p, p->xid.n);
		s->tx.id[p->xid.n] = '\0';
	}
	if (!s->inside) { /* smtpd has told it already */
		struct trace t;

		event_begin(s, &t, TRACE_INFO, "mail");
		trace_str(&t, "from", str_sub(s->tx.sender, 0, TRACE_TEXT));
		trace_str(&t, "helo", s->helo);
		trace_end(&t);
	}
	reply(s, 250, "2.1.0", "Sender ok");
}

static void cmd_mail(struct session *s, struct str args)
{
	struct smtp_path_command c;
	struct mail_params p = { 0 };
	struct dsn why = { 0 };
	size_t i;

	if (smtp_parse_mail(args, true, &s->cmd, &c)) {
		reply_error(s, 501, "5.1.7", "Bad syntax of the sender address or a parameter");
		return;
	}
	for (i = 0; i < c.nparams; i++) {
		if (mail_param(s, &c.param[i], &p, &why)) {
			reply_error(s, why.code, why.status, "%s", why.text);
			return;
		}
	}
	if (c.addr.utf8 && !p.smtputf8)
		reply_error(s, 553, "5.6.7", "An address with non-ASCII characters needs SMTPUTF8");
	else
		begin(s, &c, &p);
}

/* XN=: the number of the recipient in its message, once each. */
static int param_number(struct session *s, struct str value, struct recipient *r)
{
	uint64_t n;
	size_t i;

	if (str_u64(value, UINT32_MAX, &n) || !n)
		return E_SYNTAX;
	for (i = 0; i < s->tx.nrcpt; i++)
		if (s->tx.rcpt[i].number == n)
			return E_SYNTAX;
	r->number = (uint32_t)n;
	return 0;
}

static int rcpt_param(struct session *s, const struct smtp_param *in, struct recipient *r)
{
	if (!s->inside || !in->value.p)
		return E_UNSUPPORTED;
	if (str_eqc(in->name, "XN"))
		return param_number(s, in->value, r);
	if (str_eqc(in->name, "NOTIFY"))
		return dsn_notify_parse(in->value, &r->notify);
	if (str_eqc(in->name, "ORCPT")) {
		r->orcpt = arena_str(&s->tx.a, in->value);
		return dsn_orcpt_check(in->value, s->tx.smtputf8);
	}
	return E_UNSUPPORTED;
}

static void recipient(struct session *s, const struct smtp_path_command *c)
{
	struct recipient r = { 0 };
	struct dsn why = { 0 };
	size_t i;

	for (i = 0; i < s->tx.nrcpt; i++) /* without XN=: the next one */
		r.number = MAX(r.number, s->tx.rcpt[i].number);
	r.number++;
	for (i = 0; i < c->nparams; i++) {
		if (!rcpt_param(s, &c->param[i], &r))
			continue;
		reply_error(s, 555, "5.5.4", "Parameter not recognized: %.*s", (int)MIN(c->param[i].name.n, 60),
			c->param[i].name.p);
		return;
	}
	r.address = address_text(&s->tx.a, &c->addr);
	if (recipient_add(s, &r, &why)) {
		reply_dsn(s, &why);
		return;
	}
	s->state = SESSION_RCPT;
	if (!s->inside) { /* smtpd has told it already */
		struct trace t;

		event_begin(s, &t, TRACE_INFO, "rcpt");
		trace_str(&t, "to", str_sub(r.address, 0, TRACE_TEXT));
		trace_end(&t);
	}
	reply(s, 250, "2.1.5", "Recipient ok");
}

static void cmd_rcpt(struct session *s, struct str args)
{
	struct smtp_path_command c;

	if (smtp_parse_rcpt(args, true, &s->cmd, &c))
		reply_error(s, 501, "5.1.3", "Bad syntax of the recipient address or a parameter");
	else if (c.addr.utf8 && !s->tx.smtputf8)
		reply_error(s, 553, "5.6.7", "An address with non-ASCII characters needs SMTPUTF8");
	else
		recipient(s, &c);
}

static void cmd_rset(struct session *s, struct str args)
{
	(void)args;
	tx_reset(s);
	reply(s, 250, "2.0.0", "Ok");
}

static void cmd_noop(struct session *s, struct str args)
{
	(void)args;
	reply(s, 250, "2.0.0", "Ok");
}

static void cmd_vrfy(struct session *s, struct str args)
{
	(void)args;
	reply(s, 252, "2.5.2", "Cannot verify, but mail to it will be tried");
}

static void cmd_help(struct session *s, struct str args)
{
	(void)args;
	reply(s, 214, "2.0.0", "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

static void cmd_quit(struct session *s, struct str args)
{
	(void)args;
	reply(s, 221, "2.0.0", "Goodbye");
	s->end = SESSION_CLOSE;
}

#define GREETED (SESSION_READY | SESSION_MAIL | SESSION_RCPT | SESSION_BDAT)
#define ANY (SESSION_NEW | GREETED)

static const struct verb {
	enum smtp_verb verb;
	unsigned states;
	bool no_args;
	void (*run)(struct session *s, struct str args);
} verbs[] = {
	{ SMTP_LHLO, ANY, false, cmd_lhlo },
	{ SMTP_MAIL, SESSION_READY, false, cmd_mail },
	{ SMTP_RCPT, SESSION_MAIL | SESSION_RCPT, false, cmd_rcpt },
	{ SMTP_DATA, SESSION_MAIL | SESSION_RCPT, true, cmd_data },
	{ SMTP_BDAT, ANY, false, cmd_bdat },
	{ SMTP_RSET, ANY, true, cmd_rset },
	{ SMTP_NOOP, ANY, false, cmd_noop },
	{ SMTP_VRFY, ANY, false, cmd_vrfy },
	{ SMTP_HELP, ANY, false, cmd_help },
	{ SMTP_QUIT, ANY, true, cmd_quit },
};

void verb_run(struct session *s, struct str line)
{
	struct str args;
	enum smtp_verb v = smtp_verb(line, &args);
	const struct verb *verb = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].verb == v)
			verb = &verbs[i];
	if (v == SMTP_HTTP) { /* C20 */
		s->end = SESSION_CLOSE;
	} else if (!verb) { /* EHLO and HELO too: RFC 2033 4.1 */
		reply_error(s, 500, "5.5.1", "Command not recognized");
	} else if (!(verb->states & s->state)) {
		reply_error(s, 503, "5.5.1", s->state == SESSION_NEW ? "LHLO first" : "Bad sequence of commands");
	} else if (verb->no_args && args.n) {
		reply_error(s, 501, "5.5.4", "%s takes no arguments", smtp_verb_name(v));
	} else if (v == SMTP_MAIL && s->served >= s->may_serve) {
		s->unused = arena_str(&s->a, line);
		s->end = SESSION_AGAIN;
	} else {
		verb->run(s, args);
	}
}
