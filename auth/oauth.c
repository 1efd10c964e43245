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

#include <jansson.h>

#include "base/codec.h"

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

static json_t *object(struct str text)
{
	json_t *o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static struct str text_of(const json_t *v)
{
	return json_is_string(v) ? str_make(json_string_value(v), json_string_length(v)) : STR_NONE;
}

/* What kind of thing it is, if it says so (RFC 7519 5.1, RFC 9068 2.1). */
static bool typ_good(const json_t *typ)
{
	struct str t = text_of(typ);

	if (str_istarts(t, "application/"))
		t = str_from(t, strlen("application/"));
	return !typ || str_ieqc(t, "JWT") || str_ieqc(t, "at+jwt");
}

static const char *read_header(struct str text, struct arena *a, struct jwt *t)
{
	json_t *o = object(text);
	const json_t *kid = json_object_get(o, "kid");
	struct str alg = text_of(json_object_get(o, "alg"));
	const char *why = NULL;

	if (!o)
		why = "token: its header is not one JSON object";
	else if (json_object_get(o, "crit") || json_object_get(o, "b64") || json_object_get(o, "zip"))
		why = "token: asks for extensions";
	else if (!typ_good(json_object_get(o, "typ")))
		why = "token: its type is another one";
	else if (!alg.p || (kid && (!json_is_string(kid) || text_of(kid).n > KID_MAX)))
		why = "token: its header is malformed";
	if (!why) {
		t->alg = arena_str(a, alg);
		t->kid = kid ? arena_str(a, text_of(kid)) : STR_NONE;
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

static const char *check_times(const json_t *o, int64_t now, int64_t leeway_ms)
{
	double at = (double)now, leeway = (double)leeway_ms / 1000, exp = 0, nbf = at, iat = at;

	if (date(o, "exp", &exp) < 0 || date(o, "nbf", &nbf) == E_SYNTAX || date(o, "iat", &iat) == E_SYNTAX)
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
		return listed(us, text_of(aud));
	json_array_foreach (aud, i, v) {
		if (!json_is_string(v))
			return false;
		found |= listed(us, text_of(v));
	}
	return found;
}

/* Which program it was made for: azp (OpenID Connect Core 2), else client_id (RFC 9068 2.2). */
static bool client_good(const json_t *o, const struct conf_list *clients)
{
	const json_t *azp = json_object_get(o, "azp"), *id = azp ? azp : json_object_get(o, "client_id");

	if (id && !json_is_string(id))
		return false;
	return clients->n == 0 || listed(clients, text_of(id));
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
		if (str_eq(text_of(one), word))
			return true;
	return in_words(text_of(v), word);
}

int oauth_claims(const struct conf *c, struct str claims, int64_t now, struct arena *a, struct str *who_out,
	const char **why_out)
{
	json_t *o = object(claims);
	struct str who = text_of(json_object_get(o, c->oauth_claim.p));
	const char *why = NULL;
	int r = E_DENIED;

	if (!o)
		why = "token: its claims are not one JSON object";
	else if (!str_eq(text_of(json_object_get(o, "iss")), c->oauth_issuer))
		why = "token: another issuer";
	else if (!for_us(json_object_get(o, "aud"), &c->oauth_audience))
		why = "token: made for another service";
	else if (!client_good(o, &c->oauth_clients))
		why = "token: made for another program";
	else
		why = check_times(o, now, c->oauth_leeway);
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
	if (!jwks_verify(keys, t.alg, t.kid, t.signed_part, t.signature)) {
		*why_out = "token: the signature is wrong, or its key is not known";
		return E_DENIED;
	}
	return oauth_claims(c, t.claims, now, a, who_out, why_out);
}
