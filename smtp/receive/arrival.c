/* SPDX-License-Identifier: ISC
 *
 * arrival.c: what authd says of a recipient. Recipients that the client says in one go (RFC 2920) are one question:
 *
 *     RCPT 1 <- read now      \
 *     RCPT 2                   > waits in the stream: looked at, not taken
 *     RCPT 3                  /
 *
 * Each is then judged when its turn comes, from the answer that is already here: if that is not too old, and not used
 * yet. To the sender <> each is asked about alone, for an answer may count a report (auth/bounce.h).
 */
#include "smtp/receive/session.h"

#define GOOD_MS 1000 /* between RCPT and RCPT lmtpd is asked, and may be slow */

/* As auth_arrivals wants it: the fingerprints, then the address. */
static struct str client(struct session *s)
{
	char text[ADDR_TEXT];
	const char *peer = s->h.peer.family ? addr_text(&s->h.peer, text) : "";

	if (!s->h.client_cert.n)
		return str_of(arena_fmt(&s->cmd, "%s", peer));
	return str_of(arena_fmt(&s->cmd, "%.*s %.*s %s", STRF(s->h.client_cert), STRF(s->h.client_key), peer));
}

/* Up to n recipients that wait in the stream, one behind the other. */
static size_t behind(struct session *s, struct str *address, size_t n)
{
	struct str rest = stream_view(&s->io), line, args;
	struct smtp_path_command c;
	size_t i;

	for (i = 0; i < n && str_find(rest, '\n') > 0; i++) {
		line = str_cut(&rest, '\n');
		line.n--; /* the CR; what has none, is no address */
		if (smtp_verb(line, &args) != SMTP_RCPT || smtp_parse_rcpt(args, true, &s->cmd, &c))
			break;
		address[i] = address_text(&s->tx.ahead.a, &c.addr);
	}
	return i;
}

/* How many may be asked about ahead: a client that guesses is not helped beyond its last error. */
static size_t most_behind(const struct session *s)
{
	uint64_t errors = (uint64_t)s->room->conf->limit_errors, recipients = (uint64_t)s->room->conf->smtp_recipients;

	if (!s->tx.sender.n || s->errors >= errors || s->tx.nrcpt >= recipients)
		return 0;
	return MIN(AUTH_ARRIVALS_MAX, MIN(errors - s->errors, recipients - s->tx.nrcpt)) - 1;
}

/* The answer to that address, taken out; false: it is not here. */
static bool take(struct ahead *ahead, struct str address, struct auth_arrival *out)
{
	size_t i;

	if (deadline_passed(ahead->until))
		return false;
	for (i = 0; i < ahead->n; i++) {
		if (!str_eq(ahead->address[i], address))
			continue;
		*out = ahead->arrival[i];
		ahead->address[i] = STR_NONE;
		return true;
	}
	return false;
}

int arrival_ask(struct session *s, struct str address, struct auth_arrival *out)
{
	struct ahead *ahead = &s->tx.ahead;
	struct room *room = s->room;
	struct str sender = s->tx.sender, who = s->authenticated ? STR("") : client(s);
	int link = room->authd, r;
	size_t n;

	if (take(ahead, address, out))
		return 0;
	arena_reset(&ahead->a);
	ahead->n = 0;
	ahead->address[0] = arena_str(&ahead->a, address);
	n = 1 + behind(s, &ahead->address[1], most_behind(s));
	r = auth_arrivals(link, ahead->address, n, sender, who, &ahead->a, ahead->arrival, &ahead->n, deadline_in(AUTHD_WAIT_MS));
	if (r && room_relink(room, &room->authd, link))
		r = auth_arrivals(room->authd, ahead->address, n, sender, who, &ahead->a, ahead->arrival, &ahead->n,
			deadline_in(AUTHD_WAIT_MS));
	ahead->until = deadline_in(GOOD_MS);
	if (!r)
		take(ahead, ahead->address[0], out);
	return r;
}
