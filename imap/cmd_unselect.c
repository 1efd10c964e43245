/* SPDX-License-Identifier: ISC
 *
 * cmd_unselect.c: UNSELECT (RFC 3691): leaves the mailbox, removes nothing.
 */
#include "imap/commands.h"

void cmd_unselect(struct imap_session *s)
{
	imap_leave(s);
	imap_ok(s, "Unselect completed");
}
