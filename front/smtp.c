/* SPDX-License-Identifier: ISC
 *
 * smtp.c: SMTP up to MAIL FROM: greeting, EHLO HELO STARTTLS AUTH NOOP RSET
 * VRFY HELP QUIT (RFC 5321, 3207, 4954, 2034, 9422). The first MAIL goes to a
 * room with everything behind it; the session comes back between messages. So does ETRN (RFC
 * 1985) of a client that may have mail sent on.
 *
 * AUTH is offered on the submission ports only, and never in clear but in a try-out; there MAIL needs it, or POP before
 * SMTP: authd is asked while MAIL waits unread. What EHLO said is forgotten with STARTTLS. Replies carry enhanced codes
 * (RFC 2034) but in greeting, HELO and EHLO.
 */
#include "base/codec.h"
#include "front/conn.h"
#include "mail/holdparam.h"

#define PARKED_PIECE 1024

static void greet(struct conn *c)
{
	conn_say(c, "220 %s ESMTP Mansio", c->front->hostname);
}

static bool may_auth(const struct conn *c)
{
	return c->service->submission && conn_mechs(c)[0];
}

static bool has_helo(const struct conn *c)
{
	return c->u.smtp.helo != NULL;
}

/* May this client send to other domains? */
static bool may_relay(const struct conn *c)
{
	const struct conf *conf = c->front->conf;
	struct trust_client t = conn_trust(c);

	if (c->service->submission)
		return c->ticket || trust_submits(conf, &t);
	return c->service->local || trust_network(conf, &t) || trust_certificate(conf, &t);
}

/* RFC 1985: of whom no domain is known cannot be helped. */
static bool may_etrn(const struct conn *c)
{
	struct trust_client t = conn_trust(c);

	return may_relay(c) || (!c->service->submission && trust_etrn(c->front->conf, &t, STR_NONE));
}

/* What only who logs in may use: RFC 4865 4.2, RFC 6710 4.1. */
static void say_submission(struct conn *c)
{
	int64_t max = c->front->conf->smtp_future_release / 1000;
	struct buf until;

	conn_say(c, "250-MT-PRIORITY");
	if (!max)
		return;
	buf_init(&until, 64);
	hold_until_print(clock_unix() + max, &until);
	conn_say(c, "250-FUTURERELEASE %lld %s", (long long)max, buf_cstr(&until));
	buf_done(&until);
}

static void cmd_hello(struct conn *c, const struct smtp_line *l)
{
	const struct conf *conf = c->front->conf;

	conn_set(&c->u.smtp.helo, l->arg);
	c->u.smtp.esmtp = l->verb == SMTP_EHLO;
	if (!c->u.smtp.esmtp) {
		conn_say(c, "250 %s", c->front->hostname);
		return;
	}
	conn_say(c, "250-%s", c->front->hostname);
	conn_say(c, "250-PIPELINING");
	conn_say(c, "250-SIZE %llu", (unsigned long long)conf->smtp_message_size);
	conn_say(c, "250-8BITMIME");
	conn_say(c, "250-CHUNKING");
	conn_say(c, "250-SMTPUTF8");
	conn_say(c, "250-DSN");
	if (conn_can_starttls(c))
		conn_say(c, "250-STARTTLS");
	if (may_auth(c))
		conn_say(c, "250-AUTH %s", conn_mechs(c));
	if (c->tls) /* RFC 8689 4.1: it is no use in clear */
		conn_say(c, "250-REQUIRETLS");
	if (may_auth(c) || may_relay(c)) /* mail/verp.h */
		conn_say(c, "250-XVERP");
	if (may_auth(c))
		say_submission(c);
	if (may_etrn(c))
		conn_say(c, "250-ETRN");
	conn_say(c, "250-LIMITS RCPTMAX=%lld MAILMAX=%lld", (long long)conf->smtp_recipients,
		(long long)conf->smtp_transactions);
	conn_say(c, "250 ENHANCEDSTATUSCODES");
}

