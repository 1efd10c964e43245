/* SPDX-License-Identifier: ISC
 *
 * client_cert.c: the chain that a client shows in its handshake: it counts for no authority that did not sign it, and the
 * names that come out of it can be logged and looked up.
 */
#include "net/client_cert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct str chain = str_make(data, size), name[CLIENT_NAMES];
	enum client_name kind;
	const char *why;
	struct arena a;
	size_t i, n;

	arena_init(&a);
	for (kind = CLIENT_NAME_EMAIL; kind <= CLIENT_NAME_CN; kind++) {
		n = 0;
		if (client_cert_names(chain, kind, &a, name, &n, &why) < 0)
			continue;
		BUG_ON(n == 0 || n > CLIENT_NAMES);
		for (i = 0; i < n; i++)
			BUG_ON(name[i].n == 0 || str_has_ctl(name[i]) || !str_is_utf8(name[i]));
	}
	arena_done(&a);
	return 0;
}
