/* SPDX-License-Identifier: ISC */
#include "auth/trouble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char last[1000];

static void keep(void *arg, const char *text)
{
	(void)arg;
	snprintf(last, sizeof(last), "%s", text);
}

static void the_same_words_count_once_a_minute(void **state)
{
	(void)state;
	assert_true(trouble_is_new(STR("one"), 1000));
	assert_false(trouble_is_new(STR("one"), 60999));
	assert_true(trouble_is_new(STR("two"), 60999));
	assert_true(trouble_is_new(STR("one"), 61000));
}

static void a_crowd_of_words_is_bounded(void **state)
{
	char text[20];
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		n += trouble_is_new(str_of(text), 1000000);
	}
	assert_int_equal(n, 32);
	assert_true(trouble_is_new(STR("later"), 1060000));
}

static void words_go_where_they_are_sent(void **state)
{
	char crowd[2000];

	(void)state;
	assert_null(trouble_last());
	trouble_to(keep, NULL);
	trouble_tell("%s: %d", "ldap", 7);
	assert_string_equal(last, "ldap: 7");
	assert_string_equal(trouble_last(), "ldap: 7");
	memset(crowd, 'x', sizeof(crowd) - 1);
	crowd[sizeof(crowd) - 1] = '\0';
	trouble_tell("%s", crowd);
	assert_int_equal(strlen(last), 399);
	assert_true(trouble_is_new(str_of(crowd), 2000000));
	assert_false(trouble_is_new(str_of(last), 2000001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_words_count_once_a_minute),
		cmocka_unit_test(a_crowd_of_words_is_bounded),
		cmocka_unit_test(words_go_where_they_are_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