/* RFC 3207 4 */
static void cmd_starttls(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	if (c->tls) {
		conn_say(c, "503 5.5.1 TLS is active already");
	} else if (c->ticket) {
		conn_say(c, "503 5.5.1 Too late: already authenticated");
	} else if (!conn_can_starttls(c)) {
		conn_say(c, "454 4.7.0 TLS is not available");
	} else if (conn_starttls(c)) {
		conn_say(c, "220 2.0.0 Ready to start TLS");
		c->service->dialogue->forget(c);
	}
}

/* RFC 4954 4 */
static void cmd_auth(struct conn *c, const struct smtp_line *l)
{
	struct buf initial;
	int r = 0;

	if (!c->service->submission) {
		conn_say(c, "502 5.5.1 AUTH is not offered on this port");
	} else if (!has_helo(c) || !c->u.smtp.esmtp) {
		conn_say(c, "503 5.5.1 Send EHLO first");
	} else if (c->ticket) {
		conn_say(c, "503 5.5.1 Already authenticated");
	} else if (!conn_has_mech(c, l->mech)) {
		conn_say(c, conn_may_login(c) ? "504 5.5.4 Mechanism is not offered" :
			"538 5.7.11 Encryption required: use STARTTLS");
	} else {
		buf_init(&initial, c->front->conf->limit_auth_line);
		if (l->initial.p)
			r = parse_sasl_initial(l->initial, &initial);
		if (r < 0)
			conn_say(c, "501 5.5.2 Initial response is not base64");
		else
			sasl_start(c, l->mech,
				!l->initial.p ? STR_NONE : initial.n ? buf_view(&initial) : STR(""));
		buf_wipe(&initial);
		return;
	}
	conn_error(c);
}

static void cmd_rset(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "250 2.0.0 OK");
}

static void cmd_vrfy(struct conn *c, const struct smtp_line *l)
{
	if (l->arg.n == 0)
		conn_say(c, "501 5.5.4 Whom?");
	else
		conn_say(c, "252 2.5.0 Not verified here; send mail and see");
}

static void cmd_help(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "214 2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

static void cmd_quit(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "221 2.0.0 %s closing", c->front->hostname);
	conn_finish(c, "quit");
}

static void cmd_early(struct conn *c, const struct smtp_line *l)
{
	conn_say(c, "503 5.5.1 %s needs MAIL before it", smtp_verb_name(l->verb));
	conn_error(c);
}

/* The chunk follows at once and must not be read as commands (RFC 3030 2). */
static void cmd_bdat(struct conn *c, const struct smtp_line *l)
{
	if (l->size > c->front->conf->smtp_message_size) {
		conn_bye(c, BYE_ERRORS);
		return;
	}
	c->u.smtp.skip = l->size;
	cmd_early(c, l);
}

static void cmd_http(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_close(c, "HTTP on a mail port");
}

static void cmd_unknown(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "500 5.5.2 Command not recognized");
	conn_error(c);
}

static void cmd_not_here(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "502 5.5.1 Command not implemented");
	conn_error(c);
}

/* From those who may, the room gets it. */
static void cmd_etrn(struct conn *c, const struct smtp_line *l)
{
	(void)l;
	conn_say(c, "459 4.7.1 Node not allowed: this client may have no domain's mail sent on");
	conn_error(c);
}

static const struct {
	enum smtp_verb verb;
	void (*run)(struct conn *c, const struct smtp_line *l);
} commands[] = {
	{ SMTP_EHLO, cmd_hello },
	{ SMTP_HELO, cmd_hello },
	{ SMTP_STARTTLS, cmd_starttls },
	{ SMTP_AUTH, cmd_auth },
	{ SMTP_RSET, cmd_rset },
	{ SMTP_NOOP, cmd_rset },
	{ SMTP_VRFY, cmd_vrfy },
	{ SMTP_HELP, cmd_help },
	{ SMTP_QUIT, cmd_quit },
	{ SMTP_RCPT, cmd_early },
	{ SMTP_DATA, cmd_early },
	{ SMTP_BDAT, cmd_bdat },
	{ SMTP_EXPN, cmd_not_here },
	{ SMTP_ETRN, cmd_etrn },
	{ SMTP_HTTP, cmd_http },
};

