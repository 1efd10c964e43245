/* SPDX-License-Identifier: ISC
 *
 * cmd_close.c: CLOSE (RFC 3501 6.4.2): removes what is marked \\Deleted, without
 * telling, and leaves the mailbox; a read-only one is left as it is. No HIGHESTMODSEQ
 * is said: the client does not know what it would stand for (RFC 7162 3.2.8).
 */
#include "imap/commands.h"

void cmd_close(struct imap_session *s)
{
	int r = s->view->readonly ? 0 : store_expunge(s->view, NULL, 0);

	imap_leave(s);
	if (r && r != E_STALE)
		imap_error(s, r, "CLOSE");
	else
		imap_ok(s, "Close completed");
}
