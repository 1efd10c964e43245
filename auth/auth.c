/* SPDX-License-Identifier: ISC
 *
 * auth.c: the client half of auth.h: how a program asks authd, and logins. It holds no state: a question is built, sent on
 * the link, and the answer with the same id is parsed into a value. Questions about mail are in ask_mail.c, about the way
 * that it leaves in ask_route.c, about mailboxes in ask_mailbox.c.
 *
 * An answer is checked like any peer's message: a result word that is not in the table, a number that is none, or a missing
 * key descriptor is E_PEER, and then nothing is handed out.
 */
#include "auth/auth_private.h"

static const char *const words[] = { [AUTH_OK] = "ok", [AUTH_UNKNOWN] = "unknown", [AUTH_NODOMAIN] = "nodomain",
	[AUTH_INACTIVE] = "inactive", [AUTH_DENIED] = "denied", [AUTH_TEMP] = "temp" };

const char *auth_result_word(enum auth_result r)
{
	return words[r];
}

int auth_result_parse(const struct ipc_msg *m, enum auth_result *out)
{
	struct str word = ipc_get(m, "result");
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (str_eqc(word, words[i])) {
			*out = (enum auth_result)i;
			return 0;
		}
	return E_PEER;
}

int auth_number(const struct ipc_msg *m, const char *name, uint64_t *out)
{
	uint64_t v = 0;
	int r = ipc_get_u64(m, name, UINT64_MAX, &v);

	if (r < 0 && r != E_NOTFOUND)
		return E_PEER;
	*out = r < 0 ? 0 : v;
	return 0;
}

int auth_ask(int link, struct ipc_msg *q, struct ipc_msg *answer, enum auth_result *out, deadline d)
{
	int r;

	*answer = (struct ipc_msg){ 0 };
	r = ipc_call(link, q, answer, d);
	ipc_done(q);
	if (r == 0 && !ipc_is(answer, "answer"))
		r = E_PEER;
	return r == 0 && out ? auth_result_parse(answer, out) : r;
}

int auth_ask_ok(int link, struct ipc_msg *q, struct ipc_msg *answer, deadline d)
{
	enum auth_result result;
	int r = auth_ask(link, q, answer, &result, d);

	return r == 0 && result != AUTH_OK ? E_TEMP : r;
}

/* --- logins ------------------------------------------------------------------------- */

int auth_redeem_send(int link, struct str ticket, struct str service, struct str session, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "redeem");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, "ticket", ticket);
	ipc_set(&q, "service", service);
	ipc_set(&q, "session", session);
	r = ipc_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_identity_parse(struct ipc_msg *m, struct arena *a, uint64_t *id_out,
	struct auth_identity *out)
{
	struct auth_identity id = { .key = -1 };
	uint64_t n;

	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, &n) < 0)
		return E_PEER;
	if (auth_result_parse(m, &id.result) < 0)
		return E_PEER;
	if (auth_number(m, "account", &id.account) < 0 || auth_number(m, "quota_bytes", &id.quota_bytes) < 0 ||
	    auth_number(m, "quota_messages", &id.quota_messages) < 0)
		return E_PEER;
	if (id.result == AUTH_OK && ipc_get(m, "user").n == 0)
		return E_PEER;
	id.user = arena_str(a, ipc_get(m, "user"));
	id.name = arena_str(a, ipc_get(m, "name"));
	id.roles = arena_str(a, ipc_get(m, "roles"));
	id.renew = arena_str(a, ipc_get(m, "renew"));
	if (id.result == AUTH_OK)
		id.key = ipc_take_fd(m, "key");
	*id_out = n;
	*out = id;
	return 0;
}

int auth_redeem(int link, struct str ticket, struct str service, struct arena *a,
	struct auth_identity *out, deadline d)
{
	struct ipc_msg q, m;
	uint64_t id;
	int r;

	ipc_init(&q, "redeem");
	ipc_set(&q, "ticket", ticket);
	ipc_set(&q, "service", service);
	r = auth_ask(link, &q, &m, NULL, d);
	if (r == 0)
		r = auth_identity_parse(&m, a, &id, out);
	ipc_done(&m);
	return r;
}
