/* SPDX-License-Identifier: ISC
 *
 * policy_rcpt.c: do we take mail for this address, and which way does it go?
 *
 *   ends in mailboxes of ours           STRAIGHT (by lmtpd, while the client waits)
 *   an alias that leads outside         STRAIGHT too: lmtpd forwards by way of the queue
 *   another domain                      OUTSIDE, from those who are logged in, from [smtp] relay_networks
 *                                       and relay_certificates, from clients whom a rule of access lets
 *                                       relay, and nobody else
 *   an address of a domain that we are     OUTSIDE, from everybody: its own servers know it
 *   backup for
 *   the sender of a forward of ours     a report to it goes to whom it stands for (auth/srs.h), from everybody;
 *   (SRS0=...)                          nothing else does, however good the address is
 *   [send] hold_all, a rule `hold`      QUEUE instead of STRAIGHT: it is held there
 *
 * The address is looked up after the rules of rewriting; the rules of access see it as it
 * came (auth/rules.h). Rules about clients count for those who are not logged in.
 *
 * What leaves this server needs a way out ([send] smarthost, or hold_all): without
 * one it is refused here, in the session, not bounced later; and so is mail to an address that is on the
 * queue's suppression list. If queued does not say so in time it is accepted, and ends there with a report.
 */
#include "smtp/receive/session.h"

#include "net/suppressed.h"

#define WORDS_MAX 300 /* of the list, in a reply */

/* <postmaster> without a domain must be taken (RFC 5321 4.5.1): the one of this
 * host's name, or of the nearest domain above it that is ours. */
static int ask_postmaster(struct session *s, struct str *address, struct auth_arrival *out)
{
	struct str domain = str_of(s->room->hostname);
	ssize_t dot;
	int r;

	for (;;) {
		*address = str_of(arena_fmt(&s->cmd, "postmaster@%.*s", STRF(domain)));
		r = arrival_ask(s, *address, out);
		dot = str_find(domain, '.');
		if (r || out->rcpt.result != AUTH_NODOMAIN || dot < 0)
			return r;
		domain = str_from(domain, (size_t)dot + 1);
	}
}

static bool way_out(const struct session *s)
{
	const struct conf *c = s->room->conf;

	return c->send_smarthost.n || c->send_direct || c->send_hold_all;
}

static void refuse(struct session *s, struct str address, const struct auth_rcpt *rcpt,
	struct dsn *why)
{
	switch (rcpt->result) {
	case AUTH_NODOMAIN:
		if (policy_trusted(s))
			dsn_set(why, 550, "5.7.1", "<%.*s>: this server sends no mail to other domains, "
				"neither [send] direct nor smarthost is set", STRF(address));
		else
			dsn_set(why, 550, "5.7.1", "<%.*s>: relaying denied, this is not a domain of this server",
				STRF(address));
		if (s->h.client_cert.n && !policy_trusted(s))
			dsn_log(why, "its certificate sha256:%.*s may not relay", STRF(s->h.client_cert));
		break;
	case AUTH_OK:
	case AUTH_INACTIVE:
		if (rcpt->noutside) {
			dsn_set(why, 550, "5.7.1", "<%.*s>: this server forwards no mail to other domains, "
				"neither [send] direct nor smarthost is set", STRF(address));
			break;
		}
		/* fall through */
	case AUTH_UNKNOWN:
	case AUTH_DENIED:
		if (rcpt->moved.n) /* RFC 3463 3.2 */
			dsn_set(why, 550, "5.1.6", "<%.*s>: %.*s", STRF(address), STRF(rcpt->moved));
		else
			dsn_set(why, 550, "5.1.1", "<%.*s>: no such mailbox here", STRF(address));
		break;
	case AUTH_TEMP:
		dsn_set(why, 451, "4.3.0", "<%.*s>: cannot be looked up at the moment, try again later",
			STRF(address));
		break;
	}
}

static bool accepts(const struct session *s, const struct auth_arrival *v)
{
	const struct auth_rcpt *rcpt = &v->rcpt;

	if (rcpt->result == AUTH_NODOMAIN)
		return (policy_trusted(s) || v->srs == AUTH_SRS_GOOD) && way_out(s);
	if (rcpt->result != AUTH_OK && rcpt->result != AUTH_INACTIVE)
		return false;
	return rcpt->noutside ? way_out(s) : rcpt->ntargets > 0;
}

