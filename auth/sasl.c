/* SPDX-License-Identifier: ISC
 *
 * sasl.c: the SASL mechanisms: glue between our frames and Cyrus SASL.
 *
 * The library speaks PLAIN (RFC 4616), LOGIN and SCRAM-SHA-1, -256 and -512
 * with -PLUS (RFC 5802, RFC 7677); what it asks comes back to us by call-backs:
 * names are brought to normal form (canonical), passwords are checked against
 * stored hashes (sasl_password.c), SCRAM keys are served by an auxprop plug-in that
 * lives in this file (serve_keys).
 *
 * Nobody learns who exists (C16): an unknown, inactive or key-less account is shown invented keys; sasl_password.c has
 * the rest. Success is never the library's word alone: `verified` must have been set by one of the call-backs for an
 * account that may log in, and the library's user must be that account.
 *
 * The library hands its plug-ins no pointer of ours, and one process runs one
 * exchange at a time: `current` is the exchange whose step runs now.
 *
 * OAUTHBEARER and XOAUTH2 are not the library's (sasl_bearer.c), nor are CRAM-MD5 and APOP (sasl_shared.c).
 */
#include "auth/sasl_private.h"

#include <openssl/crypto.h>
#include <sasl/saslplug.h>

#include "auth/bearer.h"
#include "auth/gs2.h"
#include "auth/gss_token.h"
#include "auth/kerberos.h"
#include "auth/password.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "mail/address.h"

#define MAX_STEPS 8

static struct sasl_service *service;
static struct sasl_exchange *current;
static bool with_kerberos;

/* --- call-backs of the library ------------------------------------------ */

static int option(void *ctx, const char *plugin, const char *name, const char **value,
	unsigned *len)
{
	static const struct {
		const char *name, *value;
	} options[] = {
		{ "mech_list", "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 EXTERNAL GSSAPI GS2-KRB5" },
		{ "auxprop_plugin", "mansio" },
		/* our call-back decides; no other verifier has this name */
		{ "pwcheck_method", "none" },
		{ "auto_transition", "no" },
		{ "canon_user_plugin", "INTERNAL" },
	};
	size_t i;

	(void)ctx;
	(void)plugin;
	for (i = 0; i < ARRAY_LEN(options); i++) {
		if (strcmp(name, options[i].name) == 0) {
			*value = options[i].value;
			if (len)
				*len = (unsigned)strlen(*value);
			return SASL_OK;
		}
	}
	return SASL_FAIL;
}

/* Which files the library may read: these plug-ins, no configuration. */
static int verify_file(void *ctx, const char *file, sasl_verify_type_t type)
{
	static const char *const wanted[] = { "libplain.so", "liblogin.so", "libscram.so", "libgssapiv2.so", "libgs2.so" };
	size_t n = with_kerberos ? ARRAY_LEN(wanted) : 3;
	const char *base = strrchr(file, '/');
	size_t i;

	(void)ctx;
	base = base ? base + 1 : file;
	for (i = 0; type == SASL_VRFY_PLUGIN && i < n; i++)
		if (strncmp(base, wanted[i], strlen(wanted[i])) == 0)
			return SASL_OK;
	return SASL_CONTINUE;
}

/* The library's own messages may hold what a client sent: they go nowhere. */
static int log_nothing(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
	return SASL_OK;
}

/* Of an exchange by Kerberos: why it failed is said nowhere else. */
static int log_kerberos(void *ctx, int level, const char *text)
{
	(void)level;
	sasl_kerberos_log(ctx, str_of(text));
	return SASL_OK;
}

/* The name in normal form, or as it is when it is no address. */
struct str sasl_name(struct arena *a, struct str given)
{
	struct str local, domain;

	if (address_read(address_width(given, a), a, &local, &domain) < 0)
		return arena_str(a, given);
	return address_name(local, domain, a);
}

