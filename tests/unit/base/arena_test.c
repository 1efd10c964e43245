/* SPDX-License-Identifier: ISC
 *
 * arena_test.c: zeroed, aligned, apart, and reusable.
 */
#include "base/arena.h"

#include <setjmp.h>

#include <cmocka.h>

static void test_zeroed_and_aligned_also_after_reset(void **state)
{
	static const char zero[5000];
	struct arena a;

	(void)state;
	arena_init(&a);
	for (int round = 0; round < 3; round++) {
		for (size_t n = 0; n < sizeof zero; n += 37) {
			char *p = arena_alloc(&a, n);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			assert_memory_equal(p, zero, n);
			memset(p, 0xaa, n);
		}
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
	arena_done(&a);
}

static void test_pieces_do_not_overlap(void **state)
{
	struct arena a;
	unsigned char *p[500];

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = arena_alloc(&a, i + 1);
		memset(p[i], (int)(i & 255), i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		assert_int_equal(p[i][0], i & 255);
		assert_int_equal(p[i][i], i & 255);
	}
	arena_done(&a);
}

static void test_larger_than_any_chunk(void **state)
{
	struct arena a;
	char *small, *big;

	(void)state;
	arena_init(&a);
	small = arena_cstr(&a, STR("small"));
	big = arena_alloc(&a, 3000000);
	big[2999999] = 'x';
	assert_string_equal(small, "small");
	arena_reset(&a);
	assert_non_null(a.first);
	assert_true(a.first == a.cur);
	arena_wipe(&a);
	assert_null(a.first);
}

static void test_text(void **state)
{
	struct arena a;
	struct str s;

	(void)state;
	arena_init(&a);
	s = arena_str(&a, STR("a\0b"));
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "a\0b", 4);
	assert_string_equal(arena_str(&a, STR_NONE).p, "");
	assert_string_equal(arena_fmt(&a, "%d-%s", 7, "x"), "7-x");
	assert_int_equal(strlen(arena_fmt(&a, "%5000s", "x")), 5000);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned_also_after_reset),
		cmocka_unit_test(test_pieces_do_not_overlap),
		cmocka_unit_test(test_larger_than_any_chunk),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
