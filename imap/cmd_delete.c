/* SPDX-License-Identifier: ISC
 *
 * cmd_delete.c: DELETE (RFC 3501 6.3.4). The mailbox that is selected here may
 * be deleted: the session then has none.
 */
#include "imap/commands.h"

void cmd_delete(struct imap_session *s)
{
	struct str name;
	int r;

	if (!imap_only_mailbox(s, &name))
		return;
	if (str_eqc(name, "INBOX")) {
		imap_no(s, "[CANNOT] INBOX cannot be deleted");
		return;
	}
	r = store_delete(s->store, name);
	if (r) {
		imap_error(s, r, "DELETE");
		return;
	}
	if (s->view && str_eq(s->view->name, name)) {
		store_deselect(s->view);
		s->view = NULL;
	}
	imap_ok(s, "Delete completed");
}