/* MAIL stays unread: it is the first thing that the room gets, or ETRN of those who may. True:
 * taken care of here, the line is to be consumed. */
static bool refuse_mail(struct conn *c)
{
	if (!has_helo(c))
		conn_say(c, "503 5.5.1 Send EHLO or HELO first");
	else if (c->u.smtp.before == BEFORE_LATER)
		conn_say(c, "451 4.3.0 Authentication is not available now, try again later");
	else if (c->service->submission && !may_relay(c))
		conn_say(c, "530 5.7.0 Authentication required");
	else
		return false;
	conn_error(c);
	return true;
}

/* POP before SMTP: has somebody logged in from here who may send as this sender? True: authd is asked, and MAIL waits. */
static bool asks_before(struct conn *c, const struct smtp_line *l)
{
	struct smtp_path_command mail;
	struct buf sender;
	struct arena a;
	bool asks;

	if (!c->front->conf->auth_pop_before_smtp || c->u.smtp.before || !c->service->submission || may_relay(c) || !has_helo(c) ||
		!conn_may_login(c))
		return false;
	arena_init(&a);
	buf_init(&sender, 2 * ADDRESS_MAX);
	asks = smtp_parse_mail(l->arg, true, &a, &mail) == 0 && !mail.null_path;
	if (asks) {
		address_print(&mail.addr, &sender);
		c->u.smtp.before = BEFORE_ASKED;
		sasl_before(c, buf_view(&sender));
	}
	buf_done(&sender);
	arena_done(&a);
	return asks;
}

static int skip_chunk(struct conn *c)
{
	size_t n = MIN(conn_unread(c).n, c->u.smtp.skip);

	conn_consume(c, n);
	c->u.smtp.skip -= n;
	return n > 0;
}

/* An initial response makes AUTH longer than other commands (RFC 4954 4). */
static size_t line_max(const struct conn *c)
{
	const struct conf *conf = c->front->conf;
	bool auth = c->service->submission && str_istarts(conn_unread(c), "AUTH ");

	return auth ? MAX(conf->limit_auth_line, conf->limit_prelogin_line) : conf->limit_prelogin_line;
}

/* A sleeping transaction goes on with a whole line; inside a message with its end, with
 * a good piece of it, or with as much as the minimum rate asks for. A client that sends
 * a byte a second keeps nobody busy. */
static int parked_step(struct conn *c)
{
	struct str all = conn_unread(c), fresh = str_from(all, c->u.smtp.parked_in);
	struct str end = str_from(all, c->u.smtp.parked_in > 4 ? c->u.smtp.parked_in - 4 : 0);
	int64_t ms = clock_mono_ms() - c->u.smtp.parked_at;
	uint64_t need = c->u.smtp.parked_need;
	bool go;

	if (!c->u.smtp.parked_data)
		go = str_find(fresh, '\n') >= 0;
	else
		go = (need ? fresh.n >= need : memmem(end.p, end.n, "\r\n.\r\n", 5) != NULL) ||
			(ms >= 1000 && fresh.n >= c->front->conf->limit_min_rate * (uint64_t)ms / 1000);
	if (!fresh.n || (!go && fresh.n < PARKED_PIECE))
		return 0;
	conn_offer(c);
	return 1;
}

