/* SPDX-License-Identifier: ISC
 *
 * verbs_login.c: mansio login list|end: who is logged in at the admin page; and the same
 * logins as rows of `session list|kick`, beside those of the fronts. They are answered by
 * authd's main process, which alone knows (logins.h).
 */
#include <sysexits.h>

#include "auth/gate.h"
#include "auth/guard.h"
#include "auth/resolve.h"
#include "base/clock.h"
#include "mail/address.h"

/* No scope: all; else the address itself or its domain. */
static bool in_scope(const struct ipc_msg *m, const char *user)
{
	struct str name = str_of(user), scope;
	ssize_t at = str_rfind(name, '@');
	size_t i;

	for (i = 0; (scope = ipc_get_nth(m, "scope", i)).p; i++)
		if (str_eq(scope, name) || (at >= 0 && str_eq(scope, str_from(name, (size_t)at + 1))))
			return true;
	return i == 0;
}

static void send_row(struct client *out, const struct login *k)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "id", k->id);
	ipc_setc(&m, "user", k->user);
	ipc_setc(&m, "peer", k->peer);
	ipc_set_u64(&m, "since", (uint64_t)k->since);
	ipc_set_u64(&m, "last", (uint64_t)k->last);
	ipc_setc(&m, "agent", k->agent);
	client_send(out, &m);
}

static bool chosen(const struct ipc_msg *m, const struct login *k, struct str user)
{
	struct str id = ipc_get(m, "id");

	return in_scope(m, k->user) && (!id.p || str_eqc(id, k->id)) && (!user.p || str_eqc(user, k->user));
}

/* As the fronts' rows (front/sessions.c). here: it is the login that asks. */
static void send_session(struct client *out, const struct login *k, bool here)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "id", k->id);
	ipc_setc(&m, "service", "web");
	ipc_setc(&m, "peer", k->peer);
	ipc_setc(&m, "user", k->user);
	ipc_setc(&m, "tls", "");
	ipc_setc(&m, "state", here ? "this page" : "page");
	ipc_set_u64(&m, "seconds", (uint64_t)MAX(clock_unix() - k->since, 0));
	ipc_setc(&m, "device", k->agent);
	client_send(out, &m);
}

/* Kick: by id or user, as at the fronts; the login of who asks by the page is spared unless it is named. mail=yes
 * (control.c): those of the page stay. */
static bool kicked(const struct ipc_msg *m, const struct login *k)
{
	struct str id = ipc_get(m, "id"), user;
	size_t i;

	for (i = 0; !str_eqc(ipc_get(m, "mail"), "yes") && (user = ipc_get_nth(m, "user", i)).p; i++)
		if (address_is(user, str_of(k->user)) && !str_eqc(ipc_get(m, "asker_login"), k->id))
			return true;
	return id.n > 0 && str_eqc(id, k->id);
}

/* What sleeps, or is on its way to a room, does not come back either. */
static void forget_kicked(const struct ipc_msg *m)
{
	struct str user;
	char name[512];
	size_t i;

	for (i = 0; (user = ipc_get_nth(m, "user", i)).p; i++) {
		snprintf(name, sizeof(name), "%.*s", STRF(user));
		if (user.n == 0 || !in_scope(m, name))
			continue;
		renewal_forget_user(authd.renewals, user);
		tickets_forget_user(authd.tickets, user);
	}
}

static void sessions(const struct ipc_msg *m, int reply, bool kick)
{
	struct client *out = client_new("reply", 0, reply);
	struct login *k, *next;

	client_hold(out);
	logins_sweep(authd.logins, clock_mono_ms());
	for (k = logins_first(authd.logins); k; k = next) {
		next = logins_next(k);
		if (!in_scope(m, k->user) || (kick && !kicked(m, k)))
			continue;
		send_session(out, k, str_eqc(ipc_get(m, "asker_login"), k->id));
		if (kick)
			login_end(authd.logins, k);
	}
	if (kick)
		forget_kicked(m);
	gate_end(out);
}

bool gate_own_verb(const struct ipc_msg *m, int reply)
{
	bool end = str_eqc(ipc_get(m, "verb"), "login end");
	struct str user = STR_NONE, local, domain;
	struct login *k, *next;
	struct client *out;
	struct arena a;

	if (guard_verb(m, reply))
		return true;
	if (str_eqc(ipc_get(m, "verb"), "session list") || str_eqc(ipc_get(m, "verb"), "session kick")) {
		if (reply >= 0)
			sessions(m, reply, str_eqc(ipc_get(m, "verb"), "session kick"));
		return true;
	}
	if (!end && !str_eqc(ipc_get(m, "verb"), "login list"))
		return false;
	if (reply < 0)
		return true;
	arena_init(&a);
	if (ipc_get(m, "user").p)
		user = address_read(ipc_get(m, "user"), &a, &local, &domain) < 0 ? STR("") :
			address_name(local, domain, &a);
	out = client_new("reply", 0, reply);
	client_hold(out);
	logins_sweep(authd.logins, clock_mono_ms());
	for (k = logins_first(authd.logins); k; k = next) {
		next = logins_next(k);
		if (!chosen(m, k, user))
			continue;
		send_row(out, k);
		if (end)
			login_end(authd.logins, k);
	}
	gate_end(out);
	arena_done(&a);
	return true;
}