static int canonical(sasl_conn_t *conn, void *ctx, const char *in, unsigned n, unsigned flags,
	const char *realm, char *out, unsigned max, unsigned *n_out)
{
	struct sasl_exchange *x = ctx;
	struct str name;

	(void)conn;
	(void)realm;
	if (n == 0 || memchr(in, '\0', n) != NULL)
		return SASL_BADPROT;
	if (x->kerberos && sasl_kerberos_name(x, str_make(in, n), flags & SASL_CU_AUTHID, &name) < 0)
		return SASL_BADAUTH;
	if (!x->kerberos)
		name = sasl_name(&x->a, str_make(in, n));
	if (name.n >= max)
		return SASL_BUFOVER;
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
	*n_out = (unsigned)name.n;
	if ((flags & SASL_CU_AUTHID) && x->user.n == 0)
		x->user = name;
	return SASL_OK;
}

/* The one query of an exchange. true: an account that may log in. */
bool sasl_look_up(struct sasl_exchange *x, struct str name)
{
	int r;

	if (!x->looked) {
		x->looked = true;
		r = resolve_account(&service->resolver, name, &x->a, &x->account);
		x->found = r == 0;
		x->down = r < 0 && r != E_NOTFOUND;
	}
	return x->found && resolve_may_log_in(&x->account);
}

/* --- the auxprop plug-in ------------------------------------------------- */

static bool wants_keys(sasl_server_params_t *params)
{
	const struct propval *p = params->utils->prop_get(params->propctx);

	for (; p && p->name; p++)
		if (strcmp(p->name, "*authPassword") == 0)
			return true;
	return false;
}

static int serve_keys(void *ctx, sasl_server_params_t *params, unsigned flags, const char *user,
	unsigned n)
{
	struct sasl_exchange *x = current;
	struct str name = str_make(user, n), stored;
	unsigned kind = x ? scram_kind(x->start.mech) : 0;
	struct buf keys;

	(void)ctx;
	if ((flags & SASL_AUXPROP_AUTHZID) || !x || !kind || !wants_keys(params))
		return SASL_OK;
	buf_init(&keys, 1024);
	stored = sasl_look_up(x, name) && !sasl_main_is_elsewhere(x) ? scram_find(x->account.scram, kind) : STR_NONE;
	if (stored.n > 0) {
		/* the library verifies the proof against these keys */
		x->verified = true;
		buf_str(&keys, stored);
	} else if (scram_invent(service->secret, DIRECTORY_SECRET, name, kind, service->iterations,
			   &keys) < 0) {
		x->down = true;
	}
	if (!x->verified)
		x->why = !x->found ? "no such account" : "account may not log in, or has no keys";
	if (!x->down && !keys.err)
		params->utils->prop_set(params->propctx, "*authPassword", buf_cstr(&keys), -1);
	buf_wipe(&keys);
	return SASL_OK;
}

static int auxprop_init(const sasl_utils_t *utils, int max_version, int *version_out,
	sasl_auxprop_plug_t **plug_out, const char *name)
{
	static char plug_name[] = "mansio";
	static sasl_auxprop_plug_t plug = { .auxprop_lookup = serve_keys, .name = plug_name };

	(void)utils;
	(void)name;
	if (max_version < SASL_AUXPROP_PLUG_VERSION)
		return SASL_BADVERS;
	*version_out = SASL_AUXPROP_PLUG_VERSION;
	*plug_out = &plug;
	return SASL_OK;
}

/* --- life of the library and of an exchange ------------------------------- */

typedef int (*any_callback)(void);
#define CALLBACK(id_, fn, ctx)                                                     \
	(sasl_callback_t) { .id = (id_), .proc = (any_callback)(void (*)(void))(fn), \
		.context = (ctx) }

static bool has_mech(const char *name)
{
	const char **m = sasl_global_listmech();

	while (m && *m && strcmp(*m, name) != 0)
		m++;
	return m && *m;
}

