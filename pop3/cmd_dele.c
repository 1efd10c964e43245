/* SPDX-License-Identifier: ISC
 *
 * cmd_dele.c: DELE and RSET (RFC 1939 5): marks only; QUIT deletes.
 */
#include "pop3/session.h"

void pop3_cmd_dele(struct pop3_session *s, struct str arg)
{
	uint32_t index;

	if (!pop3_message(s, arg, &index))
		return;
	pop3_mark_deleted(s, index);
	pop3_ok(s, "message %u deleted", index + 1);
}

void pop3_cmd_rset(struct pop3_session *s, struct str arg)
{
	(void)arg;
	pop3_unmark_all(s);
	pop3_ok(s, "%u messages (%llu octets)", s->count, (unsigned long long)s->size);
}
