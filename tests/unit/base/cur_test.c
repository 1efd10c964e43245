/* SPDX-License-Identifier: ISC
 *
 * cur_test.c: a cursor that does not match does not move.
 */
#include "base/cur.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_words(void **state)
{
	struct cur c = cur_of(STR("MAIL from"));

	(void)state;
	assert_false(cur_word(&c, "mail"));
	assert_false(cur_iword(&c, "mailx"));
	assert_int_equal(cur_left(&c), 9);
	assert_true(cur_iword(&c, "mail"));
	assert_true(cur_take(&c, ' '));
	assert_false(cur_take(&c, ' '));
	assert_true(cur_word(&c, "from"));
	assert_true(cur_end(&c));
	assert_int_equal(cur_next(&c), -1);
	assert_int_equal(cur_peek(&c), -1);
	assert_false(cur_take(&c, '\0'));
	assert_true(cur_word(&c, ""));
}

static void test_empty(void **state)
{
	struct cur c = cur_of(STR_NONE);
	struct str out = STR("before");

	(void)state;
	assert_true(cur_end(&c));
	assert_false(cur_bytes(&c, 1, &out));
	assert_true(str_eqc(out, "before"));
	assert_true(cur_bytes(&c, 0, &out));
	assert_int_equal(out.n, 0);
	assert_false(cur_iword(&c, "x"));
}

static void test_span_and_bytes(void **state)
{
	static cur_class digits = { ['0' ... '9'] = 1, ['a' ... 'f'] = 2, [0xff] = 2 };
	struct cur c = cur_of(STR("12ab\xffz"));
	struct str out;

	(void)state;
	assert_int_equal(cur_span(&c, digits, 2).n, 0);
	assert_true(str_eqc(cur_span(&c, digits, 1), "12"));
	assert_true(str_eqc(cur_span(&c, digits, 1 | 2), "ab\xff"));
	assert_false(cur_bytes(&c, 2, &out));
	assert_true(cur_bytes(&c, 1, &out));
	assert_true(str_eqc(out, "z"));
}

static void test_numbers(void **state)
{
	struct cur c = cur_of(STR("123x"));
	uint64_t v = 0;

	(void)state;
	assert_int_equal(cur_u64(&c, 122, &v), E_LIMIT);
	assert_int_equal(cur_left(&c), 4);
	assert_int_equal(cur_u64(&c, 123, &v), 1);
	assert_int_equal(v, 123);
	assert_int_equal(cur_u64(&c, 123, &v), 0);
	assert_true(str_eqc(cur_rest(&c), "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_span_and_bytes),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
