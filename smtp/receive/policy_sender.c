/* SPDX-License-Identifier: ISC
 *
 * policy_sender.c: may this session send with this address? Who logged in
 * sends with addresses of the account only (RFC 6409 6.1); a stranger on port
 * 25 may say what he wants, he gets no further than our own mailboxes.
 *
 * The null sender is everybody's: read receipts are sent with it (RFC 8098 3). So is
 * every address for programs on this host (local.c), and for the networks and certificates
 * that may relay. What of these has a row in the table of rewriting goes on as that; a
 * stranger's sender is left as it is.
 */
#include "smtp/receive/session.h"

struct trust_client policy_client(const struct session *s)
{
	static const struct addr unknown;

	return (struct trust_client){ .peer = s->local ? &unknown : &s->h.peer,
		.certificate = s->h.client_cert, .public_key = s->h.client_key };
}

bool policy_trusted(const struct session *s)
{
	const struct conf *c = s->room->conf;
	struct trust_client t = policy_client(s);

	return s->authenticated || s->tx.relay || trust_network(c, &t) || trust_certificate(c, &t);
}

bool policy_etrn(const struct session *s, struct str domain)
{
	struct trust_client t = policy_client(s);

	return policy_trusted(s) || trust_etrn(s->room->conf, &t, domain);
}

int policy_sender(struct session *s, const struct smtp_path_command *c, struct dsn *why)
{
	bool account = s->authenticated && !s->local;
	struct room *room = s->room;
	enum auth_result result = AUTH_TEMP;
	struct str address, user = account ? s->who.user : STR("");
	int link = room->authd, r;

	s->rewritten = STR_NONE;
	if (c->null_path || !policy_trusted(s))
		return 0;
	address = address_text(&s->cmd, &c->addr);
	r = auth_sender(link, user, address, &s->cmd, &result, &s->rewritten, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_sender(room->authd, user, address, &s->cmd, &result, &s->rewritten,
			deadline_in(AUTHD_WAIT_MS));
	if (!r && result == AUTH_OK)
		return 0;
	s->rewritten = STR_NONE;
	if (r || result == AUTH_TEMP) {
		dsn_set(why, 451, "4.3.0", "The sender address cannot be checked at the moment, try again later");
		dsn_log(why, "authd: %s", r ? err_text(r) : "temporary failure");
	} else {
		dsn_set(why, 553, "5.7.1", "<%.*s>: not an address of the account %.*s", STRF(address),
			STRF(s->who.user));
	}
	return -1;
}
