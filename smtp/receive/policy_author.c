/* SPDX-License-Identifier: ISC
 *
 * policy_author.c: may this account write in the name of whom readers will see as the author?
 *
 * The sender of the envelope, which policy_sender.c looks at, is for servers; people see the header: From (RFC 5322
 * 3.6.2), Sender beside it, and who sent it on, Resent-From and Resent-Sender of the newest redirection (3.6.6). Of who
 * is logged in each address in them has to be one that the account may send with ([smtp] header_from; outside: or one
 * of a domain that is not ours). Who needs no login is believed, as with the envelope: programs on this host, and
 * networks and certificates that may relay.
 *
 * Always true: From stands there once, or not at all (what content_check takes); what is no list of addresses to its
 * last byte is refused, for what we skip others may show; names beside addresses are not judged. authd is asked once
 * for all addresses, and not at all about the one that MAIL named.
 */
#include "smtp/receive/session.h"

#include "mail/address.h"
#include "mail/header.h"

#define SHOWN 100 /* bytes of an address in a reply */

struct authors {
	struct {
		const char *field;
		struct str address; /* printed */
	} v[AUTH_SENDERS_MAX];
	size_t n;
	size_t from, mailboxes; /* fields, and addresses in them */
	size_t redirections;
	bool sender;
};

static int malformed(struct dsn *why, const char *field, const char *what)
{
	dsn_set(why, 554, "5.6.0", "The header's %s %s", field, what);
	return -1;
}

/* The field that tells an author and has this name; NULL: none. */
static const char *field_of(struct str name)
{
	static const char *const fields[] = { "From", "Sender", "Resent-From", "Resent-Sender" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(fields); i++)
		if (str_ieqc(name, fields[i]))
			return fields[i];
	return NULL;
}

static int add(struct session *s, const char *field, const struct header_address *h, struct authors *all, struct dsn *why)
{
	struct address addr = { .local = h->local, .domain = h->domain };
	struct str address;
	size_t i;

	if (!h->local.n || !h->domain.n || h->local.n + h->domain.n > ADDRESS_MAX)
		return malformed(why, field, "holds something that is not an address (RFC 5322 3.4)");
	address = address_text(&s->tx.a, &addr);
	if (str_eq(address, s->tx.named))
		return 0;
	for (i = 0; i < all->n; i++)
		if (str_eq(all->v[i].address, address))
			return 0;
	if (all->n == AUTH_SENDERS_MAX)
		return malformed(why, field, "names too many authors");
	all->v[all->n].field = field;
	all->v[all->n++].address = address;
	return 0;
}

static int take(struct session *s, const char *field, struct str body, struct authors *all, struct dsn *why)
{
	struct header_address *list;
	size_t n, i, mailboxes = 0;
	int r = address_list_all(body, &s->tx.a, HEADER_ADDRESS_MAX, &list, &n);

	if (r < 0)
		return malformed(why, field, "is not a list of addresses (RFC 5322 3.4)");
	for (i = 0; i < n; i++) {
		if (list[i].kind != HEADER_MAILBOX)
			continue;
		mailboxes++;
		if (add(s, field, &list[i], all, why) < 0)
			return -1;
	}
	if (!mailboxes)
		return malformed(why, field, "names no address");
	if (!strcmp(field, "From"))
		all->mailboxes += mailboxes;
	return 0;
}

static int read_authors(struct session *s, struct authors *all, struct dsn *why)
{
	struct header_walk w = { .message = s->tx.header };
	struct header_field f;

	while (header_walk(&w, &f)) {
		const char *field = field_of(f.name);

		if (!field)
			continue;
		all->from += !strcmp(field, "From");
		all->sender |= !strcmp(field, "Sender");
		all->redirections += !strcmp(field, "Resent-From");
		if (all->from > 1)
			return malformed(why, field, "stands there more than once (RFC 5322 3.6)");
		if (str_starts(str_of(field), "Resent-") && all->redirections > 1)
			continue; /* an older one, of somebody else */
		if (take(s, field, f.body, all, why) < 0)
			return -1;
	}
	if (all->mailboxes > 1 && !all->sender)
		return malformed(why, "From", "names several authors: one of them has to stand in Sender (RFC 5322 3.6.2)");
	return 0;
}

/* The results of all of them: 0, or -1 if nobody knows. */
static int ask(struct session *s, const struct authors *all, enum auth_result *result, struct dsn *why)
{
	struct str address[AUTH_SENDERS_MAX];
	struct room *room = s->room;
	int link = room->authd, r;
	size_t i;

	for (i = 0; i < all->n; i++)
		address[i] = all->v[i].address;
	r = auth_senders(link, s->who.user, address, all->n, result, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_senders(room->authd, s->who.user, address, all->n, result, deadline_in(AUTHD_WAIT_MS));
	if (!r)
		return 0;
	dsn_set(why, 451, "4.3.0", "The author cannot be checked at the moment, try again later");
	dsn_log(why, "authd: %s", err_text(r));
	return -1;
}

static int refuse(struct session *s, const struct authors *all, size_t i, bool outside, struct dsn *why)
{
	struct str address = all->v[i].address;
	const char *hint = outside ? "write as one of its own" : "write as one of its own, or have its owner allow it (send-as)";

	if (all->redirections)
		hint = "forward the message instead of redirecting it";
	dsn_set(why, 550, "5.7.1", "%s: <%.*s> is not an address of the account %.*s: %s", all->v[i].field,
		STRF(str_sub(address, 0, SHOWN)), STRF(str_sub(s->who.user, 0, SHOWN)), hint);
	s->about = "author";
	s->about_whom = address;
	return -1;
}

int policy_author(struct session *s, struct dsn *why)
{
	int64_t mode = s->room->conf->smtp_header_from;
	enum auth_result result[AUTH_SENDERS_MAX];
	struct authors all = { .n = 0 };
	bool unknown = false;
	size_t i;

	if (!s->authenticated || s->local || mode == CONF_HEADER_FROM_ANY)
		return 0;
	if (read_authors(s, &all, why) < 0 || (all.n > 0 && ask(s, &all, result, why) < 0))
		return -1;
	for (i = 0; i < all.n; i++) {
		bool outside = result[i] == AUTH_NODOMAIN;

		if (result[i] == AUTH_TEMP)
			unknown = true;
		else if (result[i] != AUTH_OK && !(outside && mode == CONF_HEADER_FROM_OUTSIDE))
			return refuse(s, &all, i, outside, why);
	}
	if (unknown)
		dsn_set(why, 451, "4.3.0", "The author cannot be checked at the moment, try again later");
	return unknown ? -1 : 0;
}