bool policy_report(const struct session *s)
{
	return policy_trusted(s) && s->tx.sender.n > 0;
}

/* An address of ours that leads to itself, outside: of a domain that we are backup for. */
static bool goes_on(const struct auth_arrival *v)
{
	return v->rcpt.ntargets == 0 && v->rcpt.noutside == 1 && str_ieq(v->rcpt.outside[0], v->address);
}

/* What the rules of access say. -1: refused. */
static int ruled(struct session *s, struct str address, const struct auth_arrival *v, struct dsn *why)
{
	switch (v->access) {
	case AUTH_ACCESS_REJECT:
		dsn_set(why, 550, "5.7.1", "<%.*s>: %.*s", STRF(address),
			STRF(v->text.n ? v->text : STR("refused by a rule of this server")));
		return -1;
	case AUTH_ACCESS_HOLD:
		s->tx.hold = true;
		break;
	case AUTH_ACCESS_RELAY:
		s->tx.relay = true;
		break;
	case AUTH_ACCESS_ALLOW:
	case AUTH_ACCESS_NONE:
		break;
	}
	return 0;
}

/* Is it the sender of a forward, and may this come to it? -1: refused. */
static int came_back(const struct session *s, struct str address, const struct auth_arrival *v, struct dsn *why)
{
	bool report = v->srs == AUTH_SRS_GOOD || v->srs == AUTH_SRS_LIMIT;

	if (v->srs == AUTH_SRS_BAD)
		dsn_set(why, 550, "5.1.1", "<%.*s>: this server did not make that address (SRS: its hash is wrong)", STRF(address));
	else if (v->srs == AUTH_SRS_EXPIRED)
		dsn_set(why, 550, "5.1.1", "<%.*s>: the time for reports to that address is over (SRS: expired)", STRF(address));
	else if (report && s->tx.sender.n)
		dsn_set(why, 550, "5.7.1", "<%.*s>: only reports go to the sender of a forward, with the sender <>", STRF(address));
	else if (v->srs == AUTH_SRS_LIMIT)
		dsn_set(why, 450, "4.7.1", "<%.*s>: too many reports for that sender, try again later", STRF(address));
	else
		return 0;
	return -1;
}

bool policy_suppressed(struct session *s, struct str address, struct dsn *why)
{
	struct room *room = s->room;
	deadline d = deadline_in(room->conf->smtp_queue_timeout);
	struct str status, words;
	int link = room->queued, r;

	if (s->tx.unasked || (room->suppressed && !suppressfilter_may(room->suppressed, address)))
		return false;
	r = suppressed_ask(link, address, s->tx.sender, &s->cmd, &status, &words, &room->suppressed, d);
	if (r == E_CLOSED && room_relink(room, &room->queued, link))
		r = suppressed_ask(room->queued, address, s->tx.sender, &s->cmd, &status, &words, &room->suppressed, d);
	s->tx.unasked = r < 0;
	if (r > 0)
		dsn_set(why, 550, arena_cstr(&s->cmd, status), "<%.*s>: " SUPPRESSED_WORD "%.*s", STRF(address),
			STRF(str_sub(words, 0, WORDS_MAX)));
	return r > 0;
}

int policy_rcpt(struct session *s, struct str *address, enum route *route_out, struct dsn *why)
{
	struct auth_arrival v = { .rcpt.result = AUTH_TEMP };
	int r;

	if (str_eqc(*address, "postmaster"))
		r = ask_postmaster(s, address, &v);
	else
		r = arrival_ask(s, *address, &v);
	if (r)
		v = (struct auth_arrival){ .rcpt.result = AUTH_TEMP };
	else if (v.rcpt.result != AUTH_TEMP && (ruled(s, *address, &v, why) || came_back(s, *address, &v, why)))
		return -1;
	if (!accepts(s, &v)) {
		refuse(s, *address, &v.rcpt, why);
		if (r)
			dsn_log(why, "authd: %s", err_text(r));
		return -1;
	}
	*address = v.address;
	*route_out = v.rcpt.result == AUTH_NODOMAIN || goes_on(&v) ? ROUTE_OUTSIDE :
		s->room->conf->send_hold_all || s->tx.hold ? ROUTE_QUEUE : ROUTE_STRAIGHT;
	return 0;
}
