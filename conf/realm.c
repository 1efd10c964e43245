/* SPDX-License-Identifier: ISC
 *
 * realm.c: see realm.h (RFC 4120 6.1: realms that look like domains).
 */
#include "conf/realm.h"

#include "base/base.h"
#include "net/dns.h"

int kerberos_realm_parse(struct str text, struct kerberos_realm *out)
{
	struct kerberos_realm v = { .domain = STR("") };
	bool given = str_find(text, '=') >= 0;
	size_t i;

	v.realm = str_trim(str_cut(&text, '='));
	if (given)
		v.domain = str_trim(text);
	for (i = 0; i < v.realm.n; i++)
		if (!((v.realm.p[i] >= '0' && v.realm.p[i] <= '9') || v.realm.p[i] == '.' || v.realm.p[i] == '-' ||
			    (ascii_lower(v.realm.p[i]) >= 'a' && ascii_lower(v.realm.p[i]) <= 'z')))
			return E_SYNTAX;
	if (v.realm.n == 0 || v.realm.n > 255 || (given && !dns_is_hostname(v.domain)))
		return E_SYNTAX;
	*out = v;
	return 0;
}