int sasl_setup(bool kerberos)
{
	static sasl_callback_t callbacks[4];

	with_kerberos = kerberos;
	callbacks[0] = CALLBACK(SASL_CB_GETOPT, option, NULL);
	callbacks[1] = CALLBACK(SASL_CB_VERIFYFILE, verify_file, NULL);
	callbacks[2] = CALLBACK(SASL_CB_LOG, log_nothing, NULL);
	callbacks[3] = CALLBACK(SASL_CB_LIST_END, NULL, NULL);
	if (sasl_server_init(callbacks, "mansio") != SASL_OK)
		return E_UNSUPPORTED;
	if (sasl_auxprop_add_plugin("mansio", auxprop_init) != SASL_OK)
		return E_UNSUPPORTED;
	return kerberos && !has_mech("GSSAPI") ? E_NOTFOUND : 0;
}

int sasl_service_set(struct sasl_service *s)
{
	const struct scheme_limits any = { UINT64_MAX, UINT64_MAX };
	char unknown[33];
	int r;

	rand_id(unknown, 32);
	buf_reset(&s->dummy);
	r = password_hash(str_of(unknown), s->cost, &s->dummy);
	buf_done(&s->shared_dummy);
	buf_init(&s->shared_dummy, 512);
	shared_secret_new(unknown);
	/* without a key nothing is opened, his or nobody's */
	(void)shared_secret_seal(&s->shared_key, 0, str_of(unknown), &s->shared_dummy);
	OPENSSL_cleanse(unknown, sizeof(unknown));
	if (r == 0)
		r = scheme_inspect(buf_view(&s->dummy), &any, &s->dummy_takes) == SCHEME_GOOD ? 0 : E_UNSUPPORTED;
	if (r < 0)
		return r;
	/* what we make ourselves is never too much */
	s->limits.memory = MAX(s->limits.memory, s->dummy_takes.memory);
	s->limits.work = MAX(s->limits.work, s->dummy_takes.work);
	service = s;
	return 0;
}

static void set_up(struct sasl_exchange *x)
{
	sasl_security_properties_t props = { 0 };
	sasl_ssf_t ssf = (sasl_ssf_t)x->start.tls_bits;

	/* no security layer of SASL itself: TLS is below */
	sasl_setprop(x->conn, SASL_SEC_PROPS, &props);
	sasl_setprop(x->conn, SASL_SSF_EXTERNAL, &ssf);
}

struct sasl_exchange *sasl_exchange_new(const struct sasl_start *start)
{
	struct sasl_exchange *x = mem_alloc(1, sizeof(*x));
	struct sasl_start *s = &x->start;

	x->service = service;
	arena_init(&x->a);
	*s = *start;
	s->service = arena_str(&x->a, start->service);
	s->mech = arena_str(&x->a, start->mech);
	s->session = arena_str(&x->a, start->session);
	s->cb_exporter = arena_str(&x->a, start->cb_exporter);
	s->cb_end_point = arena_str(&x->a, start->cb_end_point);
	s->cb_unique = arena_str(&x->a, start->cb_unique);
	s->client_chain = arena_str(&x->a, start->client_chain);
	s->second = (struct sasl_second){ arena_str(&x->a, start->second.code), arena_str(&x->a, start->second.origin),
		arena_str(&x->a, start->second.challenge), arena_str(&x->a, start->second.key), arena_str(&x->a, start->second.client_data),
		arena_str(&x->a, start->second.authenticator_data), arena_str(&x->a, start->second.signature) };
	s->initial = STR_NONE;
	x->scram = str_starts(s->mech, "SCRAM-");
	x->plus = str_ends(s->mech, "-PLUS");
	x->bearer = bearer_is(s->mech);
	x->external = str_eqc(s->mech, "EXTERNAL");
	x->kerberos = kerberos_is(s->mech);
	x->user = STR("");
	if (x->bearer || sasl_shared_is(s->mech))
		return x;
	x->callbacks[0] = CALLBACK(SASL_CB_GETOPT, option, x);
	x->callbacks[1] = x->kerberos ? CALLBACK(SASL_CB_LOG, log_kerberos, x) : CALLBACK(SASL_CB_LOG, log_nothing, x);
	x->callbacks[2] = CALLBACK(SASL_CB_CANON_USER, canonical, x);
	x->callbacks[3] = CALLBACK(SASL_CB_SERVER_USERDB_CHECKPASS, sasl_check_password, x);
	x->callbacks[4] = CALLBACK(SASL_CB_LIST_END, NULL, NULL);
	/* Kerberos looks for the key of this service; to the others the names are all one */
	if (sasl_server_new(x->kerberos ? kerberos_service(s->service) : "mansio",
		    x->kerberos ? arena_cstr(&x->a, service->conf->server_hostname) : "localhost", NULL, NULL, NULL, x->callbacks,
		    SASL_SUCCESS_DATA, &x->conn) == SASL_OK)
		set_up(x);
	else
		x->conn = NULL;
	return x;
}

