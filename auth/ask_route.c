/* SPDX-License-Identifier: ISC
 *
 * ask_route.c: which way mail to a domain leaves, and which ways mail from one does: questions to authd (auth.h).
 */
#include "auth/auth_private.h"

static int route_ask(int link, const char *what, struct str to, const char *who, struct str from, uint64_t id)
{
	struct ipc_msg q;
	int r;

	ipc_init(&q, "route");
	ipc_set_u64(&q, "id", id);
	ipc_set(&q, what, to);
	ipc_set(&q, who, from);
	r = ipc_send(link, &q);
	ipc_done(&q);
	return r;
}

int auth_route_send(int link, struct str domain, struct str sender, uint64_t id)
{
	return route_ask(link, "domain", domain, "sender", sender, id);
}

int auth_route_send_test(int link, struct str address, struct str sender, uint64_t id)
{
	return route_ask(link, "recipient", address, "from", sender, id);
}

int auth_test_parse(const struct ipc_msg *m, struct arena *a, struct auth_test *out)
{
	struct auth_test v = { .ours = ipc_get_bool(m, "ours") };

	if (auth_access_parse(m, "access", &v.access) < 0 || v.access == AUTH_ACCESS_RELAY)
		return E_PEER;
	v.goes = arena_str(a, ipc_get(m, "goes"));
	v.address = arena_str(a, ipc_get(m, "rewritten"));
	v.sender = arena_str(a, ipc_get(m, "rewritten_sender"));
	v.rule = arena_str(a, ipc_get(m, "rule"));
	v.text = arena_str(a, ipc_get(m, "text"));
	*out = v;
	return 0;
}

/* The number of a field's word in a list, or E_PEER. */
static int route_word(const struct ipc_msg *m, const char *field, const char *const *words, int n)
{
	struct str given = ipc_get(m, field);
	int i;

	for (i = 0; i < n; i++)
		if (str_eqc(given, words[i]))
			return i;
	return E_PEER;
}

int auth_route_parse(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_route *out)
{
	static const char *const tls[] = { "default", "verify", "encrypt", "may", "none" };
	static const char *const starts[] = { "auto", "starttls", "implicit" };
	struct auth_route v = { 0 };
	uint64_t id, port = 0;
	int t, s;

	if (!ipc_is(m, "answer") || ipc_get_u64(m, "id", UINT64_MAX, &id) < 0 || auth_result_parse(m, &v.result) < 0)
		return E_PEER;
	if (v.result == AUTH_OK) {
		t = route_word(m, "tls", tls, ARRAY_LEN(tls));
		s = route_word(m, "start", starts, ARRAY_LEN(starts));
		v.host = arena_str(a, ipc_get(m, "host"));
		if (t < 0 || s < 0 || ipc_get_u64(m, "port", UINT16_MAX, &port) < 0 || (v.host.n > 0) != (port > 0))
			return E_PEER;
		v.tls = (enum auth_route_tls)t;
		v.start = (enum auth_route_start)s;
		v.port = (uint16_t)port;
		v.user = arena_str(a, ipc_get(m, "user"));
		v.secret = arena_str(a, ipc_get(m, "secret"));
		v.mech = arena_str(a, ipc_get(m, "mech"));
		v.source = arena_str(a, ipc_get(m, "source"));
	}
	*id_out = id;
	*out = v;
	return 0;
}

int auth_domain(int link, struct str domain, struct arena *a, struct auth_domain *out, deadline d)
{
	struct auth_domain v = { 0 };
	struct ipc_msg q, m;
	size_t i;
	int r;

	ipc_init(&q, "domain");
	ipc_set(&q, "domain", domain);
	r = auth_ask(link, &q, &m, &v.result, d);
	if (r == 0) {
		v.host = arena_str(a, ipc_get(&m, "host"));
		while (ipc_get_nth(&m, "source", v.nsources).p)
			v.nsources++;
		v.source = arena_array(a, v.nsources + 1, sizeof(*v.source));
		for (i = 0; i < v.nsources; i++)
			v.source[i] = arena_str(a, ipc_get_nth(&m, "source", i));
		*out = v;
	}
	ipc_done(&m);
	return r;
}
