/* SPDX-License-Identifier: ISC
 *
 * policy_sender.c: may this session send with this address? Who logged in
 * sends with addresses of the account only (RFC 6409 6.1); a stranger on port
 * 25 may say what he wants, he gets no further than our own mailboxes.
 *
 * The null sender is everybody's: read receipts are sent with it (RFC 8098 3). So is
 * every address for programs on this host (local.c).
 */
#include "smtp/receive/session.h"

#define AUTHD_WAIT_MS 10000

int policy_sender(struct session *s, const struct smtp_path_command *c, struct dsn *why)
{
	struct room *room = s->room;
	enum auth_result result = AUTH_TEMP;
	struct str address;
	struct buf b;
	int link = room->authd, r;

	if (!s->authenticated || s->local || c->null_path)
		return 0;
	buf_init(&b, 1024);
	address_print(&c->addr, &b);
	address = arena_str(&s->cmd, buf_view(&b));
	buf_done(&b);
	r = auth_sender(link, s->who.user, address, &result, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_sender(room->authd, s->who.user, address, &result, deadline_in(AUTHD_WAIT_MS));
	if (!r && result == AUTH_OK)
		return 0;
	if (r || result == AUTH_TEMP) {
		dsn_set(why, 451, "4.3.0", "The sender address cannot be checked at the moment, try again later");
		dsn_log(why, "authd: %s", r ? err_text(r) : "temporary failure");
	} else {
		dsn_set(why, 553, "5.7.1", "<%.*s>: not an address of the account %.*s", STRF(address),
			STRF(s->who.user));
	}
	return -1;
}
