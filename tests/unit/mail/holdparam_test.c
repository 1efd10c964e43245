/* SPDX-License-Identifier: ISC
 *
 * HOLDFOR, HOLDUNTIL, MT-PRIORITY: what is taken and what is not.
 */
#include "mail/holdparam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void hold_for(void **state)
{
	static const char *const bad[] = { "", "0", "01", "-1", "1.5", "1000000000", "1s", " 1", "+1" };
	int64_t n = 7;
	size_t i;

	(void)state;
	assert_int_equal(hold_for_parse(STR("1"), &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(hold_for_parse(STR("999999999"), &n), 0);
	assert_int_equal(n, 999999999);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(hold_for_parse(str_of(bad[i]), &n), E_SYNTAX);
	assert_int_equal(n, 999999999);
}

static void hold_until(void **state)
{
	static const struct {
		const char *text;
		int64_t time;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-12-24T18:30:05Z", 1798137005 },
		{ "2028-02-29t23:59:59z", 1835481599 },
		{ "2026-12-24T18:30:05.000Z", 1798137005 },
		{ "2026-12-24T18:30:05.001Z", 1798137006 }, /* never too early */
	};
	static const char *const bad[] = { "", "2026-12-24", "2026-12-24T18:30:05", "2026-12-24T18:30:05+00:00", "2026-13-24T18:30:05Z",
		"2026-02-29T00:00:00Z", "2026-12-24T24:00:00Z", "2026-12-24T18:60:05Z", "2026-12-24T18:30:05.Z", "2026-12-24T18:30:05ZZ",
		"2026-12-24 18:30:05Z", "26-12-24T18:30:05Z", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-1a-01T00:00:00Z" };
	struct buf out;
	int64_t t = -1;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(hold_until_parse(str_of(good[i].text), &t), 0);
		assert_int_equal(t, good[i].time);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (hold_until_parse(str_of(bad[i]), &t) != E_SYNTAX)
			fail_msg("%s", bad[i]);
	buf_init(&out, 100);
	hold_until_print(1798137005, &out);
	assert_string_equal(buf_cstr(&out), "2026-12-24T18:30:05Z");
	buf_done(&out);
}

static void priority(void **state)
{
	static const char *const bad[] = { "", "-", "-0", "10", "-10", "+1", "01", "1 ", "a" };
	char text[4];
	size_t i;
	int n = 0, p;

	(void)state;
	for (p = -9; p <= 9; p++) {
		snprintf(text, sizeof text, "%d", p);
		assert_int_equal(priority_parse(str_of(text), &n), 0);
		assert_int_equal(n, p);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(priority_parse(str_of(bad[i]), &n), E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hold_for),
		cmocka_unit_test(hold_until),
		cmocka_unit_test(priority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
