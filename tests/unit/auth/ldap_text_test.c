/* SPDX-License-Identifier: ISC
 *
 * Text in LDAP's grammars: no value of a stranger ends a filter or a DN, whatever it holds.
 */
#include "auth/ldap_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void values_stay_values(void **state)
{
	static const struct {
		const char *in, *filter, *dn;
	} rows[] = {
		{ "anna", "anna", "anna" },
		{ "*", "\\2a", "*" },
		{ "a)(|(x=*", "a\\29\\28|\\28x=\\2a", "a)(|(x\\3d*" },
		{ "a\\2a", "a\\5c2a", "a\\5c2a" },
		{ " a,b+c ", " a,b+c ", "\\20a\\2cb\\2bc\\20" },
		{ "#a", "#a", "\\23a" },
		{ "a\r\nb", "a\\0d\\0ab", "a\\0d\\0ab" },
		{ "J\xc3\xbcrgen", "J\xc3\xbcrgen", "J\xc3\xbcrgen" },
		{ "x\";<>=", "x\";<>=", "x\\22\\3b\\3c\\3e\\3d" },
	};
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&b);
		ldap_filter_value(str_of(rows[i].in), &b);
		assert_string_equal(buf_cstr(&b), rows[i].filter);
		buf_reset(&b);
		ldap_dn_value(str_of(rows[i].in), &b);
		assert_string_equal(buf_cstr(&b), rows[i].dn);
	}
	buf_reset(&b);
	ldap_filter_value(str_make("a\0b", 3), &b); /* a NUL neither ends it nor vanishes */
	assert_string_equal(buf_cstr(&b), "a\\00b");
	buf_done(&b);
}

static void templates(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(ldap_dn_template(STR("uid=%u,ou=%d,dc=x%%"), STR("a,b"), STR("example.org"), STR("a,b@example.org"), &b), 0);
	assert_string_equal(buf_cstr(&b), "uid=a\\2cb,ou=example.org,dc=x%");
	buf_reset(&b);
	assert_int_equal(ldap_dn_template(STR("%a"), STR("%u"), STR("d"), STR("%u@d"), &b), 0);
	assert_string_equal(buf_cstr(&b), "%u@d"); /* what a value holds is no template */
	assert_int_equal(ldap_dn_template(STR("%x"), STR("a"), STR("b"), STR("c"), &b), E_SYNTAX);
	assert_int_equal(ldap_dn_template(STR("uid=%"), STR("a"), STR("b"), STR("c"), &b), E_SYNTAX);
	buf_done(&b);
}

static void values_of_the_directory(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = { { "1073741824", 1 << 30 }, { "10G", 10ull << 30 }, { "500 MB", 500 << 20 }, { "1024k", 1 << 20 },
		{ "50000000S", 50000000 }, { "*:storage=10G", 10ull << 30 }, { "*:storage=1024", 1 << 20 }, { "0", 0 }, { "3MiB", 3 << 20 } };
	static const char *const bad[] = { "", "much", "-1", "1.5G", "10X", "99999999999999999999", "2000000T", "10GG" };
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ldap_quota(str_of(rows[i].text), &n), 0);
		assert_int_equal(n, rows[i].bytes);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ldap_quota(str_of(bad[i]), &n), E_SYNTAX);
	assert_true(ldap_says_yes(STR("TRUE")) && ldap_says_yes(STR("Active ")) && ldap_says_yes(STR("1")));
	assert_false(ldap_says_yes(STR("FALSE")) || ldap_says_yes(STR("")) || ldap_says_yes(STR("0")) || ldap_says_yes(STR("truely")));
	assert_true(str_eqc(ldap_proxy_address(STR("smtp:a@b")), "a@b") && str_eqc(ldap_proxy_address(STR("SMTP:a@b")), "a@b"));
	assert_true(str_eqc(ldap_proxy_address(STR("a@b")), "a@b") && !ldap_proxy_address(STR("X500:/o=x")).p);
}

static void when_an_account_ends(void **state)
{
	static const struct {
		const char *attr, *text;
		uint64_t when;
	} rows[] = { { "accountExpires", "0", 0 }, { "AccountExpires", "9223372036854775807", 0 }, { "accountExpires", "132223104000000000", 1577836800 },
		{ "accountExpires", "1", 1 }, { "shadowExpire", "20000", 1728000000 }, { "shadowexpire", "-1", 0 }, { "shadowExpire", "0", 1 },
		{ "ends", "1728000000", 1728000000 }, { "ends", "20241004000000Z", 1728000000 }, { "ends", "20241004000000.5Z", 1728000000 }, { "ends", "0", 0 },
		/* RFC 4517 3.3.13: no seconds, no minutes, another clock */
		{ "ends", "202410040000Z", 1728000000 }, { "ends", "2024100400Z", 1728000000 }, { "ends", "2024100400,0Z", 1728000000 },
		{ "ends", "20241004013000+0130", 1728000000 }, { "ends", "2024100323-01", 1728000000 } };
	static const char *const bad[] = { "", "soon", "-5", "20241304000000Z", "2024-10-04", "99999999999999999999", "20241004000000.Z",
		"2024100400000Z", "20241004000000+", "20241004000000+1", "20241004000000+010", "20241004000000+0160", "20241004000000ZZ", "20241004250000Z" };
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ldap_expires(str_of(rows[i].attr), str_of(rows[i].text), &n), 0);
		assert_int_equal(n, rows[i].when);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ldap_expires(STR("ends"), str_of(bad[i]), &n), E_SYNTAX);
	assert_int_equal(ldap_expires(STR("accountExpires"), STR("20241004000000Z"), &n), E_SYNTAX);
	assert_int_equal(ldap_expires(STR("shadowExpire"), STR("-"), &n), E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stay_values),
		cmocka_unit_test(templates),
		cmocka_unit_test(values_of_the_directory),
		cmocka_unit_test(when_an_account_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
