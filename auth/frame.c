/* SPDX-License-Identifier: ISC
 *
 * frame.c: see frame.h.
 */
#include "auth/frame.h"

#include "base/cur.h"
#include "net/client_cert.h"

/* sasl-mech = 1*20mech-char; mech-char = UPPER-ALPHA / DIGIT / "-" / "_"
 * (RFC 4422 3.1); "-PLUS" names are within the 20. */
static bool mech_valid(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			    s.p[i] == '-' || s.p[i] == '_'))
			return false;
	return s.n > 0 && s.n <= 20;
}

static bool session_valid(struct str s)
{
	return s.n <= 64 && !str_has_ctl(s) && str_is_ascii(s);
}

bool service_has_key(struct str s)
{
	return str_eqc(s, "imap") || str_eqc(s, "imaps") || str_eqc(s, "pop3") ||
	       str_eqc(s, "pop3s");
}

bool service_known(struct str s)
{
	return service_has_key(s) || str_eqc(s, "smtp") || str_eqc(s, "submission") ||
	       str_eqc(s, "submissions") || str_eqc(s, "web");
}

/* An address field; absent leaves family 0. */
static int address_field(const struct ipc_msg *m, const char *name, struct addr *out)
{
	struct str s = ipc_get(m, name);

	if (s.n > 0 && addr_parse(s, out) < 0)
		return E_PEER;
	return 0;
}

#define SECOND_FIELDS(x) \
	{ "code", &(x)->code, FRAME_CODE_MAX }, { "origin", &(x)->origin, FRAME_KEY_MAX }, { "challenge", &(x)->challenge, FRAME_KEY_MAX }, \
	{ "key", &(x)->key, FRAME_KEY_MAX }, { "client_data", &(x)->client_data, FRAME_KEY_MAX }, \
	{ "authenticator_data", &(x)->authenticator_data, FRAME_KEY_MAX }, { "signature", &(x)->signature, FRAME_KEY_MAX }

static int second_parse(const struct ipc_msg *m, struct sasl_second *out)
{
	const struct {
		const char *name;
		struct str *value;
		size_t max;
	} field[] = { SECOND_FIELDS(out) };
	size_t i;

	for (i = 0; i < ARRAY_LEN(field); i++) {
		*field[i].value = ipc_get(m, field[i].name);
		if (field[i].value->n > field[i].max)
			return E_PEER;
	}
	return 0;
}

static void second_print(const struct sasl_second *v, struct ipc_msg *m)
{
	const struct {
		const char *name;
		const struct str *value;
		size_t max;
	} field[] = { SECOND_FIELDS(v) };
	size_t i;

	for (i = 0; i < ARRAY_LEN(field); i++)
		if (field[i].value->n > 0)
			ipc_set(m, field[i].name, *field[i].value);
}

int sasl_start_parse(const struct ipc_msg *m, size_t max, struct sasl_start *out)
{
	struct sasl_start v = { 0 };
	int r;

	if (ipc_get_u64(m, "id", UINT64_MAX, &v.id) < 0)
		return E_PEER;
	v.service = ipc_get(m, "service");
	v.mech = ipc_get(m, "mech");
	v.initial = ipc_get(m, "initial");
	v.session = ipc_get(m, "session");
	v.cb_exporter = ipc_get(m, "cb_exporter");
	v.cb_end_point = ipc_get(m, "cb_end_point");
	v.cb_unique = ipc_get(m, "cb_unique");
	v.client_chain = ipc_get(m, "client_chain");
	v.tls = ipc_get(m, "tls_version").n > 0;
	if (!service_known(v.service) || !mech_valid(v.mech) || !session_valid(v.session) ||
	    v.cb_exporter.n > FRAME_CB_MAX || v.cb_end_point.n > FRAME_CB_MAX ||
	    v.cb_unique.n > FRAME_CB_MAX || second_parse(m, &v.second) < 0 ||
	    v.client_chain.n > CLIENT_CHAIN_MAX)
		return E_PEER;
	if (address_field(m, "peer", &v.peer) < 0 || address_field(m, "local", &v.local) < 0)
		return E_PEER;
	r = ipc_get_u64(m, "tls_bits", 65536, &v.tls_bits);
	if (r < 0 && r != E_NOTFOUND)
		return E_PEER;
	*out = v;
	return v.initial.n > max ? E_LIMIT : 0;
}

int sasl_step_parse(const struct ipc_msg *m, size_t max, struct sasl_step *out)
{
	struct sasl_step v;

	v.data = ipc_get(m, "data");
	if (ipc_get_u64(m, "id", UINT64_MAX, &v.id) < 0 || !v.data.p)
		return E_PEER;
	*out = v;
	return v.data.n > max ? E_LIMIT : 0;
}

void sasl_start_print(const struct sasl_start *v, struct ipc_msg *m)
{
	char text[ADDR_TEXT];

	ipc_set_u64(m, "id", v->id);
	ipc_set(m, "service", v->service);
	ipc_set(m, "mech", v->mech);
	if (v->initial.p)
		ipc_set(m, "initial", v->initial);
	ipc_set(m, "session", v->session);
	if (v->peer.family)
		ipc_setc(m, "peer", addr_text(&v->peer, text));
	if (v->local.family)
		ipc_setc(m, "local", addr_text(&v->local, text));
	if (v->tls) {
		ipc_setc(m, "tls_version", "1");
		ipc_set_u64(m, "tls_bits", v->tls_bits);
	}
	if (v->client_chain.n > 0)
		ipc_set(m, "client_chain", v->client_chain);
	second_print(&v->second, m);
	if (v->cb_exporter.n > 0)
		ipc_set(m, "cb_exporter", v->cb_exporter);
	if (v->cb_end_point.n > 0)
		ipc_set(m, "cb_end_point", v->cb_end_point);
	if (v->cb_unique.n > 0)
		ipc_set(m, "cb_unique", v->cb_unique);
}
