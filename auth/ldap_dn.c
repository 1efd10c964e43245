/* SPDX-License-Identifier: ISC
 *
 * ldap_dn.c: names of entries, compared (see ldap.h). The same name may be written in many ways: other escapes, blanks, capitals.
 */
#include "auth/ldap.h"

#include <ldap.h>

struct str ldap_dn_key(struct str dn, struct arena *a)
{
	struct berval in = { dn.n, (char *)(uintptr_t)dn.p };
	char *text = NULL, *key;
	LDAPDN parts = NULL;
	size_t i;

	if (ldap_bv2dn(&in, &parts, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS)
		(void)ldap_dn2str(parts, &text, LDAP_DN_FORMAT_LDAPV3);
	ldap_dnfree(parts);
	key = arena_cstr(a, text ? str_of(text) : dn);
	ldap_memfree(text);
	for (i = 0; key[i]; i++)
		key[i] = ascii_lower(key[i]);
	return str_of(key);
}

bool ldap_same_dn(struct str x, struct str y)
{
	struct arena a;
	bool same;

	arena_init(&a);
	same = str_eq(ldap_dn_key(x, &a), ldap_dn_key(y, &a));
	arena_done(&a);
	return same;
}
