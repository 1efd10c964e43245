/* SPDX-License-Identifier: ISC
 *
 * cmd_subscribe.c: SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.6, 6.3.7). A name
 * need not exist to be in the list.
 */
#include "imap/commands.h"

static void subscribe(struct imap_session *s, bool on)
{
	struct str name;
	int r;

	if (!imap_only_mailbox(s, &name))
		return;
	r = store_subscribe(s->store, name, on);
	if (r)
		imap_error(s, r, on ? "SUBSCRIBE" : "UNSUBSCRIBE");
	else
		imap_ok(s, on ? "Subscribe completed" : "Unsubscribe completed");
}

void cmd_subscribe(struct imap_session *s)
{
	subscribe(s, true);
}

void cmd_unsubscribe(struct imap_session *s)
{
	subscribe(s, false);
}
