/* SPDX-License-Identifier: ISC
 *
 * The fair queue and the cache of authd.
 */
#include "auth/cache.h"
#include "auth/fair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_crowd_does_not_hold_up_a_single_one(void **state)
{
	struct fair_job crowd[100] = { 0 }, single = { 0 };
	struct fair f;
	size_t i;

	(void)state;
	fair_init(&f);
	for (i = 0; i < 100; i++)
		fair_add(&f, STR("192.0.2.0"), &crowd[i]);
	fair_add(&f, STR("198.51.100.0"), &single);
	assert_ptr_equal(fair_take(&f), &crowd[0]);
	assert_ptr_equal(fair_take(&f), &single);
	assert_ptr_equal(fair_take(&f), &crowd[1]);
	assert_int_equal(f.n, 98);
	fair_remove(&f, &crowd[2]);
	fair_remove(&f, &crowd[2]);
	assert_ptr_equal(fair_take(&f), &crowd[3]);
	fair_done(&f);
}

static void an_empty_queue_gives_nothing(void **state)
{
	struct fair_job job = { 0 };
	struct fair f;

	(void)state;
	fair_init(&f);
	assert_null(fair_take(&f));
	fair_add(&f, STR(""), &job);
	fair_remove(&f, &job);
	assert_null(fair_take(&f));
	assert_int_equal(f.n, 0);
	fair_done(&f);
}

static void what_was_taken_and_not_done_waits_where_it_was(void **state)
{
	struct fair_job one[4] = { 0 }, other = { 0 };
	struct fair f;

	(void)state;
	fair_init(&f);
	fair_add(&f, STR("one"), &one[0]);
	fair_add(&f, STR("one"), &one[1]);
	fair_add(&f, STR("one"), &one[2]);
	assert_ptr_equal(fair_take(&f), &one[0]);
	assert_ptr_equal(fair_take(&f), &one[1]);
	fair_add(&f, STR("one"), &one[3]);
	fair_add(&f, STR("other"), &other);
	fair_again(&f, STR("one"), &one[0]);
	fair_again(&f, STR("one"), &one[1]); /* in whichever order they come back */
	assert_ptr_equal(fair_take(&f), &one[0]); /* it is this lane's turn still */
	assert_ptr_equal(fair_take(&f), &other);
	assert_ptr_equal(fair_take(&f), &one[1]);
	assert_ptr_equal(fair_take(&f), &one[2]);
	assert_ptr_equal(fair_take(&f), &one[3]);
	fair_again(&f, STR("one"), &one[3]);
	assert_ptr_equal(fair_take(&f), &one[3]);
	assert_null(fair_take(&f));
	fair_done(&f);
}

static bool not_the_crowd(struct str lane, void *arg)
{
	(void)arg;
	return !str_eqc(lane, "crowd");
}

static void a_lane_may_be_passed_over(void **state)
{
	struct fair_job crowd[2] = { 0 }, single = { 0 };
	struct fair f;

	(void)state;
	fair_init(&f);
	fair_add(&f, STR("crowd"), &crowd[0]);
	fair_add(&f, STR("crowd"), &crowd[1]);
	fair_add(&f, STR("single"), &single);
	assert_ptr_equal(fair_take_if(&f, not_the_crowd, NULL), &single);
	assert_null(fair_take_if(&f, not_the_crowd, NULL));
	assert_int_equal(f.n, 2);
	assert_ptr_equal(fair_take(&f), &crowd[0]);
	fair_done(&f);
}

static void answers_live_their_time(void **state)
{
	struct cache *c = cache_new(10, 1000);

	(void)state;
	cache_put(c, STR("q"), STR("yes"), 0);
	assert_true(str_eqc(cache_get(c, STR("q"), 999), "yes"));
	assert_null(cache_get(c, STR("q"), 1000).p);
	cache_put(c, STR("q"), STR("yes"), 2000);
	cache_put(c, STR("q"), STR("no"), 2500);
	assert_true(str_eqc(cache_get(c, STR("q"), 3100), "no"));
	cache_clear(c);
	assert_null(cache_get(c, STR("q"), 3100).p);
	cache_free(c);
}

static void the_cache_is_bounded_and_may_be_off(void **state)
{
	struct cache *c = cache_new(2, 1000);

	(void)state;
	cache_put(c, STR("1"), STR("a"), 0);
	cache_put(c, STR("2"), STR("b"), 0);
	cache_put(c, STR("3"), STR("c"), 0);
	assert_null(cache_get(c, STR("1"), 1).p);
	assert_non_null(cache_get(c, STR("2"), 1).p);
	cache_set(c, 0, 1000);
	cache_put(c, STR("4"), STR("d"), 0);
	assert_null(cache_get(c, STR("4"), 1).p);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_does_not_hold_up_a_single_one),
		cmocka_unit_test(an_empty_queue_gives_nothing),
		cmocka_unit_test(what_was_taken_and_not_done_waits_where_it_was),
		cmocka_unit_test(a_lane_may_be_passed_over),
		cmocka_unit_test(answers_live_their_time),
		cmocka_unit_test(the_cache_is_bounded_and_may_be_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
