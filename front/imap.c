/* SPDX-License-Identifier: ISC
 *
 * imap.c: IMAP before login: greeting, CAPABILITY ID NOOP STARTTLS LOGIN
 * AUTHENTICATE LOGOUT (RFC 3501 6.1, 6.2; RFC 7888, 4959, 2971, 5530). LOGIN
 * is PLAIN for authd. After a good login the session goes to imapd, which
 * answers the tag.
 *
 * A literal is asked for only within the limits of C07, and LOGIN's never in
 * clear, so that a password is not sent for nothing.
 */
#include "front/conn.h"
#include "net/imapcap.h"

#define ID_REPLY "* ID (\"name\" \"Mansio\")"

static void capabilities(struct conn *c, char *out, size_t cap)
{
	struct str rest = str_of(conn_mechs(c));
	size_t n;

	n = (size_t)snprintf(out, cap, IMAP_CAPABILITIES "%s%s",
		conn_can_starttls(c) ? " STARTTLS" : "", conn_may_login(c) ? "" : " LOGINDISABLED");
	while (rest.p && n < cap) {
		struct str word = str_cut(&rest, ' ');

		if (word.n > 0)
			n += (size_t)snprintf(out + n, cap - n, " AUTH=%.*s", STRF(word));
	}
}

static void greet(struct conn *c)
{
	char caps[1024];

	capabilities(c, caps, sizeof caps);
	conn_say(c, "* OK [CAPABILITY %s] Mansio ready", caps);
}

static void cmd_capability(struct conn *c, const struct imap_line *l)
{
	char caps[1024];

	capabilities(c, caps, sizeof caps);
	conn_say(c, "* CAPABILITY %s", caps);
	conn_say(c, "%.*s OK Capability completed", STRF(l->tag));
}

static void cmd_id(struct conn *c, const struct imap_line *l)
{
	conn_set(&c->u.imap.id_params, l->params);
	conn_say(c, ID_REPLY);
	conn_say(c, "%.*s OK ID completed", STRF(l->tag));
}

static void cmd_noop(struct conn *c, const struct imap_line *l)
{
	conn_say(c, "%.*s OK NOOP completed", STRF(l->tag));
}

static void cmd_logout(struct conn *c, const struct imap_line *l)
{
	conn_say(c, "* BYE Logging out");
	conn_say(c, "%.*s OK Logout completed", STRF(l->tag));
	conn_finish(c, "logout");
}

static void cmd_starttls(struct conn *c, const struct imap_line *l)
{
	if (c->tls) {
		conn_say(c, "%.*s BAD TLS is active already", STRF(l->tag));
		conn_error(c);
	} else if (!c->front->tls) {
		conn_say(c, "%.*s NO [UNAVAILABLE] TLS is not available", STRF(l->tag));
	} else if (conn_starttls(c)) {
		conn_say(c, "%.*s OK Begin TLS negotiation now", STRF(l->tag));
		c->service->dialogue->forget(c);
	}
}

static void privacy(struct conn *c, struct str tag)
{
	conn_say(c, "%.*s NO [PRIVACYREQUIRED] Logins need TLS", STRF(tag));
	conn_error(c);
}

static void cmd_login(struct conn *c, const struct imap_line *l)
{
	if (!conn_may_login(c)) {
		privacy(c, l->tag);
		return;
	}
	conn_set(&c->u.imap.tag, l->tag);
	sasl_plain(c, l->user, l->password);
}

static void cmd_authenticate(struct conn *c, const struct imap_line *l)
{
	struct buf initial;
	int r = 0;

	if (!conn_may_login(c) && !conn_has_mech(c, l->mech)) {
		privacy(c, l->tag);
		return;
	}
	if (!conn_has_mech(c, l->mech)) {
		conn_say(c, "%.*s NO [CANNOT] Mechanism is not offered", STRF(l->tag));
		conn_error(c);
		return;
	}
	buf_init(&initial, IMAP_COMMAND_MAX);
	if (l->initial.p)
		r = parse_sasl_initial(l->initial, &initial);
	if (r < 0) {
		conn_say(c, "%.*s BAD Initial response is not base64", STRF(l->tag));
		conn_error(c);
	} else {
		conn_set(&c->u.imap.tag, l->tag);
		sasl_start(c, l->mech,
			!l->initial.p ? STR_NONE : initial.n ? buf_view(&initial) : STR(""));
	}
	buf_wipe(&initial);
}

static void cmd_other(struct conn *c, const struct imap_line *l)
{
	conn_say(c, "%.*s BAD Please log in first", STRF(l->tag));
	conn_error(c);
}

static void (*const commands[])(struct conn *c, const struct imap_line *l) = {
	[IMAP_CAPABILITY] = cmd_capability,
	[IMAP_ID] = cmd_id,
	[IMAP_NOOP] = cmd_noop,
	[IMAP_STARTTLS] = cmd_starttls,
	[IMAP_LOGIN] = cmd_login,
	[IMAP_AUTHENTICATE] = cmd_authenticate,
	[IMAP_LOGOUT] = cmd_logout,
	[IMAP_OTHER] = cmd_other,
};

static void new_command(struct conn *c)
{
	c->u.imap.scan = 0;
	c->u.imap.literals = 0;
}

