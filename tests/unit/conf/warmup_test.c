/* SPDX-License-Identifier: ISC
 *
 * warmup_test.c: how much a new source address may send, day by day.
 */
#include "conf/warmup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_address_and_its_first_day(void **state)
{
	static const char *const bad[] = { "", "192.0.2.7", "192.0.2.7 ", "2026-11-22", "192.0.2.7 2026-13-01", "192.0.2.7 2026-02-29",
		"192.0.2.7 26-11-22", "192.0.2.7 2026-11-31", "192.0.2.300 2026-11-22", "192.0.2.7 2026-11-22x", "192.0.2.7 1969-12-31" };
	static const struct {
		const char *rule;
		int64_t day;
	} good[] = {
		{ "192.0.2.7 1970-01-01", 0 }, { "192.0.2.7 1970-03-01", 59 }, { "2001:db8::7 2000-02-29", 11016 }, { "192.0.2.7  2026-11-22", 20779 },
		{ "192.0.2.7 2100-03-01", 47541 },
	};
	int64_t day = -1;
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (warmup_parse(str_of(bad[i]), &a, &day) != E_SYNTAX)
			fail_msg("%s", bad[i]);
	assert_int_equal(day, -1);
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(warmup_parse(str_of(good[i].rule), &a, &day), 0);
		assert_int_equal(day, good[i].day);
	}
}

static void it_begins_with_little_and_grows(void **state)
{
	(void)state;
	assert_int_equal(warmup_messages(0, 50, 150, 30), 50);
	assert_int_equal(warmup_messages(1, 50, 150, 30), 75);
	assert_int_equal(warmup_messages(2, 50, 150, 30), 112);
	assert_int_equal(warmup_messages(29, 50, 150, 30), 6391683);
	assert_true(warmup_messages(30, 50, 150, 30) == WARMUP_NONE);
	assert_int_equal(warmup_messages(-5, 50, 150, 30), 50); /* it was to begin later, or the clock was set back */
	assert_int_equal(warmup_messages(10, 1, 100, 30), 1);
	assert_int_equal(warmup_messages(2, 1, 150, 30), 2); /* few grow too */
	assert_true(warmup_messages(3000, 10000000, 1000, 3650) > 1000000000); /* and no number overflows */
}

static void the_settings_name_addresses(void **state)
{
	struct conf *c = NULL;
	struct addr a;
	int64_t nth = -1;

	(void)state;
	assert_int_equal(conf_parse(STR("[send]\nwarmup = 192.0.2.7 2026-11-20, 2001:db8::7 2026-11-22\nwarmup_first = 10\nwarmup_growth = 200\n"),
		"test", NULL, &c), 0);
	assert_int_equal(addr_parse(STR("192.0.2.7"), &a), 0);
	assert_int_equal(warmup_limit(c, &a, 20779, &nth), 40);
	assert_int_equal(nth, 2);
	assert_int_equal(addr_parse(STR("2001:db8:0::7"), &a), 0);
	assert_int_equal(warmup_limit(c, &a, 20779, &nth), 10);
	assert_int_equal(addr_parse(STR("192.0.2.8"), &a), 0);
	assert_true(warmup_limit(c, &a, 20779, NULL) == WARMUP_NONE);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_and_its_first_day),
		cmocka_unit_test(it_begins_with_little_and_grows),
		cmocka_unit_test(the_settings_name_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
