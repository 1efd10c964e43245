/* SPDX-License-Identifier: ISC
 *
 * kerberos.c: a keytab, a client's first token, and a principal: read within their bounds; what comes out of a principal is a
 * name that can be looked up.
 */
#include "auth/auth.h"
#include "auth/gss_token.h"
#include "auth/kerberos.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct conf *conf;
	struct str in = str_make(data, size), name = STR("");
	const char *text;
	struct buf why;
	struct arena a;

	if (!conf)
		BUG_ON(conf_parse(STR("[kerberos]\nrealms = EXAMPLE.ORG, A.ORG=example.org\n"), "fuzz", NULL, &conf) < 0);
	arena_init(&a);
	buf_init(&why, 1024);
	BUG_ON((auth_keytab_check(in, &why) < 0) != (why.n > 0));
	BUG_ON(gss_token_is_ap_req(in, true) && gss_token_is_ap_req(in, false));
	if (kerberos_account(conf, in, &a, &name, &text) == 0)
		BUG_ON(name.n == 0 || str_has_ctl(name) || str_find(name, '@') <= 0);
	buf_done(&why);
	arena_done(&a);
	return 0;
}
