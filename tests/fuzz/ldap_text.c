/* SPDX-License-Identifier: ISC
 *
 * ldap_text.c: any bytes as a value: in a filter and in a DN they stay one value.
 */
#include "auth/ldap_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), s;
	uint64_t n;
	struct buf b;
	size_t i;

	buf_init(&b, 4 * size + 100);
	buf_puts(&b, "(mail=");
	ldap_filter_value(in, &b);
	buf_c(&b, ')');
	s = buf_view(&b);
	for (i = 1; i + 1 < s.n; i++)
		BUG_ON(s.p[i] == '(' || s.p[i] == ')' || s.p[i] == '*' || s.p[i] == '\0');
	buf_reset(&b);
	if (ldap_dn_template(STR("cn=%u"), in, in, in, &b) == 0) {
		s = str_from(buf_view(&b), 3);
		for (i = 0; i < s.n; i++)
			BUG_ON(s.p[i] == ',' || s.p[i] == '+' || s.p[i] == '\0');
	}
	buf_reset(&b);
	(void)ldap_dn_template(in, STR("a"), STR("b"), STR("c"), &b);
	(void)ldap_quota(in, &n);
	(void)ldap_says_yes(in);
	(void)ldap_proxy_address(in);
	buf_done(&b);
	return 0;
}
