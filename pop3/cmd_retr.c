/* SPDX-License-Identifier: ISC
 *
 * cmd_retr.c: RETR (RFC 1939 5) and TOP (7): a message, or its header and the
 * first lines of its body.
 */
#include "pop3/session.h"

void pop3_cmd_retr(struct pop3_session *s, struct str arg)
{
	uint32_t index;

	if (!pop3_message(s, arg, &index) || pop3_send_message(s, index, UINT64_MAX))
		return;
	s->mark[index] |= POP3_READ;
	s->retr++;
}

/* TOP msg n; n is non-negative and not optional */
void pop3_cmd_top(struct pop3_session *s, struct str arg)
{
	struct str lines = arg, msg = str_cut(&lines, ' ');
	uint32_t index;
	uint64_t n;

	if (str_u64(str_trim(lines), UINT32_MAX, &n)) {
		s->errors++;
		pop3_err(s, "TOP wants a message and a number of lines");
		return;
	}
	if (!pop3_message(s, msg, &index) || pop3_send_message(s, index, n))
		return;
	s->top++;
}
