/* SPDX-License-Identifier: ISC
 *
 * cmd_status.c: STATUS (RFC 3501 6.3.10), with HIGHESTMODSEQ (RFC 7162 3.1.7), SIZE
 * (RFC 8438), DELETED and DELETED-STORAGE (RFC 9208 4.1.4).
 */
#include "imap/commands.h"
#include "imap/parse.h"
#include "imap/status.h"

void cmd_status(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct status_values v;
	unsigned items;
	struct str name;
	bool bad;
	int r;

	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &name, &bad) != 1) {
		imap_bad(s, "Mailbox name expected");
		return;
	}
	if (!cur_take(&c, ' ') || status_parse(&c, &items) != 1) {
		imap_bad(s, "Invalid STATUS items");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	if (items & STATUS_HIGHESTMODSEQ)
		imap_condstore(s);
	r = bad ? E_SYNTAX : status_get(s->store, name, items, &v);
	if (r) {
		imap_error(s, r, "STATUS");
		return;
	}
	status_tell(s, name, items, &v);
	imap_ok(s, "Status completed");
}
