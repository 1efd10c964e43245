/* SPDX-License-Identifier: ISC */
#include "conf/near.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned d(const char *a, const char *b)
{
	unsigned there = near_distance(str_of(a), str_of(b));

	assert_int_equal(there, near_distance(str_of(b), str_of(a)));
	return there;
}

static void edits_are_counted(void **state)
{
	(void)state;
	assert_int_equal(d("hops", "hops"), 0);
	assert_int_equal(d("", "hops"), 4);
	assert_int_equal(d("hostnam", "hostname"), 1);
	assert_int_equal(d("smpt", "smtp"), 1);
	assert_int_equal(d("kitten", "sitting"), 3);
	assert_int_equal(d("ab", "ba"), 1);
}

static void long_words_are_far(void **state)
{
	char word[66];

	(void)state;
	memset(word, 'a', 65);
	word[65] = '\0';
	assert_int_equal(d(word, "a"), UINT_MAX);
	word[64] = '\0';
	assert_int_equal(d(word, "a"), 63);
	assert_false(near_enough(str_of(word), UINT_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_are_counted),
		cmocka_unit_test(long_words_are_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
