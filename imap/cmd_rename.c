/* SPDX-License-Identifier: ISC
 *
 * cmd_rename.c: RENAME (RFC 3501 6.3.5); of INBOX: its messages move. A mailbox that
 * is selected here stays selected under its new name.
 */
#include "imap/commands.h"
#include "imap/parse.h"

static void follow(struct imap_session *s, struct str from, struct str to)
{
	struct str name = s->view ? s->view->name : STR_NONE;
	struct buf b;

	if (str_eqc(from, "INBOX") || name.n < from.n || !str_eq(str_sub(name, 0, from.n), from) ||
		(name.n > from.n && name.p[from.n] != '/'))
		return;
	buf_init(&b, 2 * IMAP_NAME_MAX);
	buf_str(&b, to);
	buf_str(&b, str_from(name, from.n));
	store_follow(s->view, buf_view(&b));
	buf_done(&b);
}

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
	if (r) {
		imap_error(s, r, "RENAME");
		return;
	}
	follow(s, from, to);
	imap_ok(s, "Rename completed");
}
