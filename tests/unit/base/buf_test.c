/* SPDX-License-Identifier: ISC
 *
 * buf_test.c: the maximum holds, and an error sticks until reset.
 */
#include "base/buf.h"

#include <setjmp.h>

#include <cmocka.h>

static void test_grows_to_the_maximum_and_no_further(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_puts(&b, "abcde");
	assert_int_equal(b.err, 0);
	assert_string_equal(buf_cstr(&b), "abcde");
	buf_c(&b, 'f');
	assert_int_equal(b.err, E_LIMIT);
	assert_int_equal(b.n, 5);
	buf_done(&b);
}

static void test_error_sticks_until_reset(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_puts(&b, "abc");
	buf_puts(&b, "de");
	assert_int_equal(b.err, E_LIMIT);
	buf_c(&b, 'x'); /* would fit */
	buf_drop(&b, 1);
	buf_cut(&b, 0);
	assert_null(buf_room(&b, 1));
	assert_int_equal(b.n, 3);
	buf_reset(&b);
	buf_puts(&b, "next");
	assert_int_equal(b.err, 0);
	assert_string_equal(buf_cstr(&b), "next");
	buf_done(&b);
}

static void test_format(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_fmt(&b, "%s", "");
	assert_int_equal(b.n, 0);
	for (int i = 0; i < 50; i++)
		buf_fmt(&b, "%05d,", i);
	assert_int_equal(b.n, 300);
	assert_memory_equal(b.p + 294, "00049,", 6);
	buf_fmt(&b, "%701s", "x");
	assert_int_equal(b.err, E_LIMIT);
	assert_int_equal(b.n, 300);
	buf_done(&b);
	buf_init(&b, 3); /* the memory is larger than the maximum */
	buf_fmt(&b, "%s", "abcd");
	assert_int_equal(b.err, E_LIMIT);
	buf_reset(&b);
	buf_fmt(&b, "%s", "abc");
	assert_string_equal(buf_cstr(&b), "abc");
	buf_done(&b);
}

static void test_numbers(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_u64(&b, 0);
	buf_c(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	assert_string_equal(buf_cstr(&b), "0 18446744073709551615");
	buf_done(&b);
}

static void test_drop_and_cut(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "abcdef");
	buf_drop(&b, 2);
	assert_string_equal(buf_cstr(&b), "cdef");
	buf_cut(&b, 99);
	buf_cut(&b, 3);
	assert_string_equal(buf_cstr(&b), "cde");
	buf_drop(&b, 3);
	assert_int_equal(b.n, 0);
	buf_done(&b);
}

static void test_room(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 10);
	p = buf_room(&b, 10);
	assert_non_null(p);
	memcpy(p, "0123456789", 10);
	buf_grew(&b, 10);
	assert_string_equal(buf_cstr(&b), "0123456789");
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.err, E_LIMIT);
	buf_done(&b);
}

static void test_empty_is_usable(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_string_equal(buf_cstr(&b), "");
	assert_non_null(buf_view(&b).p);
	buf_add(&b, NULL, 0);
	buf_str(&b, STR_NONE);
	assert_int_equal(b.err, 0);
	buf_wipe(&b);
	buf_c(&b, 'x');
	assert_int_equal(b.err, E_LIMIT);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_to_the_maximum_and_no_further),
		cmocka_unit_test(test_error_sticks_until_reset),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_drop_and_cut),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_empty_is_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