void sasl_exchange_free(struct sasl_exchange *x)
{
	if (!x)
		return;
	if (x->conn)
		sasl_dispose(&x->conn);
	arena_wipe(&x->a); /* the password of a client lies there */
	free(x);
}

/* Tells the library the one binding that this connection is checked against. */
static bool set_binding(struct sasl_exchange *x, struct str name)
{
	struct str data = STR("");

	if (str_eqc(name, "tls-exporter"))
		data = x->start.cb_exporter;
	else if (str_eqc(name, "tls-server-end-point"))
		data = x->start.cb_end_point;
	else if (str_eqc(name, "tls-unique"))
		data = x->start.cb_unique;
	if (data.n == 0)
		return false;
	x->binding_name = arena_cstr(&x->a, name);
	x->binding = (sasl_channel_binding_t){ .name = x->binding_name, .critical = 0,
		.len = data.n, .data = (const unsigned char *)data.p };
	return sasl_setprop(x->conn, SASL_CHANNEL_BINDING, &x->binding) == SASL_OK;
}

/* RFC 5802 6: the flag must fit the mechanism and what was offered. */
static const char *check_gs2(struct sasl_exchange *x, struct str data)
{
	struct cur c = cur_of(data);
	struct gs2 gs2;

	if (gs2_parse(&c, &gs2) < 0)
		return "malformed GS2 header";
	if (x->kerberos && !gss_token_is_ap_req(cur_rest(&c), false))
		return "not a token of Kerberos";
	switch (gs2.flag) {
	case GS2_USED:
		if (!x->plus)
			return "channel binding with a mechanism that has none";
		return set_binding(x, gs2.binding) ? NULL : "channel binding not available";
	case GS2_UNUSED:
		if (x->plus)
			return "-PLUS without channel binding";
		if ((service->scram || x->kerberos) && x->start.cb_exporter.n + x->start.cb_end_point.n > 0)
			return "downgrade: client believes that there is no -PLUS";
		return NULL;
	case GS2_NONE:
		return x->plus ? "-PLUS without channel binding" : NULL;
	}
	return "malformed GS2 header";
}

/* The library wants some binding at the start of -PLUS; the GS2 header, which
 * may come a step later, picks the real one. */
static const char *prepare(struct sasl_exchange *x, struct str data)
{
	if (x->external && data.p)
		return sasl_set_external(x, data);
	if (str_eqc(x->start.mech, "GSSAPI") && !x->first_read && data.n > 0) {
		x->first_read = true;
		return gss_token_is_ap_req(data, true) ? NULL : "not a token of Kerberos";
	}
	if (!x->scram && !str_starts(x->start.mech, "GS2-"))
		return NULL;
	if (x->plus && !x->binding_name && !set_binding(x, STR("tls-exporter")) &&
	    !set_binding(x, STR("tls-server-end-point")))
		return "channel binding not available";
	/* the client's first message is the first that is not empty (RFC 4422 3.3) */
	if (x->first_read || data.n == 0)
		return NULL;
	x->first_read = true;
	return check_gs2(x, data);
}

static int library_step(struct sasl_exchange *x, struct str data, const char **p, unsigned *n)
{
	if (!x->started) {
		x->started = true;
		if (x->external) /* it reads to the next NUL */
			data = str_make(arena_cstr(&x->a, data), data.n);
		/* an empty initial response of SCRAM cannot be told from none */
		return sasl_server_start(x->conn, arena_cstr(&x->a, x->start.mech), data.p,
			(unsigned)data.n, p, n);
	}
	return sasl_server_step(x->conn, data.n ? data.p : "", (unsigned)data.n, p, n);
}

