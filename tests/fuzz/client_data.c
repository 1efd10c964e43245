/* SPDX-License-Identifier: ISC
 *
 * client_data.c: fuzz target of what comes of a security key: the browser's JSON, and the data of the key itself. Nothing that is
 * not an answer to our challenge on our page is good, and no bytes are a signature.
 */
#include "auth/webauthn.h"

#include "base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GOOD "{\"type\":\"webauthn.create\",\"challenge\":\"abc\",\"origin\":\"https://a\"}"

static struct str encoded(struct arena *a, struct str s)
{
	struct str out;
	struct buf b;

	buf_init(&b, 1024 * 1024);
	base64url_encode(s, &b);
	out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct client_data_asked asked = { STR("abc"), STR("https://a") };
	struct str in = size > 0 ? str_make(data + 1, size - 1) : STR("");
	struct webauthn_key key = { .credential = STR("") };
	const char *why = NULL;
	uint32_t counter;
	struct arena a;

	if (size > 64 * 1024)
		return 0;
	arena_init(&a);
	switch (size > 0 ? data[0] % 3 : 0) {
	case 0:
		if (!client_data_check(in, "webauthn.get", &asked))
			BUG_ON(str_search(in, STR("origin")) < 0 && str_find(in, '\\') < 0);
		break;
	case 1:
		if (webauthn_new(&asked, encoded(&a, STR(GOOD)), encoded(&a, in), &a, &key, &why) == 0)
			BUG_ON(key.credential.n == 0 || key.public.n == 0);
		else
			BUG_ON(!why);
		break;
	default:
		key.algorithm = STR("EdDSA");
		key.public = STR("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"); /* RFC 8032 7.1 */
		BUG_ON(webauthn_check(&asked, &key, encoded(&a, STR(GOOD)), encoded(&a, in), encoded(&a, STR("x")), &counter, &why) == 0 || !why);
	}
	arena_done(&a);
	return 0;
}