/* A literal is announced and waits for our "+". False: refused instead. */
static bool want_literal(struct conn *c)
{
	struct str head = conn_unread(c), tag, verb;
	ssize_t eol = str_find(head, '\r');

	if (conn_may_login(c))
		return true;
	head = str_sub(head, 0, eol < 0 ? 0 : (size_t)eol);
	tag = str_cut(&head, ' ');
	verb = str_cut(&head, ' ');
	if (!str_ieqc(verb, "LOGIN") || str_has_ctl(tag))
		return true;
	privacy(c, tag);
	return false;
}

static void too_big(struct conn *c, size_t used)
{
	struct str head = str_sub(conn_unread(c), 0, used), tag = str_cut(&head, ' ');

	if (head.p && tag.n > 0 && tag.n < 128 && !str_has_ctl(tag))
		conn_say(c, "%.*s BAD Literal is too big or one too many", STRF(tag));
	else
		conn_say(c, "* BAD Literal is too big or one too many");
	conn_consume(c, used);
	conn_error(c);
}

static void run_line(struct conn *c, struct str command)
{
	struct imap_line l;
	struct arena a;

	if (parse_is_http(command)) {
		conn_close(c, "HTTP on a mail port");
		return;
	}
	arena_init(&a);
	if (imap_line_parse(command, &a, &l) == 0) {
		commands[l.verb](c, &l);
	} else {
		conn_say(c, "%.*s BAD Command does not fit its grammar", STRF(l.tag.n ? l.tag : STR("*")));
		conn_error(c);
	}
	arena_wipe(&a); /* LOGIN: a password was in it */
}

/* An initial response makes AUTHENTICATE longer than other commands (RFC 4959): a token is longer than a password. */
static size_t line_max(const struct conn *c)
{
	const struct conf *conf = c->front->conf;
	struct str line = conn_unread(c);

	str_cut(&line, ' ');
	return str_istarts(line, "AUTHENTICATE ") ? MAX(conf->limit_auth_line, conf->limit_prelogin_line) : conf->limit_prelogin_line;
}

static int step(struct conn *c)
{
	size_t used = 0;

	switch (imap_scan(conn_unread(c), line_max(c), &c->u.imap.scan,
		&c->u.imap.literals, &used)) {
	case IMAP_SCAN_MORE:
		return 0;
	case IMAP_SCAN_CONTINUE:
		if (want_literal(c)) {
			conn_say(c, "+ Go ahead");
		} else {
			/* nothing of the literal was sent: drop the line alone */
			ssize_t eol = str_find(conn_unread(c), '\n');

			conn_consume(c, (size_t)eol + 1);
			new_command(c);
		}
		return 1;
	case IMAP_SCAN_TOO_BIG:
		new_command(c);
		too_big(c, used);
		return 1;
	case IMAP_SCAN_CLOSE:
		conn_bye(c, BYE_TOO_LONG);
		return 1;
	case IMAP_SCAN_WHOLE:
		break;
	}
	new_command(c);
	{
		struct str command = str_sub(conn_unread(c), 0, used - 2);

		conn_consume(c, used);
		run_line(c, command);
	}
	return 1;
}

static void challenge(struct conn *c, struct str base64)
{
	conn_say(c, "+ %.*s", STRF(base64));
}

static void result(struct conn *c, enum sasl_result r)
{
	if (sasl_outcome(c, r, c->u.imap.tag ? c->u.imap.tag : "*"))
		conn_offer(c);
}

static void fields(struct conn *c, struct handover *h)
{
	h->tag = str_of(c->u.imap.tag);
	h->id_params = str_of(c->u.imap.id_params);
}

static void forget(struct conn *c)
{
	conn_set(&c->u.imap.tag, STR_NONE);
	conn_set(&c->u.imap.id_params, STR_NONE);
}

const struct dialogue imap_dialogue = {
	.greet = greet,
	.step = step,
	.challenge = challenge,
	.result = result,
	.fields = fields,
	.forget = forget,
	.refused = {
		[SASL_OK] = "NO [LIMIT] Too many sessions of this account",
		[SASL_FAIL] = "NO [AUTHENTICATIONFAILED] Authentication failed",
		[SASL_UNAVAILABLE] = "NO [UNAVAILABLE] Authentication is not available now",
		[SASL_LIMIT] = "NO [LIMIT] Too many attempts, try again later",
		[SASL_CLOCK] = "NO [UNAVAILABLE] The clock of this device is too far from the one of the server: set it, then try again",
		[SASL_ABORTED] = "BAD Authentication cancelled",
		[SASL_SYNTAX] = "BAD Not base64",
	},
	.bye = {
		[BYE_BUSY] = "* BYE [UNAVAILABLE] Too many connections, try again later",
		[BYE_ADDRESS] = "* BYE [LIMIT] Too many connections from your address",
		[BYE_NETWORK] = "* BYE [LIMIT] Too many connections from your network",
		[BYE_TIMEOUT] = "* BYE Too slow to log in",
		[BYE_NO_ROOM] = "* BYE [UNAVAILABLE] Busy, try again later",
		[BYE_STOP] = "* BYE [UNAVAILABLE] Service is stopping, try again later",
		[BYE_KICK] = "* BYE Session ended by the administrator",
		[BYE_ERRORS] = "* BYE Too many errors",
		[BYE_FAILURES] = "* BYE Too many failed logins",
		[BYE_TOO_LONG] = "* BYE Line or literal too long, or bare CR or LF, or NUL",
		[BYE_MALFORMED] = "* BYE Bare CR or LF, or NUL",
		[BYE_BANNED] = "* BYE [UNAVAILABLE] Too many failed logins from your network, try again later",
	},
};
