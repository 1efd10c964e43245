/* SPDX-License-Identifier: ISC
 *
 * oauth.c: see oauth.h.
 *
 *   token     BASE64URL(header) "." BASE64URL(claims) "." BASE64URL(signature)     (RFC 7515 3.1)
 *
 * In this order: form, algorithm, signature, and only then a look at the claims (RFC 8725 3). Of the header three
 * members count: alg, which must be one of [oauth] algorithms; kid, which chooses among the keys that we have; typ. Those that
 * bring a key or tell where to get one (jwk, jku, x5c, x5u) are never looked at, "crit" is refused. Twice the same name in
 * an object is refused: two readers might see two tokens.
 *
 * Everything that is asked for must be there: who issued it, for whom, until when. An address that the issuer has not
 * verified (email_verified) names nobody: at some issuers anybody may write any address there.
 */
#include "auth/oauth.h"

#include "auth/json.h"
#include "base/codec.h"
#include "conf/oauth.h"

#define KID_MAX 512
#define DATE_MAX 9007199254740992.0 /* whole seconds up to here */

/* --- the form of a token ------------------------------------------------------------- */

static bool is_base64url(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z') ||
			    (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_'))
			return false;
	return s.n > 0;
}

static bool decode(struct str s, struct arena *a, struct str *out)
{
	struct buf b;
	bool good;

	buf_init(&b, OAUTH_TOKEN_MAX);
	good = is_base64url(s) && base64url_decode(s, &b) == 0;
	if (good)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return good;
}

/* What kind of thing it is, if it says so (RFC 7519 5.1, RFC 9068 2.1). */
static bool typ_good(const json_t *typ)
{
	struct str t = json_text(typ);

	if (str_istarts(t, "application/"))
		t = str_from(t, strlen("application/"));
	return !typ || str_ieqc(t, "JWT") || str_ieqc(t, "at+jwt");
}

static const char *read_header(struct str text, struct arena *a, struct jwt *t)
{
	json_t *o = json_one_object(text);
	const json_t *kid = json_object_get(o, "kid");
	struct str alg = json_text(json_object_get(o, "alg"));
	const char *why = NULL;

	if (!o)
		why = "token: its header is not one JSON object";
	else if (json_object_get(o, "crit") || json_object_get(o, "b64") || json_object_get(o, "zip"))
		why = "token: asks for extensions";
	else if (!typ_good(json_object_get(o, "typ")))
		why = "token: its type is another one";
	else if (!alg.p || (kid && (!json_is_string(kid) || json_text(kid).n > KID_MAX)))
		why = "token: its header is malformed";
	if (!why) {
		t->alg = arena_str(a, alg);
		t->kid = kid ? arena_str(a, json_text(kid)) : STR_NONE;
	}
	json_decref(o);
	return why;
}

int jwt_read(struct str token, struct arena *a, struct jwt *out, const char **why_out)
{
	struct str rest = token, header, claims;
	struct jwt t = { .signed_part = token };
	const char *why = NULL;

	if (token.n > OAUTH_TOKEN_MAX) {
		*why_out = "token: too long";
		return E_SYNTAX;
	}
	header = str_cut(&rest, '.');
	claims = str_cut(&rest, '.');
	t.signed_part.n = rest.p ? header.n + 1 + claims.n : 0;
	/* a third dot is no letter of base64url */
	if (!rest.p || !decode(header, a, &header) || !decode(claims, a, &t.claims) || !decode(rest, a, &t.signature))
		why = "token: is not a signed JWT";
	else
		why = read_header(header, a, &t);
	if (why) {
		*why_out = why;
		return E_SYNTAX;
	}
	*out = t;
	return 0;
}

/* --- claims ---------------------------------------------------------------------------- */

static bool listed(const struct conf_list *l, struct str word)
{
	size_t i;

	for (i = 0; word.n > 0 && i < l->n; i++)
		if (str_eq(l->v[i], word))
			return true;
	return false;
}

/* NumericDate (RFC 7519 2): seconds, maybe with a fraction. 0; E_NOTFOUND: not there; E_SYNTAX. */
static int date(const json_t *o, const char *name, double *out)
{
	const json_t *v = json_object_get(o, name);
	double d = json_number_value(v);

	if (!v)
		return E_NOTFOUND;
	if (!json_is_number(v) || !(d >= -DATE_MAX && d <= DATE_MAX))
		return E_SYNTAX;
	*out = d;
	return 0;
}

static const char *check_times(const json_t *o, enum oauth_source source, int64_t now, int64_t leeway_ms)
{
	double at = (double)now, leeway = (double)leeway_ms / 1000, exp = at + 1, nbf = at, iat = at;
	int r = date(o, "exp", &exp);

	if (r == E_SYNTAX || (r == E_NOTFOUND && source == OAUTH_SIGNED) || date(o, "nbf", &nbf) == E_SYNTAX || date(o, "iat", &iat) == E_SYNTAX)
		return "token: does not tell its times";
	if (at >= exp + leeway)
		return "token: expired";
	if (at + leeway < nbf || at + leeway < iat)
		return "token: is not good yet";
	return NULL;
}

/* RFC 7519 4.1.3: one of the list, or the one that it is, must be us. */
static bool for_us(const json_t *aud, const struct conf_list *us)
{
	const json_t *v;
	bool found = false;
	size_t i;

	if (json_is_string(aud))
		return listed(us, json_text(aud));
	json_array_foreach (aud, i, v) {
		if (!json_is_string(v))
			return false;
		found |= listed(us, json_text(v));
	}
	return found;
}

/* Which program it was made for: azp (OpenID Connect Core 2), else client_id (RFC 9068 2.2). */
static bool client_good(const json_t *o, const struct conf_list *clients)
{
	const json_t *azp = json_object_get(o, "azp"), *id = azp ? azp : json_object_get(o, "client_id");

	if (id && !json_is_string(id))
		return false;
	return clients->n == 0 || listed(clients, json_text(id));
}

static bool in_words(struct str words, struct str word)
{
	while (words.p)
		if (str_eq(str_cut(&words, ' '), word))
			return true;
	return false;
}

/* scope: words (RFC 8693 4.2); some issuers have scp, words or a list. */
static bool has_scope(const json_t *o, struct str word)
{
	const json_t *v = json_object_get(o, "scope"), *one;
	size_t i;

	if (!v)
		v = json_object_get(o, "scp");
	json_array_foreach (v, i, one)
		if (str_eq(json_text(one), word))
			return true;
	return in_words(json_text(v), word);
}

/* RFC 7662 2.2: an answer may leave out who issued it (we asked him) and for whom: then the program must be one of ours. */
static const char *check_parties(const struct conf *c, enum oauth_source source, const json_t *o)
{
	const json_t *iss = json_object_get(o, "iss"), *aud = json_object_get(o, "aud");
	bool answered = source == OAUTH_ANSWERED;

	if (!(answered && (!iss || c->oauth_issuer.n == 0)) && !str_eq(json_text(iss), c->oauth_issuer))
		return "token: another issuer";
	if (!(answered && (!aud || c->oauth_audience.n == 0) && c->oauth_clients.n > 0) && !for_us(aud, &c->oauth_audience))
		return "token: made for another service";
	if (!client_good(o, &c->oauth_clients))
		return "token: made for another program";
	if (json_object_get(o, "cnf")) /* RFC 7800: whoever shows it must also prove to have a key */
		return "token: is bound to a key";
	return NULL;
}

int oauth_claims(const struct conf *c, enum oauth_source source, struct str claims, int64_t now, struct arena *a,
	struct str *who_out, const char **why_out)
{
	json_t *o = json_one_object(claims);
	struct str who = json_text(json_object_get(o, c->oauth_claim.p));
	const char *why = NULL;
	int r = E_DENIED;

	if (!o)
		why = "token: its claims are not one JSON object";
	else
		why = check_parties(c, source, o);
	if (!why)
		why = check_times(o, source, now, c->oauth_leeway);
	if (!why && who.n == 0)
		why = "token: does not say whose it is";
	else if (!why && str_eqc(c->oauth_claim, "email") && !json_is_true(json_object_get(o, "email_verified")))
		why = "token: the address is not verified";
	if (!why)
		r = c->oauth_scope.n > 0 && !has_scope(o, c->oauth_scope) ? E_NOTFOUND : 0;
	if (r == 0)
		*who_out = arena_str(a, who);
	else
		*why_out = why ? why : "token: is not good for mail";
	json_decref(o);
	return r;
}

enum oauth_way oauth_way(const struct conf *c, struct str token)
{
	const char *why;
	struct arena a;
	struct jwt t;
	bool jwt;

	if (conf_oauth_keys(c) == CONF_OAUTH_NO_KEYS)
		return c->oauth_introspect.n > 0 ? OAUTH_BY_PROVIDER : OAUTH_NOT;
	if (c->oauth_introspect.n == 0)
		return OAUTH_BY_KEYS;
	arena_init(&a);
	jwt = jwt_read(token, &a, &t, &why) == 0;
	arena_done(&a);
	return jwt ? OAUTH_BY_KEYS : OAUTH_BY_PROVIDER;
}

int oauth_check(const struct conf *c, const struct jwks *keys, struct str token, int64_t now, struct arena *a,
	struct str *who_out, const char **why_out)
{
	struct jwt t;

	if (jwt_read(token, a, &t, why_out) < 0)
		return E_DENIED;
	if (!listed(&c->oauth_algorithms, t.alg)) {
		*why_out = "token: an algorithm that is not allowed";
		return E_DENIED;
	}
	if (!keys || !jwks_verify(keys, t.alg, t.kid, t.signed_part, t.signature)) {
		*why_out = "token: the signature is wrong, or its key is not known";
		return keys && t.kid.p && jwks_has(keys, t.kid) ? E_DENIED : E_TEMP;
	}
	return oauth_claims(c, OAUTH_SIGNED, t.claims, now, a, who_out, why_out);
}