/* The library is done: is it really the account that was verified? */
static void finish(struct sasl_exchange *x, struct sasl_outcome *out)
{
	const void *user = NULL;
	struct str name;

	out->result = SASL_BAD;
	if (!x->verified || !x->found || !resolve_may_log_in(&x->account)) {
		out->why = x->why ? x->why : "bad credentials";
		return;
	}
	name = address_name(x->account.local, x->account.domain, &x->a);
	if (sasl_getprop(x->conn, SASL_USERNAME, &user) != SASL_OK || !user ||
	    !str_eqc(name, user)) {
		out->why = "may not act for another account";
		return;
	}
	out->result = SASL_GOOD;
	out->user = name;
	out->why = "";
}

static const char *failure_text(int code)
{
	switch (code) {
	case SASL_BADPROT:
		return "malformed or bad credentials";
	case SASL_NOAUTHZ:
		return "may not act for another account";
	case SASL_NOMECH:
		return "mechanism not available";
	case SASL_BADBINDING:
		return "channel binding does not fit";
	default:
		return "bad credentials";
	}
}

/* What the library's word, and what its call-backs found, make of the exchange. */
static void outcome(struct sasl_exchange *x, int code, struct str said, struct sasl_outcome *out)
{
	out->user = x->user;
	out->upgraded = x->upgraded;
	out->moved_in = x->moved_in;
	out->expires = sasl_earlier(x->expires, x->account.expires);
	out->lasting = x->lasting;
	out->no_submission = x->no_submission;
	if (x->down) {
		out->result = SASL_DOWN;
		out->why = x->down_why ? x->down_why : "directory does not answer";
	} else if (x->second.is == SECOND_NEEDED) {
		out->result = SASL_CODE;
		out->why = x->why;
		out->ways = x->second.ways;
		out->keys = x->second.keys;
	} else if (code == SASL_CONTINUE) {
		out->result = SASL_CONTINUES;
		out->data = said;
	} else if (code == SASL_OK) {
		finish(x, out);
		if (out->result == SASL_GOOD && said.n > 0)
			out->data = said;
	} else {
		out->result = sasl_kerberos_skewed(x) ? SASL_CLOCK : SASL_BAD;
		out->why = x->why ? x->why : x->detail ? x->detail : x->kerberos && x->user.n ? "may not act for another account" :
			failure_text(code);
		out->copied = x->second.copied ? x->second.key : STR_NONE;
	}
}

/* A mechanism of the library's. */
static void step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out)
{
	const char *p = NULL, *why;
	unsigned n = 0;
	int code;

	*out = (struct sasl_outcome){ .result = SASL_BAD, .data = STR_NONE, .user = x->user };
	if (!x->conn) {
		out->result = SASL_DOWN;
		out->why = "SASL library failed";
		return;
	}
	x->steps++;
	if (x->external && !data.p && x->steps == 1) { /* no initial response; the library begins with whose account it is */
		out->result = SASL_CONTINUES;
		out->data = STR("");
		return;
	}
	why = x->steps > MAX_STEPS ? "too many steps" : prepare(x, data);
	out->user = x->user;
	if (why) {
		out->result = x->down ? SASL_DOWN : SASL_BAD;
		out->why = x->down ? "directory does not answer" : why;
		return;
	}
	current = x;
	code = library_step(x, data, &p, &n);
	current = NULL;
	if (x->kerberos && code == SASL_OK)
		sasl_kerberos_done(x);
	outcome(x, code, str_make(p ? p : "", p ? n : 0), out);
}

void sasl_exchange_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out)
{
	if (x->bearer)
		sasl_bearer_step(x, data, out);
	else if (sasl_shared_is(x->start.mech))
		sasl_shared_step(x, data, out);
	else
		step(x, data, out);
}
