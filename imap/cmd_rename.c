/* SPDX-License-Identifier: ISC
 *
 * cmd_rename.c: RENAME (RFC 3501 6.3.5); of INBOX: its messages move.
 */
#include "imap/commands.h"
#include "imap/parse.h"

void cmd_rename(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct str from, to;
	bool bad_from, bad_to;
	int r;

	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &from, &bad_from) != 1 ||
		!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &to, &bad_to) != 1) {
		imap_bad(s, "Two mailbox names expected");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	r = bad_from || bad_to ? E_SYNTAX : store_rename(s->store, from, to);
	if (r)
		imap_error(s, r, "RENAME");
	else
		imap_ok(s, "Rename completed");
}
