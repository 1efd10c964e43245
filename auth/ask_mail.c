/* SPDX-License-Identifier: ISC
 *
 * ask_mail.c: what becomes of mail to an address, and who may send with one: questions to authd (auth.h).
 */
#include "auth/auth_private.h"

/* Targets come as four repeated fields, one of each per target. */
static int rcpt_parse(const struct ipc_msg *m, struct arena *a, struct auth_rcpt *out)
{
	struct auth_rcpt v = { 0 };
	uint64_t n, no, i;

	if (auth_result_parse(m, &v.result) < 0)
		return E_PEER;
	if (auth_number(m, "targets", &n) < 0 || auth_number(m, "outsiders", &no) < 0 ||
	    n > AUTH_TARGETS_MAX || no > AUTH_TARGETS_MAX)
		return E_PEER;
	v.target = arena_array(a, (size_t)n, sizeof(*v.target));
	v.outside = arena_array(a, (size_t)no, sizeof(*v.outside));
	for (i = 0; i < n; i++) {
		struct auth_target *t = &v.target[i];

		t->account = arena_str(a, ipc_get_nth(m, "target", i));
		t->detail = arena_str(a, ipc_get_nth(m, "detail", i));
		if (t->account.n == 0 ||
		    str_u64(ipc_get_nth(m, "quota_bytes", i), UINT64_MAX, &t->quota_bytes) < 0 ||
		    str_u64(ipc_get_nth(m, "quota_messages", i), UINT64_MAX, &t->quota_messages) < 0)
			return E_PEER;
	}
	for (i = 0; i < no; i++) {
		v.outside[i] = arena_str(a, ipc_get_nth(m, "outside", i));
		if (v.outside[i].n == 0)
			return E_PEER;
	}
	v.moved = arena_str(a, ipc_get(m, "moved"));
	v.ntargets = (size_t)n;
	v.noutside = (size_t)no;
	*out = v;
	return 0;
}

/* wish: "own", "key", or NULL. */
static int ask_rcpt(int link, struct str address, const char *wish, struct arena *a, struct auth_rcpt *out, int *key_out, deadline d)
{
	struct ipc_msg q, m;
	int r;

	ipc_init(&q, "rcpt");
	ipc_set(&q, "address", address);
	if (wish)
		ipc_set_bool(&q, wish, true);
	r = auth_ask(link, &q, &m, NULL, d);
	if (r == 0)
		r = rcpt_parse(&m, a, out);
	if (r == 0 && key_out)
		*key_out = out->ntargets == 1 ? ipc_take_fd(&m, "key.0") : -1;
	ipc_done(&m);
	return r;
}

int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	return ask_rcpt(link, address, NULL, a, out, NULL, d);
}

int auth_rcpt_own(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d)
{
	return ask_rcpt(link, address, "own", a, out, NULL, d);
}

int auth_rcpt_key(int link, struct str address, struct arena *a, struct auth_rcpt *out, int *key_out,
	deadline d)
{
	return ask_rcpt(link, address, "key", a, out, key_out, d);
}

int auth_rcpt_send(int link, struct str address, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "rcpt");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, "address", address);
	r = ipc_try_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_rcpt_answer(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_rcpt *out)
{
	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, id_out) < 0)
		return E_PEER;
	return rcpt_parse(m, a, out);
}

/* --- mail that comes in --------------------------------------------------------------- */

int auth_access_parse(const struct ipc_msg *m, const char *field, enum auth_access *out)
{
	static const char *const words[] = { [AUTH_ACCESS_REJECT] = "reject", [AUTH_ACCESS_HOLD] = "hold",
		[AUTH_ACCESS_ALLOW] = "allow", [AUTH_ACCESS_RELAY] = "relay" };
	struct str given = ipc_get(m, field);
	size_t i;

	if (!given.p) {
		*out = AUTH_ACCESS_NONE;
		return 0;
	}
	for (i = AUTH_ACCESS_REJECT; i < ARRAY_LEN(words); i++)
		if (str_eqc(given, words[i])) {
			*out = (enum auth_access)i;
			return 0;
		}
	return E_PEER;
}

