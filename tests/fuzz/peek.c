/* SPDX-License-Identifier: ISC
 *
 * peek.c: what a client says in a login, by any mechanism: a name of bounded length comes out, the same each time.
 */
#include "auth/peek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mech[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256", "OTHER", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5", "APOP", "EXTERNAL" };
	struct str in = size > 0 ? str_make(data + 1, size - 1) : STR(""), name;
	struct arena a;

	arena_init(&a);
	name = peek_name(str_of(mech[size > 0 ? data[0] % ARRAY_LEN(mech) : 0]), in, &a);
	BUG_ON(!name.p);
	BUG_ON(name.n > 4 * 512);
	BUG_ON(!str_eq(name, peek_normal(name, &a)) && name.n < 512);
	arena_done(&a);
	return 0;
}
