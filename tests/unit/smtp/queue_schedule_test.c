/* SPDX-License-Identifier: ISC
 *
 * queue_schedule_test.c: when the queue tries again, gives up, and warns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smtp/queue/schedule.h"

static void the_schedule_waits_and_repeats_its_last_step(void **state)
{
	struct schedule s = { .step = { 60, 300, 900 }, .n = 3, .lifetime = 86400, .delay_warning = 600 };

	(void)state;
	assert_int_equal(schedule_wait(&s, 1), 60);
	assert_int_equal(schedule_wait(&s, 2), 300);
	assert_int_equal(schedule_wait(&s, 3), 900);
	assert_int_equal(schedule_wait(&s, 400), 900);
	assert_int_equal(schedule_longest(&s), 900);
	assert_int_equal(schedule_wait_lost(&s, 1), 5);
	assert_int_equal(schedule_wait_lost(&s, 2), 10);
	assert_int_equal(schedule_wait_lost(&s, 30), 900);
}

static void age_alone_expires_nothing(void **state)
{
	struct schedule s = { .step = { 60, 300, 900 }, .n = 3, .lifetime = 86400, .delay_warning = 100 };

	(void)state;
	assert_false(schedule_expired(&s, 86399, 100));
	assert_false(schedule_expired(&s, 86400 * 365, 2));
	assert_true(schedule_expired(&s, 86400, 3));
	assert_false(schedule_late(&s, 99, 10));
	assert_false(schedule_late(&s, 86400 * 365, 1));
	assert_true(schedule_late(&s, 100, 2));
	s.lifetime = 30; /* shorter than the first step: one attempt is all there is */
	assert_true(schedule_expired(&s, 30, 1));
	s.delay_warning = 0;
	assert_false(schedule_late(&s, 86400, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schedule_waits_and_repeats_its_last_step),
		cmocka_unit_test(age_alone_expires_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