static int srs_parse(const struct ipc_msg *m, enum auth_srs *out)
{
	static const char *const words[] = { [AUTH_SRS_GOOD] = "good", [AUTH_SRS_BAD] = "bad", [AUTH_SRS_EXPIRED] = "expired" };
	struct str given = ipc_get(m, "srs");
	size_t i;

	*out = AUTH_SRS_NONE;
	for (i = AUTH_SRS_GOOD; given.p && i < ARRAY_LEN(words); i++)
		if (str_eqc(given, words[i]))
			*out = (enum auth_srs)i;
	if (given.p && *out == AUTH_SRS_NONE)
		return E_PEER;
	if (ipc_get_bool(m, "srs_limit"))
		*out = AUTH_SRS_LIMIT;
	return 0;
}

static int arrival_parse(const struct ipc_msg *m, struct str address, struct arena *a, struct auth_arrival *out)
{
	struct str rewritten = ipc_get(m, "rewritten");
	bool first = ipc_get(m, "access_first").p != NULL;
	struct auth_arrival v = { .address = address };

	if (rcpt_parse(m, a, &v.rcpt) < 0 || auth_access_parse(m, first ? "access_first" : "access", &v.access) < 0 ||
		srs_parse(m, &v.srs) < 0)
		return E_PEER;
	/* a rule about a recipient makes nobody a relay */
	if (v.access == AUTH_ACCESS_RELAY && !first)
		return E_PEER;
	v.text = arena_str(a, ipc_get(m, first ? "text_first" : "text"));
	if (rewritten.p)
		v.address = arena_str(a, rewritten);
	*out = v;
	return 0;
}

int auth_arrivals(int link, const struct str *address, size_t n, struct str sender, struct str client, struct arena *a,
	struct auth_arrival *out, size_t *n_out, deadline d)
{
	struct ipc_msg q[AUTH_ARRIVALS_MAX], m[AUTH_ARRIVALS_MAX];
	size_t i, got = 0;
	int r;

	BUG_ON(n > AUTH_ARRIVALS_MAX);
	for (i = 0; i < n; i++) {
		ipc_init(&q[i], "arrival");
		ipc_set(&q[i], "address", address[i]);
		ipc_set(&q[i], "sender", sender);
		ipc_set(&q[i], "client", client);
	}
	r = ipc_call_all(link, q, n, m, d);
	for (i = 0; i < n; i++) {
		if (got == i && m[i].verb.n && ipc_is(&m[i], "answer") && arrival_parse(&m[i], address[i], a, &out[i]) == 0)
			got++;
		ipc_done(&m[i]);
		ipc_done(&q[i]);
	}
	*n_out = got;
	return got ? 0 : r ? r : E_PEER;
}

/* --- senders -------------------------------------------------------------------------- */

int auth_forward_sender(int link, struct str sender, struct str domain, struct arena *a, struct str *out, bool *ours_out,
	deadline d)
{
	struct ipc_msg q, m;
	int r;

	ipc_init(&q, "srs");
	ipc_set(&q, "sender", sender);
	ipc_set(&q, "domain", domain);
	r = auth_ask_ok(link, &q, &m, d);
	if (r == 0) {
		*out = arena_str(a, ipc_get(&m, "address"));
		*ours_out = ipc_get_bool(&m, "ours");
	}
	ipc_done(&m);
	return r;
}

int auth_sender(int link, struct str user, struct str address, struct arena *a,
	enum auth_result *out, struct str *rewritten_out, deadline d)
{
	struct ipc_msg q, m;
	int r;

	ipc_init(&q, "sender");
	ipc_set(&q, "user", user);
	ipc_set(&q, "address", address);
	r = auth_ask(link, &q, &m, out, d);
	if (r == 0)
		*rewritten_out = arena_str(a, ipc_get(&m, "rewritten"));
	ipc_done(&m);
	return r;
}

int auth_senders(int link, struct str user, const struct str *address, size_t n, enum auth_result *out, deadline d)
{
	struct ipc_msg q[AUTH_SENDERS_MAX], m[AUTH_SENDERS_MAX];
	size_t i;
	int r;

	BUG_ON(n > AUTH_SENDERS_MAX);
	for (i = 0; i < n; i++) {
		ipc_init(&q[i], "sender");
		ipc_set(&q[i], "user", user);
		ipc_set(&q[i], "address", address[i]);
	}
	r = ipc_call_all(link, q, n, m, d);
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = ipc_is(&m[i], "answer") ? auth_result_parse(&m[i], &out[i]) : E_PEER;
		ipc_done(&m[i]);
		ipc_done(&q[i]);
	}
	return r;
}