static int step(struct conn *c)
{
	struct smtp_line l;
	struct str line;
	size_t i, at = c->in_pos;
	int r;

	if (c->u.smtp.skip > 0)
		return skip_chunk(c);
	if (c->u.smtp.parked)
		return parked_step(c);
	r = conn_line(c, line_max(c), &line);
	if (r == 0)
		return 0;
	if (r < 0) {
		conn_bye(c, r == E_LIMIT ? BYE_TOO_LONG : BYE_MALFORMED);
		return 1;
	}
	r = smtp_line_parse(line, &l);
	if (r == 0 && (l.verb == SMTP_MAIL || (l.verb == SMTP_ETRN && may_etrn(c)))) {
		if (l.verb == SMTP_MAIL && asks_before(c, &l)) {
			c->in_pos = at; /* it is read again when authd has answered */
			return 1;
		}
		if (!refuse_mail(c)) {
			c->in_pos = at;
			conn_offer(c);
		}
		c->u.smtp.before = BEFORE_NOT_ASKED;
		return 1;
	}
	if (r < 0) {
		conn_say(c, "501 5.5.4 Syntax error in the parameters of %s", smtp_verb_name(l.verb));
		conn_error(c);
		return 1;
	}
	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].verb == l.verb) {
			commands[i].run(c, &l);
			return 1;
		}
	cmd_unknown(c, &l);
	return 1;
}

static void challenge(struct conn *c, struct str base64)
{
	conn_say(c, "334 %.*s", STRF(base64));
}

static void result(struct conn *c, enum sasl_result r)
{
	if (c->u.smtp.before == BEFORE_ASKED) {
		/* MAIL is still unread, and the next step sees it again */
		if (r == SASL_OK && sasl_login_done(c))
			return;
		c->u.smtp.before = r == SASL_FAIL ? BEFORE_REFUSED : BEFORE_LATER;
		return;
	}
	if (sasl_outcome(c, r, NULL))
		conn_say(c, "235 2.7.0 Authentication successful");
}

static void fields(struct conn *c, struct handover *h)
{
	h->helo = str_of(c->u.smtp.helo);
	h->esmtp = c->u.smtp.esmtp;
	h->parked = c->u.smtp.parked;
	h->parked_data = c->u.smtp.parked_data;
	h->parked_need = c->u.smtp.parked_need;
}

static void forget(struct conn *c)
{
	conn_set(&c->u.smtp.helo, STR_NONE);
	c->u.smtp.esmtp = false;
	c->u.smtp.parked = 0;
	c->u.smtp.before = BEFORE_NOT_ASKED;
	conn_set(&c->state_text, STR_NONE);
}

const struct dialogue smtp_dialogue = {
	.greet = greet,
	.step = step,
	.challenge = challenge,
	.result = result,
	.fields = fields,
	.forget = forget,
	.refused = {
		[SASL_OK] = "454 4.7.0 Too many sessions of this account",
		[SASL_FAIL] = "535 5.7.8 Authentication failed",
		[SASL_UNAVAILABLE] = "454 4.7.0 Authentication is not available now",
		[SASL_LIMIT] = "454 4.7.0 Too many attempts, try again later",
		[SASL_CLOCK] = "454 4.7.0 The clock of this device is too far from the one of the server: set it, then try again",
		[SASL_ABORTED] = "501 5.7.0 Authentication cancelled",
		[SASL_SYNTAX] = "501 5.5.2 Not base64",
	},
	.bye = {
		[BYE_BUSY] = "421 4.3.2 Too many connections, try again later",
		[BYE_ADDRESS] = "421 4.7.0 Too many connections from your address",
		[BYE_NETWORK] = "421 4.7.0 Too many connections from your network",
		[BYE_TIMEOUT] = "421 4.4.2 Timeout, closing",
		[BYE_NO_ROOM] = "421 4.3.2 Busy, try again later",
		[BYE_STOP] = "421 4.3.2 Service is stopping, try again later",
		[BYE_KICK] = "421 4.3.2 Session ended by the administrator",
		[BYE_ERRORS] = "421 4.7.0 Too many errors, closing",
		[BYE_FAILURES] = "421 4.7.0 Too many failed logins, closing",
		[BYE_TOO_LONG] = "500 5.5.2 Line too long, closing",
		[BYE_MALFORMED] = "500 5.5.2 Bare CR or LF, or NUL: closing",
		[BYE_BANNED] = "421 4.7.0 Too many failed logins from your network, try again later",
	},
};
