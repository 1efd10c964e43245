/* SPDX-License-Identifier: ISC
 *
 * cmd_capa.c: CAPA (RFC 2449 5, 6) and NOOP. Only what holds after login: the
 * ways to log in are the door's to tell.
 */
#include "pop3/session.h"

void pop3_cmd_capa(struct pop3_session *s, struct str arg)
{
	(void)arg;
	pop3_ok(s, "capabilities follow");
	stream_puts(s->io, "TOP\r\n"
			   "UIDL\r\n"
			   "RESP-CODES\r\n"
			   "AUTH-RESP-CODE\r\n"
			   "PIPELINING\r\n"
			   "EXPIRE NEVER\r\n"
			   "IMPLEMENTATION Mansio\r\n"
			   ".\r\n");
}

void pop3_cmd_noop(struct pop3_session *s, struct str arg)
{
	(void)arg;
	pop3_ok(s, "nothing done");
}
