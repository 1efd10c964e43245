/* SPDX-License-Identifier: ISC
 *
 * pop3.c: POP3 before login, the AUTHORIZATION state (RFC 1939 4): greeting, CAPA USER PASS APOP AUTH STLS QUIT (RFC
 * 2449, 2595, 3206, 5034). USER and PASS are PLAIN for authd. After a good login the session goes to pop3d, which says
 * +OK. The greeting has APOP's timestamp only while authd offers APOP (an account has a shared secret) on this
 * connection as it is: a client that sees one in clear shows a digest in clear.
 */
#include "base/rand.h"
#include "front/conn.h"

static void greet(struct conn *c)
{
	if (!(c->tls ? c->front->apop_tls : c->front->apop_clear)) {
		conn_say(c, "+OK Mansio POP3 ready");
		return;
	}
	rand_id(c->u.pop3.random, POP3_RANDOM);
	conn_say(c, "+OK Mansio POP3 ready <%s@%s>", c->u.pop3.random, c->front->hostname);
}

static void cmd_capa(struct conn *c, const struct pop3_line *l)
{
	const char *mechs = conn_mechs(c);

	(void)l;
	conn_say(c, "+OK Capabilities follow");
	conn_say(c, "TOP");
	conn_say(c, "UIDL");
	conn_say(c, "RESP-CODES");
	conn_say(c, "AUTH-RESP-CODE");
	conn_say(c, "PIPELINING");
	if (conn_can_starttls(c))
		conn_say(c, "STLS");
	if (conn_may_login(c))
		conn_say(c, "USER");
	if (mechs[0])
		conn_say(c, "SASL %s", mechs);
	conn_say(c, "IMPLEMENTATION Mansio");
	conn_say(c, ".");
}

static bool private_enough(struct conn *c)
{
	if (conn_may_login(c))
		return true;
	conn_say(c, "-ERR Logins need TLS: use STLS first");
	conn_error(c);
	return false;
}

static void cmd_user(struct conn *c, const struct pop3_line *l)
{
	if (!private_enough(c))
		return;
	conn_set(&c->u.pop3.user, l->arg);
	conn_say(c, "+OK Password?");
}

static void cmd_pass(struct conn *c, const struct pop3_line *l)
{
	if (!private_enough(c))
		return;
	if (!c->u.pop3.user) {
		conn_say(c, "-ERR USER first");
		conn_error(c);
		return;
	}
	sasl_plain(c, str_of(c->u.pop3.user), l->arg);
	conn_set(&c->u.pop3.user, STR_NONE);
}

/* RFC 1939 7. For authd it is an exchange of one message (auth.h). */
static void cmd_apop(struct conn *c, const struct pop3_line *l)
{
	struct buf b;

	if (!c->u.pop3.random[0]) {
		conn_say(c, "-ERR APOP is not offered");
		conn_error(c);
		return;
	}
	buf_init(&b, c->front->conf->limit_auth_line);
	buf_fmt(&b, "<%s@%s>", c->u.pop3.random, c->front->hostname);
	buf_c(&b, '\0');
	buf_str(&b, l->arg);
	buf_c(&b, '\0');
	buf_str(&b, l->digest);
	if (b.err) {
		conn_say(c, "-ERR Too long");
		conn_error(c);
	} else {
		sasl_start(c, STR("APOP"), buf_view(&b));
	}
	buf_wipe(&b);
}

/* AUTH alone lists the mechanisms, as RFC 1734's clients expect. */
static void list_mechs(struct conn *c)
{
	struct str rest = str_of(conn_mechs(c));

	conn_say(c, "+OK Mechanisms follow");
	while (rest.p) {
		struct str word = str_cut(&rest, ' ');

		if (word.n > 0)
			conn_say(c, "%.*s", STRF(word));
	}
	conn_say(c, ".");
}

/* An initial response makes AUTH longer than other commands (RFC 5034 4). */
static size_t line_max(const struct conn *c)
{
	const struct conf *conf = c->front->conf;

	return MAX(conf->limit_prelogin_line, conf->limit_auth_line);
}

static void cmd_auth(struct conn *c, const struct pop3_line *l)
{
	struct buf initial;
	int r = 0;

	if (l->mech.n == 0) {
		list_mechs(c);
		return;
	}
	if (!conn_has_mech(c, l->mech)) {
		if (!private_enough(c))
			return;
		conn_say(c, "-ERR Mechanism is not offered");
		conn_error(c);
		return;
	}
	buf_init(&initial, line_max(c));
	if (l->initial.p)
		r = parse_sasl_initial(l->initial, &initial);
	if (r < 0) {
		conn_say(c, "-ERR Initial response is not base64");
		conn_error(c);
	} else {
		sasl_start(c, l->mech,
			!l->initial.p ? STR_NONE : initial.n ? buf_view(&initial) : STR(""));
	}
	buf_wipe(&initial);
}

