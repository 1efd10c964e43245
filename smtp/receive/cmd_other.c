/* SPDX-License-Identifier: ISC
 *
 * cmd_other.c: the verbs of a few lines: RSET NOOP VRFY HELP QUIT (RFC 5321
 * 4.1.1.5 to 4.1.1.10), what is not offered here, and what front answers.
 */
#include "smtp/receive/session.h"

void cmd_rset(struct session *s, struct str args)
{
	(void)args;
	tx_reset(s);
	reply(s, 250, "2.0.0", "Ok");
}

void cmd_noop(struct session *s, struct str args)
{
	(void)args; /* RFC 5321 4.1.1.9: an argument is ignored */
	reply(s, 250, "2.0.0", "Ok");
}

/* RFC 5321 3.5.3 and 7.3: who exists is not told. */
void cmd_vrfy(struct session *s, struct str args)
{
	if (args.n)
		reply(s, 252, "2.5.2", "Cannot verify, but mail to it will be tried");
	else
		reply_error(s, 501, "5.5.4", "Syntax: VRFY address");
}

void cmd_help(struct session *s, struct str args)
{
	(void)args;
	reply(s, 214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}

void cmd_quit(struct session *s, struct str args)
{
	(void)args;
	reply(s, 221, "2.0.0", "Goodbye");
	s->end = SESSION_CLOSE;
}

/* EHLO HELO STARTTLS AUTH are front's. The first two also end a transaction (RFC
 * 5321 4.1.4), and so does the new state behind STARTTLS (RFC 3207 4.2). */
void cmd_handback(struct session *s, struct str args)
{
	(void)args;
	tx_reset(s);
	s->end = SESSION_HANDBACK;
}

void cmd_not_here(struct session *s, struct str args)
{
	(void)args;
	reply_error(s, 502, "5.5.1", "Command not implemented");
}
