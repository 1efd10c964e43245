/* SPDX-License-Identifier: ISC
 *
 * client.c: a session with another server up to READY: greeting, EHLO, STARTTLS, AUTH;
 * and the table of states (see client.h). What follows is transaction.c.
 */
#include "smtp/send/client.h"

#include <stdarg.h>

#include "conf/conf.h"
#include "smtp/send/auth.h"

#define OUT_MAX (8 * 1024 * 1024) /* the envelope of 4,000 recipients, all at once */
#define AUTH_STEPS 10

#define BIT(s) (1u << CLIENT_##s)

static void on_greeting(struct client *c, const struct reply *r);
static void on_hello(struct client *c, const struct reply *r);
static void on_helo(struct client *c, const struct reply *r);
static void on_starttls(struct client *c, const struct reply *r);
static void on_auth(struct client *c, const struct reply *r);
static void on_ready(struct client *c, const struct reply *r);
static void on_quit(struct client *c, const struct reply *r);

static const struct {
	unsigned next; /* legal moves */
	void (*reply)(struct client *c, const struct reply *r); /* NULL: nothing may come */
	size_t wait; /* which of the options' times */
	const char *waits_for;
} states[CLIENT_NSTATES] = {
#define WAIT(time) offsetof(struct client_options, time)
	[CLIENT_CONNECTING] = { BIT(GREETING) | BIT(HANDSHAKE) | BIT(CLOSED), NULL, WAIT(connect), "a connection" },
	[CLIENT_GREETING] = { BIT(HELLO) | BIT(CLOSED), on_greeting, WAIT(greeting), "the greeting" },
	[CLIENT_HELLO] = { BIT(HELO) | BIT(STARTTLS) | BIT(AUTH) | BIT(READY) | BIT(CLOSED), on_hello,
		WAIT(command), "the answer to EHLO" },
	[CLIENT_HELO] = { BIT(AUTH) | BIT(READY) | BIT(CLOSED), on_helo, WAIT(command), "the answer to HELO" },
	[CLIENT_STARTTLS] = { BIT(HANDSHAKE) | BIT(AUTH) | BIT(READY) | BIT(CLOSED), on_starttls, WAIT(command),
		"the answer to STARTTLS" },
	[CLIENT_HANDSHAKE] = { BIT(GREETING) | BIT(HELLO) | BIT(CLOSED), NULL, WAIT(handshake), "the TLS handshake" },
	[CLIENT_AUTH] = { BIT(AUTH) | BIT(READY) | BIT(CLOSED), on_auth, WAIT(command), "the answer to AUTH" },
	[CLIENT_READY] = { BIT(ENVELOPE) | BIT(QUIT) | BIT(CLOSED), on_ready, WAIT(idle), "work" },
	[CLIENT_ENVELOPE] = { BIT(DATA) | BIT(CONTENT) | BIT(RSET) | BIT(READY) | BIT(CLOSED), client_on_envelope, WAIT(command),
		"the answer to MAIL or RCPT" },
	[CLIENT_DATA] = { BIT(CONTENT) | BIT(RSET) | BIT(CLOSED), client_on_data, WAIT(data_start),
		"the answer to DATA" },
	[CLIENT_CONTENT] = { BIT(FINAL) | BIT(RSET) | BIT(CLOSED), client_on_content, WAIT(data_block),
		"the server to take the message" },
	[CLIENT_FINAL] = { BIT(ENVELOPE) | BIT(READY) | BIT(RSET) | BIT(QUIT) | BIT(CLOSED), client_on_final, WAIT(data_end),
		"the answer to the message, which may have arrived" },
	[CLIENT_RSET] = { BIT(ENVELOPE) | BIT(READY) | BIT(QUIT) | BIT(CLOSED), client_on_rset, WAIT(command),
		"the answer to RSET" },
	[CLIENT_QUIT] = { BIT(CLOSED), on_quit, WAIT(connect), "the answer to QUIT" },
	[CLIENT_CLOSED] = { 0, NULL, WAIT(connect), "nothing" },
};

void client_move(struct client *c, enum client_state to)
{
	enum client_state from = c->state;

	BUG_ON(!(states[from].next & 1u << to));
	c->state = to;
	c->progress++;
	if (c->watch)
		c->watch->moved(c, from);
}

int64_t client_wait(const struct client *c)
{
	int64_t ms;

	memcpy(&ms, (const char *)c->opt + states[c->state].wait, sizeof ms);
	return ms;
}

const char *client_waits_for(const struct client *c)
{
	return states[c->state].waits_for;
}

void client_init(struct client *c, struct client_options *opt)
{
	*c = (struct client){ .opt = opt };
	opt->refs++;
	reply_init(&c->reader, opt->reply_size);
	buf_init(&c->out, OUT_MAX);
}

