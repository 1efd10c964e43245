/* SPDX-License-Identifier: ISC
 *
 * before.c: POP before SMTP ([auth] pop_before_smtp, off as shipped): a client of submission that sends MAIL without
 * AUTH may be known by a login to POP3 or IMAP that came from its very address not long ago (popbefore.h). The fronts
 * ask by `before` (auth.h).
 *
 * An address proves little, so: submission alone, never port 25; only as one of the accounts that logged in from there,
 * and only if exactly one of them may send as the sender that MAIL names; not from a network that is banned, nor from
 * one of [ban] never, where many people have one address (webmail, proxies); what is told by an app password counts
 * only if that is good for submission. It ends with another password, suspension or removal (control.c), and is
 * otherwise a login like others: a ticket, and an event `login`. A refusal is no guess of a password.
 */
#include "auth/authd.h"
#include "auth/guard.h"
#include "auth/popbefore.h"
#include "base/clock.h"
#include "trace/trace.h"

#define MECH "POP-BEFORE-SMTP"

struct before {
	struct client *c;
	uint64_t id;
	struct arena a;
	struct str service, session, sender;
	struct addr peer;
	bool tls;
	struct str user[POPBEFORE_USERS];
	size_t n, waiting;
	struct part {
		struct before *b;
		size_t index;
	} part[POPBEFORE_USERS];
	size_t good, which; /* how many may send so; the last of them */
	bool down;
};

static struct popbefore *known;

static bool on(void)
{
	return authd.program.conf->auth_pop_before_smtp > 0;
}

void before_login(const struct addr *peer, struct str user)
{
	if (!known)
		known = popbefore_new((size_t)authd.program.conf->auth_pop_before_smtp_addresses);
	if (on())
		popbefore_login(known, peer, user, clock_mono_ms());
}

void before_forget(struct str user)
{
	if (known)
		popbefore_forget(known, user);
}

void before_sweep(void)
{
	if (!known)
		return;
	popbefore_limit(known, (size_t)authd.program.conf->auth_pop_before_smtp_addresses);
	popbefore_sweep(known, clock_mono_ms(), authd.program.conf->auth_pop_before_smtp);
}

static void log_login(const struct before *b, struct str user)
{
	char peer[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_INFO, "login");
	trace_str(&t, "s", b->session);
	trace_str(&t, "user", user);
	trace_str(&t, "service", b->service);
	trace_s(&t, "mech", MECH);
	trace_s(&t, "peer", addr_text(&b->peer, peer));
	trace_s(&t, "tls", b->tls ? "yes" : "no");
	trace_end(&t);
}

/* Answers, and is gone. */
static void answer(struct before *b)
{
	bool good = b->good == 1 && !b->down;
	char ticket[TICKET_LEN + 1];
	struct client *c = b->c;
	struct ipc_msg m;

	ipc_init(&m, "sasl");
	ipc_set_u64(&m, "id", b->id);
	ipc_setc(&m, "result", good ? "ok" : b->down ? "unavailable" : "fail");
	if (good) {
		log_login(b, b->user[b->which]);
		ticket_issue(authd.tickets, b->user[b->which], b->service, clock_mono_ms(), authd.program.conf->auth_renew_time, ticket);
		ipc_set(&m, "user", b->user[b->which]);
		ipc_setc(&m, "ticket", ticket);
		explicit_bzero(ticket, sizeof(ticket));
	}
	client_send(c, &m);
	arena_done(&b->a);
	free(b);
	c->questions--;
	client_release(c);
}

static void part_done(struct before *b)
{
	struct str now[POPBEFORE_USERS];
	size_t i, n;

	if (--b->waiting > 0)
		return;
	/* meanwhile it may have been suspended */
	n = popbefore_users(known, &b->peer, clock_mono_ms(), authd.program.conf->auth_pop_before_smtp, now);
	for (i = 0; i < n && b->good == 1 && !str_eq(now[i], b->user[b->which]); i++)
		;
	if (i == n)
		b->good = 0;
	answer(b);
}

static void may_send(void *arg, const struct ipc_msg *found)
{
	struct part *part = arg;
	struct before *b = part->b;

	if (!found || str_eqc(ipc_get(found, "result"), "temp")) {
		b->down = true;
	} else if (str_eqc(ipc_get(found, "result"), "ok")) {
		b->good++;
		b->which = part->index;
	}
	part_done(b);
}

/* Is there somebody to ask about, and may the network? */
static void candidates(struct before *b)
{
	enum ban_answer asked;

	if (!on() || !known || b->sender.n == 0)
		return;
	b->n = popbefore_users(known, &b->peer, clock_mono_ms(), authd.program.conf->auth_pop_before_smtp, b->user);
	if (b->n == 0)
		return;
	/* as a stranger: no good login of anybody opens a network that is banned */
	asked = guard_ask(STR(""), &b->peer, b->service);
	if (asked == BAN_PASS)
		guard_undecided(&b->peer, asked);
	else
		b->n = 0;
}

bool before_ask(struct client *c, const struct ipc_msg *m)
{
	struct before *b = mem_alloc(1, sizeof(*b));
	struct str service = ipc_get(m, "service");
	size_t i;

	arena_init(&b->a);
	if (ipc_get_u64(m, "id", UINT64_MAX, &b->id) < 0 || !str_starts(service, "submission") || addr_parse(ipc_get(m, "peer"), &b->peer) < 0 ||
		ipc_get(m, "session").n > RENEWAL_SESSION) {
		arena_done(&b->a);
		free(b);
		return false;
	}
	b->c = c;
	client_hold(c);
	c->questions++;
	b->service = arena_str(&b->a, service);
	b->session = arena_str(&b->a, ipc_get(m, "session"));
	b->sender = arena_str(&b->a, ipc_get(m, "sender"));
	b->tls = ipc_get_bool(m, "tls");
	if (c->questions <= (size_t)authd.program.conf->auth_exchanges)
		candidates(b);
	for (i = 0; i < b->n; i++)
		b->user[i] = arena_str(&b->a, b->user[i]);
	b->waiting = b->n + 1; /* and this function itself */
	for (i = 0; i < b->n; i++) {
		b->part[i] = (struct part){ b, i };
		lookup("sender", b->user[i], b->sender, may_send, &b->part[i]);
	}
	if (b->n == 0)
		answer(b);
	else
		part_done(b);
	return true;
}
