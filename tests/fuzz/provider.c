/* SPDX-License-Identifier: ISC
 *
 * provider.c: fuzz target of what an OpenID provider says: its document, its word about a token, and keys as it shows them.
 * Whatever it is, it is a value within its bounds, or refused with a reason.
 */
#include "auth/jwks.h"
#include "auth/oauth.h"
#include "auth/provider.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *settings(void)
{
	static struct conf *c;

	if (!c && conf_parse(STR("[oauth]\nintrospect = https://i/\nclient_id = x\nclient_secret_file = x\naudience = m\n"), "c", NULL, &c) < 0)
		BUG_ON(true);
	return c;
}

static void word(struct str in, struct arena *a)
{
	const char *why = NULL;
	struct provider_word w;
	struct str who = STR("");

	if (provider_word_read(in, STR("email"), a, &w, &why) < 0) {
		BUG_ON(!why);
		return;
	}
	BUG_ON(w.claims.n > PROVIDER_CLAIMS_MAX || w.active != (w.claims.n > 0) || w.expires < 0);
	if (w.active && oauth_claims(settings(), OAUTH_ANSWERED, w.claims, 1800000000, a, &who, &why) == 0)
		BUG_ON(who.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = size > 0 ? str_make(data + 1, size - 1) : STR("");
	const char *keys = NULL, *why = NULL;
	char host[URL_HOST_MAX];
	struct jwks *set = NULL;
	struct buf text;
	struct arena a;
	uint16_t port;

	arena_init(&a);
	buf_init(&text, 10000);
	switch (size > 0 ? data[0] % 3 : 0) {
	case 0:
		if (provider_document_read(in, STR("https://id"), &a, &keys, &why) == 0)
			BUG_ON(url_https(str_of(keys), host, &port) < 0 || port == 0 || !host[0]);
		else
			BUG_ON(!why || keys);
		break;
	case 1:
		word(in, &a);
		break;
	default:
		if (jwks_read(in, JWKS_USABLE, &text, &set) == 0)
			BUG_ON(jwks_count(set) == 0 || jwks_count(set) > JWKS_KEYS_MAX);
		else
			BUG_ON(text.n == 0);
		jwks_free(set);
	}
	buf_done(&text);
	arena_done(&a);
	return 0;
}
