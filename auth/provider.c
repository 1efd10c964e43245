/* SPDX-License-Identifier: ISC
 *
 * provider.c: see provider.h.
 *
 * Twice the same name in an object is refused: two readers might see two answers. Of what the provider says about a token
 * only the members that oauth_claims looks at go on from here: they are kept, and travel.
 */
#include "auth/provider.h"

#include "auth/json.h"
#include "net/url.h"

const char *provider_document(struct str issuer, struct arena *a)
{
	if (str_ends(issuer, "/"))
		issuer.n--;
	return arena_fmt(a, "%.*s/.well-known/openid-configuration", STRF(issuer));
}

int provider_document_read(struct str json, struct str issuer, struct arena *a, const char **jwks_out, const char **why_out)
{
	json_t *o = json_one_object(json);
	struct str jwks = json_text(json_object_get(o, "jwks_uri"));
	char host[URL_HOST_MAX];
	const char *why = NULL;
	uint16_t port;

	if (!o)
		why = "its document is not one JSON object";
	else if (!str_eq(json_text(json_object_get(o, "issuer")), issuer))
		why = "its document is of another issuer";
	else if (!jwks.p || url_https(jwks, host, &port) < 0)
		why = "its document names no https URL of its keys";
	else
		*jwks_out = arena_cstr(a, jwks);
	if (why)
		*why_out = why;
	json_decref(o);
	return why ? E_SYNTAX : 0;
}

/* The members that count, as JSON; false: too much. */
static bool pick(const json_t *o, const char *claim, struct arena *a, struct str *out)
{
	static const char *const counts[] = { "iss", "aud", "exp", "nbf", "iat", "scope", "scp", "client_id", "azp", "cnf", "email_verified" };
	json_t *picked = json_object();
	char *text;
	size_t i;
	bool good;

	for (i = 0; i < ARRAY_LEN(counts); i++)
		if (json_object_get(o, counts[i]))
			json_object_set(picked, counts[i], json_object_get(o, counts[i]));
	if (json_object_get(o, claim))
		json_object_set(picked, claim, json_object_get(o, claim));
	text = json_dumps(picked, JSON_COMPACT);
	good = text && strlen(text) <= PROVIDER_CLAIMS_MAX;
	if (good)
		*out = arena_str(a, str_of(text));
	free(text);
	json_decref(picked);
	return good;
}

int provider_word_read(struct str json, struct str claim, struct arena *a, struct provider_word *out, const char **why_out)
{
	json_t *o = json_one_object(json);
	const json_t *active = json_object_get(o, "active"), *exp = json_object_get(o, "exp");
	struct provider_word w = { .active = json_is_true(active), .expires = INT64_MAX, .claims = STR("") };
	double end = json_number_value(exp);
	const char *why = NULL;

	if (!o || !json_is_boolean(active))
		why = "its answer does not say whether the token is good";
	else if (w.active && exp && (!json_is_number(exp) || !(end >= 0 && end < 9007199254740992.0)))
		why = "its answer does not tell its times";
	else if (w.active && !pick(o, arena_cstr(a, claim), a, &w.claims))
		why = "its answer is too long";
	else if (w.active && exp)
		w.expires = (int64_t)end;
	json_decref(o);
	if (why) {
		*why_out = why;
		return E_SYNTAX;
	}
	*out = w;
	return 0;
}

void provider_form(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._", c)))
			buf_c(out, (char)c);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

void provider_question(struct str token, struct buf *out)
{
	buf_puts(out, "token=");
	provider_form(token, out);
	buf_puts(out, "&token_type_hint=access_token");
}
