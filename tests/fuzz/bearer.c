/* SPDX-License-Identifier: ISC
 *
 * bearer.c: fuzz target of access tokens: the messages of OAUTHBEARER and XOAUTH2, a token's form, its claims, and a
 * set of keys. What is read lies within its bounds, what is good has all that it needs, and no bytes are a signature.
 */
#include "auth/bearer.h"
#include "auth/oauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *settings(void)
{
	static struct conf *c;

	if (!c && conf_parse(STR("[oauth]\njwks_file = x\nissuer = i\naudience = m\n"), "c", NULL, &c) < 0)
		BUG_ON(true);
	return c;
}

static void message(struct str mech, struct str in, struct arena *a)
{
	struct bearer b;
	struct jwt t;
	const char *why = NULL;

	if (bearer_read(mech, in, a, &b) < 0)
		return;
	BUG_ON(b.token.n == 0 || b.token.p < in.p || b.token.p + b.token.n > in.p + in.n);
	BUG_ON(str_has_ctl(b.token));
	if (jwt_read(b.token, a, &t, &why) == 0)
		BUG_ON(t.alg.n == 0 || t.signed_part.n + 2 > b.token.n || t.signature.n == 0);
	else
		BUG_ON(!why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = size > 0 ? str_make(data + 1, size - 1) : STR(""), who = STR("");
	const char *why = NULL;
	struct jwks *keys = NULL;
	struct buf text;
	struct arena a;

	arena_init(&a);
	buf_init(&text, 10000);
	switch (size > 0 ? data[0] % 4 : 0) {
	case 0:
		message(STR("OAUTHBEARER"), in, &a);
		break;
	case 1:
		message(STR("XOAUTH2"), in, &a);
		break;
	case 2:
		if (oauth_claims(settings(), OAUTH_SIGNED, in, 1800000000, &a, &who, &why) == 0)
			BUG_ON(who.n == 0);
		else
			BUG_ON(!why);
		break;
	default:
		if (jwks_read(in, JWKS_STRICT, &text, &keys) == 0) {
			BUG_ON(jwks_count(keys) == 0 || jwks_count(keys) > JWKS_KEYS_MAX);
			BUG_ON(jwks_verify(keys, STR("ES256"), STR_NONE, STR("x"), in));
		} else {
			BUG_ON(text.n == 0);
		}
		jwks_free(keys);
	}
	buf_done(&text);
	arena_done(&a);
	return 0;
}