void client_done(struct client *c)
{
	auth_free(c->auth);
	reply_done(&c->reader);
	buf_wipe(&c->out);
	buf_done(&c->converted);
	free(c->batch);
	if (--c->opt->refs == 0) {
		tls_trust_free(c->opt->trust);
		arena_wipe(&c->opt->a);
		free(c->opt);
	}
}

/* --- the end --------------------------------------------------------------- */

/* A server may close a connection that idled, and say so too late for us to see it
 * before MAIL: the message was not tried then. */
static bool was_not_tried(const struct client *c)
{
	return c->again || (c->served > 0 && c->state == CLIENT_ENVELOPE && c->answered == 0);
}

static void give_back(struct client *c)
{
	size_t i;

	for (i = 0; i < c->nbatch; i++)
		if (c->batch[i]->state < RCPT_KNOWN)
			c->batch[i]->state = RCPT_OPEN;
	c->job->begun = false;
	c->retry = true;
}

static void settle(struct client *c)
{
	if (!c->job)
		return;
	if (was_not_tried(c))
		give_back(c);
	else
		job_fail(c->job, &c->why);
}

/* RFC 8689 4.2.1: what REQUIRETLS asks for and cannot be had here is no matter of time. */
void client_give_up(struct client *c, const char *status, const char *fmt, ...)
{
	bool no_tls = c->opt->requiretls && !strcmp(status, "4.7.5");
	char text[sizeof c->why.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	dsn_set(&c->why, no_tls || status[0] == '5' ? 550 : 451, no_tls ? "5.7.10" : status, "%s %s", c->opt->label, text);
	settle(c);
	client_move(c, CLIENT_CLOSED);
}

void client_refused(struct client *c, const char *status, const char *what, const struct reply *r)
{
	struct buf text;

	buf_init(&text, 2 * REPLY_TEXT);
	reply_print(r, &text);
	client_give_up(c, status, "%s: %s", what, buf_cstr(&text));
	buf_done(&text);
}

void client_lost(struct client *c, const char *status, const char *what)
{
	if (c->state != CLIENT_CLOSED)
		client_give_up(c, status, "%s", what);
}

/* --- greeting, EHLO, STARTTLS ------------------------------------------------ */

static void say_hello(struct client *c)
{
	buf_fmt(&c->out, "%s %s\r\n", c->opt->lmtp ? "LHLO" : "EHLO", c->opt->helo);
	client_move(c, CLIENT_HELLO);
}

void client_connected(struct client *c)
{
	client_move(c, c->opt->implicit && c->opt->tls != CONF_SMARTHOST_NONE ? CLIENT_HANDSHAKE : CLIENT_GREETING);
}

void client_secured(struct client *c)
{
	c->secure = true;
	c->ehlo = (struct ehlo){ 0 }; /* RFC 3207 4.2: what was said in clear is forgotten */
	if (c->opt->implicit)
		client_move(c, CLIENT_GREETING);
	else
		say_hello(c);
}

static void on_greeting(struct client *c, const struct reply *r)
{
	if (r->code == 220)
		say_hello(c);
	else
		client_refused(c, "4.3.2", "does not take mail now", r);
}

static void start_login(struct client *c)
{
	if (!c->ehlo.auth) {
		c->login_failed = true;
		client_give_up(c, "4.7.0", "offers no login%s, but smarthost_user is set",
			c->secure ? "" : " without TLS");
		return;
	}
	c->auth = auth_new(c->opt->host, c->opt->user, c->opt->password, c->opt->mech, c->ehlo.mechs, c->secure);
	if (!c->auth || auth_start(c->auth, &c->out)) {
		c->login_failed = true;
		client_give_up(c, "4.7.0", "offers no way to log in that can be used %s",
			c->secure ? "here" : "without TLS");
		return;
	}
	buf_puts(&c->out, "\r\n");
	client_move(c, CLIENT_AUTH);
}

/* What the server can is known: what is needed before mail may go? */
static void after_hello(struct client *c)
{
	bool wanted = c->opt->tls != CONF_SMARTHOST_NONE && !c->secure && !c->clear && !c->opt->lmtp;

	if (wanted && c->ehlo.starttls) {
		buf_puts(&c->out, "STARTTLS\r\n");
		client_move(c, CLIENT_STARTTLS);
	} else if (wanted && c->opt->tls != CONF_SMARTHOST_OPPORTUNISTIC) {
		c->no_starttls = true;
		client_give_up(c, "4.7.5", "does not offer STARTTLS, and nothing may go to it in clear");
	} else if (c->opt->requiretls && !c->ehlo.requiretls) {
		client_give_up(c, "5.7.30", "does not offer REQUIRETLS, and the sender requires that");
	} else if (c->opt->user.n && !c->logged_in) {
		start_login(c);
	} else {
		client_move(c, CLIENT_READY);
	}
}

static void on_hello(struct client *c, const struct reply *r)
{
	if (r->code == 250) {
		ehlo_parse(r->lines, &c->ehlo);
		if (!c->opt->lmtp && str_ieqc(str_of(c->ehlo.name), c->opt->helo))
			client_give_up(c, "4.4.6", "calls itself %s, as this server does: mail would go in a circle",
				c->ehlo.name);
		else
			after_hello(c);
	} else if (r->code >= 500 && !c->opt->lmtp) { /* RFC 5321 3.2 */
		buf_fmt(&c->out, "HELO %s\r\n", c->opt->helo);
		client_move(c, CLIENT_HELO);
	} else {
		client_refused(c, "4.3.2", "refuses us at EHLO", r);
	}
}

static void on_helo(struct client *c, const struct reply *r)
{
	if (r->code == 250) {
		ehlo_parse(str_sub(r->lines, 0, (size_t)MAX(str_find(r->lines, '\n'), (ssize_t)0)), &c->ehlo);
		after_hello(c);
	} else {
		client_refused(c, "4.3.2", "refuses us at HELO", r);
	}
}

static void on_starttls(struct client *c, const struct reply *r)
{
	if (r->code == 220) {
		client_move(c, CLIENT_HANDSHAKE);
	} else if (r->code != 421 && c->opt->tls == CONF_SMARTHOST_OPPORTUNISTIC) {
		c->clear = true;
		after_hello(c);
	} else {
		c->no_starttls = r->code != 421;
		client_refused(c, "4.7.5", "refuses STARTTLS", r);
	}
}

/* --- AUTH -------------------------------------------------------------------- */

static void login_over(struct client *c)
{
	auth_free(c->auth);
	c->auth = NULL;
	buf_wipe(&c->reader.lines);
	buf_init(&c->reader.lines, c->opt->reply_size + 1);
}

static void challenged(struct client *c, const struct reply *r)
{
	struct str rest = r->lines, challenge = str_cut(&rest, '\n');
	struct buf answer;
	int e;

	buf_init(&answer, OUT_MAX);
	e = c->auth_steps++ < AUTH_STEPS && !rest.n ? auth_step(c->auth, challenge, &answer) : E_LIMIT;
	if (e == 0) {
		buf_str(&c->out, buf_view(&answer));
		buf_puts(&c->out, "\r\n");
		client_move(c, CLIENT_AUTH);
	} else {
		c->login_failed = true;
		client_give_up(c, "4.7.0", "does not follow the rules of the login by %s, or is not who it says",
			auth_mechanism(c->auth));
	}
	buf_wipe(&answer);
}

static void on_auth(struct client *c, const struct reply *r)
{
	char what[128];

	if (r->code == 334) {
		challenged(c, r);
	} else if (r->code == 235 && auth_complete(c->auth)) {
		c->logged_in = true;
		login_over(c);
		client_move(c, CLIENT_READY);
	} else if (r->code == 235) {
		c->login_failed = true;
		client_give_up(c, "4.7.0", "did not prove that it knows the password (%s)", auth_mechanism(c->auth));
	} else {
		/* 4xx may pass by itself; 5xx the admin must mend */
		c->login_failed = r->code >= 500;
		snprintf(what, sizeof what, "refuses the login of '%.*s'", (int)MIN(c->opt->user.n, (size_t)60),
			c->opt->user.p);
		client_refused(c, r->code >= 500 ? "4.7.8" : "4.7.0", what, r);
	}
}

/* --- idle, end ----------------------------------------------------------------- */

/* Nothing was asked: 421 before it closes, or nonsense. */
static void on_ready(struct client *c, const struct reply *r)
{
	client_refused(c, "4.4.2", "closes the connection", r);
}

static void on_quit(struct client *c, const struct reply *r)
{
	(void)r;
	client_move(c, CLIENT_CLOSED);
}

bool client_verified(const struct client *c)
{
	return c->secure && c->verified;
}

void client_again(struct client *c)
{
	give_back(c);
	client_quit(c);
}

bool client_spent(const struct client *c)
{
	return c->ehlo.mail_max && c->mails >= c->ehlo.mail_max;
}

void client_quit(struct client *c)
{
	buf_puts(&c->out, "QUIT\r\n");
	client_move(c, CLIENT_QUIT);
}

/* --- bytes ----------------------------------------------------------------------- */

static void bad_reply(struct client *c, int e)
{
	client_give_up(c, "4.5.0", e == E_LIMIT ? "sends a reply without end" : "does not speak %s",
		c->opt->lmtp ? "LMTP" : "SMTP");
}

void client_input(struct client *c, struct str in)
{
	const struct reply *r = NULL;
	int e;

	while (in.n && c->state != CLIENT_CLOSED) {
		if (!states[c->state].reply) {
			/* RFC 3207 5: whoever sent it, it was not for what comes under TLS */
			client_give_up(c, "4.7.5", "sent more than its answer to STARTTLS: somebody may be between us");
			return;
		}
		e = reply_read(&c->reader, &in, &r);
		if (e < 0)
			bad_reply(c, e);
		else if (e) {
			c->progress++;
			if (c->watch)
				c->watch->reply(c, r);
			states[c->state].reply(c, r);
		}
	}
}
