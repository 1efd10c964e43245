/* SPDX-License-Identifier: ISC
 *
 * str_test.c: the corners of borrowed bytes.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_equality_needs_equal_length(void **state)
{
	(void)state;
	assert_true(str_eq(STR("ab"), STR("ab")));
	assert_false(str_eq(STR("ab"), STR("abc")));
	assert_true(str_eq(STR_NONE, STR("")));
	assert_true(str_eqc(STR(""), NULL));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_ieq(STR("MaIl\xc4"), STR("mAiL\xc4")));
	assert_false(str_ieq(STR("\xc4"), STR("\xe4"))); /* no locale */
	assert_false(str_ieq(STR("@"), STR("`")));
	assert_false(str_ieq(STR("["), STR("{")));
}

static void test_order(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR_NONE, STR_NONE), 0);
	assert_int_equal(str_icmp(STR("ABC"), STR("abc")), 0);
	assert_true(str_icmp(STR("ABD"), STR("abc")) > 0);
}

static void test_prefix_and_suffix(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), "ab"));
	assert_false(str_starts(STR("a"), "ab"));
	assert_true(str_starts(STR_NONE, ""));
	assert_true(str_istarts(STR("IMAP x"), "imap "));
	assert_true(str_ends(STR("abc"), "bc"));
	assert_true(str_ends(STR_NONE, ""));
	assert_false(str_ends(STR("c"), "bc"));
}

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("a.b.c"), '.'), 1);
	assert_int_equal(str_rfind(STR("a.b.c"), '.'), 3);
	assert_int_equal(str_find(STR("abc"), '.'), -1);
	assert_int_equal(str_find(STR_NONE, '.'), -1);
	assert_int_equal(str_find(STR("a\0b"), '\0'), 1);
	assert_int_equal(str_find(STR("\xff"), '\xff'), 0);
	assert_int_equal(str_search(STR("aab"), STR("ab")), 1);
	assert_int_equal(str_search(STR("aab"), STR("")), 0);
	assert_int_equal(str_search(STR("a"), STR("ab")), -1);
	assert_int_equal(str_search(STR_NONE, STR_NONE), 0);
}

static void test_cutting(void **state)
{
	struct str rest = STR("a,,b");

	(void)state;
	assert_true(str_eqc(str_cut(&rest, ','), "a"));
	assert_true(str_eqc(str_cut(&rest, ','), ""));
	assert_non_null(rest.p);
	assert_true(str_eqc(str_cut(&rest, ','), "b"));
	assert_null(rest.p);
	rest = STR("a,");
	assert_true(str_eqc(str_cut(&rest, ','), "a"));
	assert_non_null(rest.p); /* an empty last piece is still to come */
	assert_true(str_eqc(str_cut(&rest, ','), ""));
	assert_null(rest.p);
	assert_true(str_eqc(str_sub(STR("abcdef"), 2, 4), "cd"));
	assert_true(str_eqc(str_sub(STR("abc"), 2, 99), "c"));
	assert_true(str_eqc(str_sub(STR("abc"), 99, 2), ""));
	assert_true(str_eqc(str_from(STR("abc"), 3), ""));
	assert_true(str_eqc(str_trim(STR(" \t\r\na b\n ")), "a b"));
	assert_int_equal(str_trim(STR(" \t ")).n, 0);
}

static void test_numbers(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(str_u64(STR("0"), 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(str_u64(STR("18446744073709551615"), UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_int_equal(str_u64(STR("18446744073709551616"), UINT64_MAX, &v), E_LIMIT);
	assert_int_equal(str_u64(STR("99999999999999999999999999"), UINT64_MAX, &v), E_LIMIT);
	assert_int_equal(str_u64(STR("11"), 10, &v), E_LIMIT);
	assert_int_equal(str_u64(STR(""), 10, &v), E_SYNTAX);
	assert_int_equal(str_u64(STR("+1"), 10, &v), E_SYNTAX);
	assert_int_equal(str_u64(STR("-1"), 10, &v), E_SYNTAX);
	assert_int_equal(str_u64(STR(" 1"), 10, &v), E_SYNTAX);
	assert_int_equal(str_u64(STR("1\0"), 10, &v), E_SYNTAX);
	assert_int_equal(str_u64(STR("99999999999999999999999999x"), 10, &v), E_SYNTAX);
	assert_int_equal(v, 7);
}

static void test_utf8(void **state)
{
	static const struct {
		struct str s;
		bool good;
	} row[] = {
		{ STR(""), true },
		{ STR("a\0b"), true },
		{ STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xac"), true },
		{ STR("\xf4\x8f\xbf\xbf"), true },
		{ STR("\xee\x80\x80"), true },
		{ STR("\xc0\x80"), false }, /* overlong NUL */
		{ STR("\xc1\xbf"), false },
		{ STR("\xe0\x9f\xbf"), false },
		{ STR("\xf0\x8f\xbf\xbf"), false },
		{ STR("\xed\xa0\x80"), false }, /* surrogate */
		{ STR("\xf4\x90\x80\x80"), false },
		{ STR("\xf5\x80\x80\x80"), false },
		{ STR("\x80"), false },
		{ STR("\xc3"), false },
		{ STR("\xe2\x82"), false },
		{ STR("\xc3("), false },
		{ STR("\xff"), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(str_is_utf8(row[i].s), row[i].good);
}

/* What is shown to people in one line, and comes from others. */
static void test_a_line_fools_nobody(void **state)
{
	static const struct {
		struct str s;
		bool good;
	} row[] = {
		{ STR(""), true }, { STR("as asked \xc3\xbc~ \xe6\x97\xa5"), true }, { STR("\xd7\xa9\xd7\x9c"), true }, /* Hebrew */
		{ STR("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"), true }, /* a joiner */
		{ STR("a\nb"), false }, { STR("a\tb"), false }, { STR("a\0b"), false }, { STR("\x1b[31m"), false }, { STR("\x7f"), false },
		{ STR("a\xc2\x85" "b"), false }, { STR("\xc2\x9b" "31m"), false }, /* NEL, CSI */
		{ STR("a\xe2\x80\xae" "b"), false }, { STR("\xe2\x80\x8f"), false }, { STR("\xe2\x81\xa6"), false },
		{ STR("\xe2\x80\xa8"), false }, { STR("\xef\xbb\xbf"), false }, { STR("\xf3\xa0\x81\x81"), false },
		{ STR("\xff"), false }, { STR("\xc3"), false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(str_is_line(row[i].s), row[i].good);
}

static void test_classes(void **state)
{
	(void)state;
	assert_true(str_has_ctl(STR("a\x7f")));
	assert_true(str_has_ctl(STR("a\0")));
	assert_false(str_has_ctl(STR("a \xff~")));
	assert_true(str_is_ascii(STR("a\x7f\0")));
	assert_false(str_is_ascii(STR("a\x80")));
	assert_int_equal(ascii_lower('Z'), 'z');
	assert_int_equal(ascii_lower('['), '[');
	assert_int_equal(ascii_upper('a'), 'A');
	assert_int_equal(ascii_upper('`'), '`');
}

static void test_every_code_has_a_text(void **state)
{
	(void)state;
	for (int e = E_FULL; e <= E_SYNTAX; e++)
		assert_string_not_equal(err_text(e), "unknown error");
	assert_string_equal(err_text(-ENOENT), "No such file or directory");
	assert_string_equal(err_text(-9999), "unknown error");
	assert_string_equal(err_text(INT32_MIN), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality_needs_equal_length),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_prefix_and_suffix),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_cutting),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_a_line_fools_nobody),
		cmocka_unit_test(test_every_code_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
