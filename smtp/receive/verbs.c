/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the table of verbs: which function, in which states, with or without
 * arguments; and what is said to a command that does not fit (RFC 5321 4.2.4,
 * 4.1.4).
 */
#include "smtp/receive/session.h"

#define ANY (SESSION_READY | SESSION_MAIL | SESSION_RCPT | SESSION_BDAT)

static const struct verb {
	enum smtp_verb verb;
	unsigned states;
	bool no_args;
	void (*run)(struct session *s, struct str args);
} verbs[] = {
	{ SMTP_MAIL, SESSION_READY, false, cmd_mail },
	{ SMTP_RCPT, SESSION_MAIL | SESSION_RCPT, false, cmd_rcpt },
	{ SMTP_DATA, SESSION_MAIL | SESSION_RCPT, true, cmd_data },
	{ SMTP_BDAT, ANY, false, cmd_bdat }, /* must read its octets wherever it comes */
	{ SMTP_RSET, ANY, true, cmd_rset },
	{ SMTP_NOOP, ANY, false, cmd_noop },
	{ SMTP_VRFY, ANY, false, cmd_vrfy },
	{ SMTP_HELP, ANY, false, cmd_help },
	{ SMTP_QUIT, ANY, true, cmd_quit },
	{ SMTP_EHLO, ANY, false, cmd_handback },
	{ SMTP_HELO, ANY, false, cmd_handback },
	{ SMTP_STARTTLS, ANY, false, cmd_handback },
	{ SMTP_AUTH, SESSION_READY, false, cmd_handback }, /* RFC 4954 4: not in a transaction */
	{ SMTP_EXPN, ANY, false, cmd_not_here },
	{ SMTP_ETRN, SESSION_READY, false, cmd_etrn }, /* RFC 1985: not in a transaction */
	{ SMTP_LHLO, ANY, false, cmd_not_here },
};

static const struct verb *find(enum smtp_verb v)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].verb == v)
			return &verbs[i];
	return NULL;
}

static void out_of_order(struct session *s, enum smtp_verb v)
{
	if (v == SMTP_MAIL)
		reply_error(s, 503, "5.5.1", "Nested MAIL command");
	else if (s->state == SESSION_READY)
		reply_error(s, 503, "5.5.1", "MAIL first");
	else if (s->state == SESSION_BDAT)
		reply_error(s, 503, "5.5.1", "Not between the chunks of a message");
	else
		reply_error(s, 503, "5.5.1", "Bad sequence of commands");
}

void verb_run(struct session *s, struct str line)
{
	struct str args;
	enum smtp_verb v = smtp_verb(line, &args);
	const struct verb *verb = find(v);

	if (v == SMTP_HTTP) { /* a browser was made to talk to us: C20 */
		reply(s, 421, "4.7.0", "This is not a web server");
		s->end = SESSION_CLOSE;
	} else if (!verb) {
		reply_error(s, 500, "5.5.1", "Command not recognized");
	} else if (!(verb->states & s->state)) {
		out_of_order(s, v);
	} else if (verb->no_args && args.n) {
		reply_error(s, 501, "5.5.4", "%s takes no arguments", smtp_verb_name(v));
	} else {
		if (v == SMTP_EHLO || v == SMTP_HELO || v == SMTP_STARTTLS || v == SMTP_AUTH)
			s->unused = arena_str(&s->a, line);
		verb->run(s, args);
		if ((v == SMTP_MAIL || v == SMTP_RCPT) && s->tx.accepted) {
			s->tx.accepted = false;
			park_line(s, line);
		}
	}
}
