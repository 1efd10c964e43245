/* SPDX-License-Identifier: ISC
 *
 * cmd_close.c: CLOSE (RFC 3501 6.4.2): removes what is marked \\Deleted, without
 * telling, and leaves the mailbox; a read-only one is left as it is.
 */
#include "imap/commands.h"

void cmd_close(struct imap_session *s)
{
	int r = s->view->readonly ? 0 : store_expunge(s->view, NULL, 0);

	store_deselect(s->view);
	s->view = NULL;
	if (r && r != E_STALE)
		imap_error(s, r, "CLOSE");
	else
		imap_ok(s, "Close completed");
}
