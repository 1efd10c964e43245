/* SPDX-License-Identifier: ISC
 *
 * policy_sts_test.c: MTA-STS records and policies: what is one, what is none, what is broken; which hosts it names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "smtp/policy/sts.h"

static void records(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *id;
	} rows[] = {
		{ "v=STSv1; id=20160831085700Z;", 1, "20160831085700Z" },
		{ "v=STSv1;id=a", 1, "a" },
		{ "v=STSv1 ; x=y; id=b1 ; id=c", 1, "b1" },
		{ "v=spf1 mx -all", 0, NULL },
		{ "", 0, NULL },
		{ "v=STSv1", E_SYNTAX, NULL },
		{ "v=STSv1; id=", E_SYNTAX, NULL },
		{ "v=STSv1; id=a-b", E_SYNTAX, NULL },
		{ "v=STSv1; id=123456789012345678901234567890123", E_SYNTAX, NULL },
		{ "v=STSv11; id=a", 0, NULL },
	};
	struct str id;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sts_record_parse(str_of(rows[i].text), &id), rows[i].result);
		if (rows[i].id)
			assert_true(str_eqc(id, rows[i].id));
	}
}

static void a_policy_is_read_whole(void **state)
{
	struct sts_policy p;
	struct arena a;
	const char *why;

	(void)state;
	arena_init(&a);
	assert_int_equal(sts_policy_parse(STR("version: STSv1\r\nmode: enforce\r\nmx: MAIL.example.com\r\nmx:*.example.net\r\nnew: thing\r\nmode: none\r\nmax_age: 604800"),
		&a, &p, &why), 0);
	assert_int_equal(p.mode, STS_ENFORCE);
	assert_int_equal(p.max_age, 604800);
	assert_int_equal(p.n, 2);
	assert_true(str_eqc(p.mx[0], "mail.example.com") && str_eqc(p.mx[1], "*.example.net"));
	assert_int_equal(sts_policy_parse(STR("version:STSv1\nmode:none\nmax_age:9999999999\n"), &a, &p, &why), 0);
	assert_int_equal(p.max_age, STS_AGE_MAX);
	arena_done(&a);
}

static void broken_policies_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "", "it has no version" },
		{ "<html>\n", "a line is no \"name: value\"" },
		{ "version: STSv2\nmode: none\nmax_age: 1\n", "its version is not STSv1" },
		{ "version: STSv1\nmode: strict\n", "its mode is none of enforce, testing, none" },
		{ "version: STSv1\nmode: enforce\nmax_age: 1\n", "it has no mx" },
		{ "version: STSv1\nmode: enforce\nmx: a.b\n", "it has no max_age" },
		{ "version: STSv1\nmode: none\nmax_age: -1\n", "its max_age is no number of seconds" },
		{ "version: STSv1\nmode: none\nmax_age: 12345678901\n", "its max_age is no number of seconds" },
		{ "version: STSv1\nmode: enforce\nmx: a..b\nmax_age: 1\n", "one of its mx is no name" },
		{ "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "one of its mx is no name" },
		{ "version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1\n", "one of its mx is no name" },
	};
	struct buf many;
	struct sts_policy p;
	struct arena a;
	const char *why;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sts_policy_parse(str_of(rows[i][0]), &a, &p, &why), E_SYNTAX);
		assert_string_equal(why, rows[i][1]);
	}
	buf_init(&many, 1 << 20);
	buf_puts(&many, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (i = 0; i <= STS_MX; i++)
		buf_fmt(&many, "mx: m%zu.example\n", i);
	assert_int_equal(sts_policy_parse(buf_view(&many), &a, &p, &why), E_LIMIT);
	for (i = 0; i < 65536 / 8; i++)
		buf_puts(&many, "x: 5678\n");
	assert_int_equal(sts_policy_parse(buf_view(&many), &a, &p, &why), E_LIMIT);
	assert_string_equal(why, "it is too long");
	buf_done(&many);
	arena_done(&a);
}

static void patterns_name_hosts(void **state)
{
	static const struct {
		const char *pattern, *host;
		bool match;
	} rows[] = {
		{ "mail.example.com", "mail.example.com", true }, { "mail.example.com", "MAIL.Example.com", true },
		{ "mail.example.com", "mail.example.com.", true }, { "mail.example.com", "a.mail.example.com", false },
		{ "*.example.com", "mail.example.com", true }, { "*.example.com", "example.com", false },
		{ "*.example.com", "a.b.example.com", false }, { "*.example.com", "mail.example.com.evil.test", false },
		{ "*.example.com", "com", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(sts_matches(str_of(rows[i].pattern), str_of(rows[i].host)), rows[i].match);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(a_policy_is_read_whole),
		cmocka_unit_test(broken_policies_are_refused),
		cmocka_unit_test(patterns_name_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
