/* SPDX-License-Identifier: ISC
 *
 * verbs_login.c: mansio login list|end: who is logged in at the admin page. They are
 * answered by authd's main process, which alone knows (logins.h).
 */
#include <sysexits.h>

#include "auth/gate.h"
#include "auth/guard.h"
#include "auth/resolve.h"
#include "base/clock.h"

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

bool gate_own_verb(const struct ipc_msg *m, int reply)
{
	bool end = str_eqc(ipc_get(m, "verb"), "login end");
	struct str user = STR_NONE, local, domain;
	struct login *k, *next;
	struct client *out;
	struct arena a;

	if (guard_verb(m, reply))
		return true;
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
