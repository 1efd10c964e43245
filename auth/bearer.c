/* SPDX-License-Identifier: ISC
 *
 * bearer.c: see bearer.h.
 *
 *   OAUTHBEARER   gs2-header kvsep 1*(key "=" value kvsep) kvsep     kvsep = %x01         (RFC 7628 3.1)
 *   XOAUTH2       "user=" name kvsep "auth=Bearer " token kvsep kvsep
 *
 * Both are keys and values; in XOAUTH2 the user is one of them. "auth" is there exactly once, unknown keys are passed over.
 * host and port are read and not compared: a server has several names and ports are forwarded; what the token is good for
 * its audience says, under a signature.
 */
#include "auth/bearer.h"

#include <jansson.h>

#include "auth/gs2.h"

#define SEP '\x01'

bool bearer_is(struct str mech)
{
	return str_eqc(mech, "OAUTHBEARER") || str_eqc(mech, "XOAUTH2");
}

/* saslname: =2C and =3D for , and =; gs2_parse saw that there is nothing else behind "=" */
static struct str unescaped(struct str s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t i, n = 0;

	for (i = 0; i < s.n; i++) {
		p[n++] = s.p[i] != '=' ? s.p[i] : s.p[i + 1] == '2' ? ',' : '=';
		if (s.p[i] == '=')
			i += 2;
	}
	return str_make(p, n);
}

static bool is_key(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_lower(s.p[i]) < 'a' || ascii_lower(s.p[i]) > 'z')
			return false;
	return s.n > 0;
}

/* VCHAR / SP / HTAB / CR / LF; of a name of XOAUTH2 also UTF-8 */
static bool is_value(struct str s, bool name)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!((s.p[i] >= ' ' && s.p[i] <= '~') || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n' ||
			    (name && (unsigned char)s.p[i] >= 0x80)))
			return false;
	return !name || str_is_utf8(s);
}

/* "Bearer" 1*SP b64token (RFC 6750 2.1; the word in any case, RFC 9110 11.1) */
static int read_auth(struct str value, struct str *out)
{
	size_t i;

	if (!str_istarts(value, "Bearer "))
		return E_SYNTAX;
	value = str_from(value, strlen("Bearer "));
	while (str_starts(value, " "))
		value = str_from(value, 1);
	for (i = 0; i < value.n; i++)
		if (!((value.p[i] >= '0' && value.p[i] <= '9') || str_find(STR("-._~+/="), value.p[i]) >= 0 ||
			    (ascii_lower(value.p[i]) >= 'a' && ascii_lower(value.p[i]) <= 'z')))
			return E_SYNTAX;
	*out = value;
	return value.n > 0 ? 0 : E_SYNTAX;
}

/* *kvpair kvsep, and nothing behind it. user_out NULL: "user" is a key like others. */
static int read_pairs(struct str rest, struct str *user_out, struct str *token_out)
{
	struct str token = STR_NONE, user = STR_NONE, pair, key;
	bool is_user;

	while (rest.n > 0 && rest.p[0] != SEP) {
		pair = str_cut(&rest, SEP);
		if (!rest.p)
			return E_SYNTAX;
		key = str_cut(&pair, '=');
		is_user = user_out && str_eqc(key, "user");
		if (!pair.p || !is_key(key) || !is_value(pair, is_user))
			return E_SYNTAX;
		if (str_ieqc(key, "auth") && (token.p || read_auth(pair, &token) < 0))
			return E_SYNTAX;
		if (is_user && (user.p || pair.n == 0))
			return E_SYNTAX;
		if (is_user)
			user = pair;
	}
	if (rest.n != 1 || !token.p || (user_out && !user.p))
		return E_SYNTAX;
	if (user_out)
		*user_out = user;
	*token_out = token;
	return 0;
}

int bearer_read(struct str mech, struct str message, struct arena *a, struct bearer *out)
{
	struct bearer b = { .user = STR("") };
	struct cur c = cur_of(message);
	struct gs2 gs2;
	int r;

	if (str_eqc(mech, "XOAUTH2")) {
		r = read_pairs(message, &b.user, &b.token);
	} else {
		/* without a -PLUS there is no channel binding */
		if (gs2_parse(&c, &gs2) < 0 || gs2.flag == GS2_USED || !cur_take(&c, SEP))
			return E_SYNTAX;
		b.user = unescaped(gs2.authzid, a);
		r = read_pairs(cur_rest(&c), NULL, &b.token);
	}
	if (r == 0)
		*out = b;
	return r;
}

void bearer_refuse(struct str mech, enum bearer_error e, struct str issuer, struct str scope, struct buf *out)
{
	static const char *const word[] = { "invalid_request", "invalid_token", "insufficient_scope" };
	static const char *const number[] = { "400", "401", "403" };
	bool google = str_eqc(mech, "XOAUTH2");
	json_t *o = json_object();
	char *text;

	json_object_set_new(o, "status", json_string(google ? number[e] : word[e]));
	if (google)
		json_object_set_new(o, "schemes", json_string("bearer"));
	if (scope.n > 0)
		json_object_set_new(o, "scope", json_stringn(scope.p, scope.n));
	if (!google && str_starts(issuer, "https://")) /* OpenID Connect Discovery 4 */
		json_object_set_new(o, "openid-configuration", json_sprintf("%.*s%s.well-known/openid-configuration",
			STRF(issuer), str_ends(issuer, "/") ? "" : "/"));
	text = json_dumps(o, JSON_COMPACT);
	buf_puts(out, text ? text : "{}");
	free(text);
	json_decref(o);
}
