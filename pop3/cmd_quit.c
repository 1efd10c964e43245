/* SPDX-License-Identifier: ISC
 *
 * cmd_quit.c: QUIT: the only way into the UPDATE state (RFC 1939 6). The
 * answer comes when the deletions are durable.
 */
#include "pop3/session.h"

void pop3_cmd_quit(struct pop3_session *s, struct str arg)
{
	(void)arg;
	s->over = true;
	if (pop3_maildrop_update(s))
		pop3_err(s, "[SYS/TEMP] some deleted messages not removed");
	else
		pop3_ok(s, "%u messages left", s->count);
}