static void cmd_stls(struct conn *c, const struct pop3_line *l)
{
	(void)l;
	if (c->tls) {
		conn_say(c, "-ERR TLS is active already");
		conn_error(c);
	} else if (!c->front->tls) {
		conn_say(c, "-ERR [SYS/TEMP] TLS is not available");
	} else if (conn_starttls(c)) {
		conn_say(c, "+OK Begin TLS negotiation");
		c->service->dialogue->forget(c);
	}
}

static void cmd_quit(struct conn *c, const struct pop3_line *l)
{
	(void)l;
	conn_say(c, "+OK Bye");
	conn_finish(c, "quit");
}

static void cmd_other(struct conn *c, const struct pop3_line *l)
{
	(void)l;
	conn_say(c, "-ERR Log in first");
	conn_error(c);
}

static void (*const commands[])(struct conn *c, const struct pop3_line *l) = {
	[POP3_CAPA] = cmd_capa,
	[POP3_USER] = cmd_user,
	[POP3_PASS] = cmd_pass,
	[POP3_APOP] = cmd_apop,
	[POP3_AUTH] = cmd_auth,
	[POP3_STLS] = cmd_stls,
	[POP3_QUIT] = cmd_quit,
	[POP3_OTHER] = cmd_other,
};

static int step(struct conn *c)
{
	struct pop3_line l;
	struct str line;
	bool auth = str_istarts(conn_unread(c), "AUTH ");
	int r = conn_line(c, auth ? line_max(c) : c->front->conf->limit_prelogin_line, &line);

	if (r == 0)
		return 0;
	if (r < 0) {
		conn_bye(c, r == E_LIMIT ? BYE_TOO_LONG : BYE_MALFORMED);
	} else if (parse_is_http(line)) {
		conn_close(c, "HTTP on a mail port");
	} else if (pop3_line_parse(line, &l) < 0) {
		conn_say(c, "-ERR Command does not fit its grammar");
		conn_error(c);
	} else {
		commands[l.verb](c, &l);
	}
	return 1;
}

static void challenge(struct conn *c, struct str base64)
{
	conn_say(c, "+ %.*s", STRF(base64));
}

static void result(struct conn *c, enum sasl_result r)
{
	if (sasl_outcome(c, r, NULL))
		conn_offer(c);
}

static void forget(struct conn *c)
{
	conn_set(&c->u.pop3.user, STR_NONE);
}

const struct dialogue pop3_dialogue = {
	.greet = greet,
	.step = step,
	.challenge = challenge,
	.result = result,
	.forget = forget,
	.refused = {
		[SASL_OK] = "-ERR [SYS/TEMP] Too many sessions of this account",
		[SASL_FAIL] = "-ERR [AUTH] Authentication failed",
		[SASL_UNAVAILABLE] = "-ERR [SYS/TEMP] Authentication is not available now",
		[SASL_LIMIT] = "-ERR [SYS/TEMP] Too many attempts, try again later",
		[SASL_CLOCK] = "-ERR [SYS/TEMP] The clock of this device is too far from the one of the server: set it, then try again",
		[SASL_ABORTED] = "-ERR Authentication cancelled",
		[SASL_SYNTAX] = "-ERR Not base64",
	},
	.bye = {
		[BYE_BUSY] = "-ERR [SYS/TEMP] Too many connections, try again later",
		[BYE_ADDRESS] = "-ERR [SYS/TEMP] Too many connections from your address",
		[BYE_NETWORK] = "-ERR [SYS/TEMP] Too many connections from your network",
		[BYE_TIMEOUT] = "-ERR Too slow to log in",
		[BYE_NO_ROOM] = "-ERR [SYS/TEMP] Busy, try again later",
		[BYE_STOP] = "-ERR [SYS/TEMP] Service is stopping, try again later",
		[BYE_KICK] = "-ERR Session ended by the administrator",
		[BYE_ERRORS] = "-ERR Too many errors",
		[BYE_FAILURES] = "-ERR Too many failed logins",
		[BYE_TOO_LONG] = "-ERR Line too long",
		[BYE_MALFORMED] = "-ERR Bare CR or LF, or NUL",
		[BYE_BANNED] = "-ERR [SYS/TEMP] Too many failed logins from your network, try again later",
	},
};
