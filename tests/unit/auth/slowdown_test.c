/* SPDX-License-Identifier: ISC
 *
 * Slow-down of failed logins by account and network.
 */
#include "auth/slowdown.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct slowdown_limits limits = { .first_ms = 2000, .max_ms = 15000,
	.memory_ms = 900000, .entries = 100 };

static struct addr peer(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_of(text), &a), 0);
	return a;
}

static void the_delay_doubles_up_to_its_maximum(void **state)
{
	static const int64_t want[] = { 2000, 4000, 8000, 15000, 15000 };
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");
	int64_t now = 1000, d;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(want); i++) {
		d = slowdown_failed(s, STR("anna@example.org"), &p, now);
		assert_int_equal(d, want[i]);
		now += d;
	}
	slowdown_free(s);
}

static void guesses_at_once_wait_in_one_line(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");

	(void)state;
	assert_int_equal(slowdown_failed(s, STR("a@b"), &p, 0), 2000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &p, 0), 6000);
	/* the right guess waits with them, or its quick answer would tell */
	assert_int_equal(slowdown_good(s, STR("a@b"), &p, 0), 6000);
	slowdown_free(s);
}

static void the_owner_elsewhere_does_not_notice(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr bad = peer("192.0.2.1"), owner = peer("198.51.100.7");
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		slowdown_failed(s, STR("a@b"), &bad, 0);
	assert_int_equal(slowdown_good(s, STR("a@b"), &owner, 0), 0);
	slowdown_free(s);
}

static void one_network_is_one_peer(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr a = peer("192.0.2.1"), b = peer("192.0.2.200"), c = peer("2001:db8::1"),
		    d = peer("2001:db8::ffff"), e = peer("2001:db8:0:1::1");

	(void)state;
	assert_int_equal(slowdown_failed(s, STR("a@b"), &a, 0), 2000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &b, 0), 6000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &c, 0), 2000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &d, 0), 6000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &e, 0), 2000);
	slowdown_free(s);
}

static void a_few_failures_do_not_hold_back_who_was_here(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");
	int i;

	(void)state;
	assert_int_equal(slowdown_good(s, STR("a@b"), &p, 1000), 0);
	slowdown_failed(s, STR("a@b"), &p, 2000);
	assert_int_equal(slowdown_good(s, STR("a@b"), &p, 2000), 0);
	for (i = 0; i < 11; i++)
		slowdown_failed(s, STR("a@b"), &p, 100000 + i * 15000);
	assert_true(slowdown_good(s, STR("a@b"), &p, 100000 + 10 * 15000) > 0);
	slowdown_free(s);
}

static void far_too_many_are_refused_right_or_wrong(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		if (slowdown_failed(s, STR("a@b"), &p, 0) == SLOWDOWN_REFUSE)
			break;
	assert_in_range(i, 4, 20);
	assert_int_equal(slowdown_good(s, STR("a@b"), &p, 0), SLOWDOWN_REFUSE);
	slowdown_free(s);
}

/* Who has the password and not the second factor sees no quicker answer, and forgives himself nothing. */
static void half_a_login_waits_and_forgets_nothing(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");

	(void)state;
	assert_int_equal(slowdown_half(s, STR("a@b"), &p, 0), 0);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &p, 0), 2000);
	assert_int_equal(slowdown_half(s, STR("a@b"), &p, 0), 2000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &p, 0), 6000);
	assert_int_equal(slowdown_half(s, STR("a@b"), &p, 1000), 5000);
	while (slowdown_failed(s, STR("a@b"), &p, 0) != SLOWDOWN_REFUSE)
		;
	assert_int_equal(slowdown_half(s, STR("a@b"), &p, 0), SLOWDOWN_REFUSE);
	slowdown_free(s);
}

static void failures_are_forgotten_after_their_time(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");

	(void)state;
	slowdown_failed(s, STR("a@b"), &p, 0);
	slowdown_failed(s, STR("a@b"), &p, 10000);
	assert_int_equal(slowdown_failed(s, STR("a@b"), &p, 10000 + 900001), 2000);
	slowdown_free(s);
}

static void names_are_folded_and_not_glued_to_the_network(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");

	(void)state;
	slowdown_failed(s, STR("Anna@B"), &p, 0);
	assert_int_equal(slowdown_failed(s, STR("anna@b"), &p, 0), 6000);
	assert_int_equal(slowdown_failed(s, STR(""), &p, 0), 2000);
	slowdown_free(s);
}

static void the_table_is_bounded(void **state)
{
	struct slowdown *s = slowdown_new(&limits);
	struct addr p = peer("192.0.2.1");
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "user%d@example.org", i);
		slowdown_failed(s, str_of(name), &p, 0);
	}
	assert_int_equal(slowdown_count(s), 100);
	slowdown_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_delay_doubles_up_to_its_maximum),
		cmocka_unit_test(guesses_at_once_wait_in_one_line),
		cmocka_unit_test(the_owner_elsewhere_does_not_notice),
		cmocka_unit_test(one_network_is_one_peer),
		cmocka_unit_test(a_few_failures_do_not_hold_back_who_was_here),
		cmocka_unit_test(far_too_many_are_refused_right_or_wrong),
		cmocka_unit_test(half_a_login_waits_and_forgets_nothing),
		cmocka_unit_test(failures_are_forgotten_after_their_time),
		cmocka_unit_test(names_are_folded_and_not_glued_to_the_network),
		cmocka_unit_test(the_table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
