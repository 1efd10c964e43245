/* SPDX-License-Identifier: ISC
 *
 * Accounts that were asked for together: what is known of a name, and for how long.
 */
#include "auth/prefetched.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct prefetched p;
static struct arena a;

static void expect(const char *local, bool is_new)
{
	assert_int_equal(prefetched_expect(&p, &(struct directory_name){ str_of(local), STR("example.org") }), is_new);
}

static void tell(const char *local, const char *hash)
{
	prefetched_tell(&p, &(struct directory_account){ .id = 7, .local = arena_str(&p.a, str_of(local)), .domain = STR("example.org"),
		.hash = arena_str(&p.a, str_of(hash)) });
}

/* What `account` answers; 1: it asks. */
static int get(const char *local, struct directory_account *v)
{
	int r = 99;

	return prefetched_get(&p, str_of(local), STR("example.org"), &a, v, &r) ? r : 1;
}

static void each_name_is_there_or_not_or_was_not_asked_for(void **state)
{
	struct directory_account v = { .id = 1 };

	(void)state;
	expect("anna", true);
	expect("nobody", true);
	expect("anna", false);
	tell("anna", "hers");
	tell("carl", "his");
	assert_int_equal(get("nobody", &v), E_NOTFOUND);
	assert_int_equal(get("carl", &v), 1);
	assert_int_equal(v.id, 1);
	assert_int_equal(get("anna", &v), 0);
	assert_int_equal(v.id, 7);
	assert_true(str_eqc(v.hash, "hers"));
	assert_null(v.forward.p);
}

static void what_is_forgotten_is_asked_for_and_what_was_answered_stays(void **state)
{
	struct directory_account v;

	(void)state;
	expect("anna", true);
	tell("anna", "hers");
	assert_int_equal(get("anna", &v), 0);
	prefetched_clear(&p);
	assert_true(str_eqc(v.hash, "hers") && str_eqc(v.local, "anna"));
	assert_int_equal(get("anna", &v), 1);
	expect("anna", true);
	assert_int_equal(get("anna", &v), E_NOTFOUND);
}

static int begin(void **state)
{
	(void)state;
	prefetched_init(&p);
	arena_init(&a);
	return 0;
}

static int end(void **state)
{
	(void)state;
	prefetched_done(&p);
	arena_done(&a);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_name_is_there_or_not_or_was_not_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(what_is_forgotten_is_asked_for_and_what_was_answered_stays, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
