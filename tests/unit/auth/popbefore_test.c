/* SPDX-License-Identifier: ISC
 *
 * POP before SMTP: who logged in from an address, for how long, and how many are remembered.
 */
#include "auth/popbefore.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIFE 60000

static struct addr peer(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_of(text), &a), 0);
	return a;
}

static size_t users(struct popbefore *p, const char *from, int64_t now, struct str out[POPBEFORE_USERS])
{
	struct addr a = peer(from);

	return popbefore_users(p, &a, now, LIFE, out);
}

static void login(struct popbefore *p, const char *from, const char *user, int64_t now)
{
	struct addr a = peer(from);

	popbefore_login(p, &a, str_of(user), now);
}

static void a_login_counts_for_its_address_and_time(void **state)
{
	struct popbefore *p = popbefore_new(10);
	struct str u[POPBEFORE_USERS];

	(void)state;
	login(p, "192.0.2.1", "anna@example.org", 1000);
	login(p, "2001:db8::1", "ben@example.org", 1000);
	assert_int_equal(users(p, "192.0.2.1", 1000, u), 1);
	assert_true(str_eqc(u[0], "anna@example.org"));
	assert_int_equal(users(p, "192.0.2.1", 1000 + LIFE - 1, u), 1);
	assert_int_equal(users(p, "192.0.2.1", 1000 + LIFE, u), 0);
	/* the very address, of IPv6 too */
	assert_int_equal(users(p, "192.0.2.2", 1000, u), 0);
	assert_int_equal(users(p, "2001:db8::1", 1000, u), 1);
	assert_int_equal(users(p, "2001:db8::2", 1000, u), 0);
	/* again: its time begins anew */
	login(p, "192.0.2.1", "anna@example.org", 50000);
	assert_int_equal(users(p, "192.0.2.1", 50000 + LIFE - 1, u), 1);
	popbefore_sweep(p, 1000 + LIFE, LIFE);
	assert_int_equal(popbefore_count(p), 1);
	popbefore_free(p);
}

static void so_many_accounts_and_addresses_are_remembered(void **state)
{
	struct popbefore *p = popbefore_new(3);
	struct addr none = { .family = 0 };
	struct str u[POPBEFORE_USERS];
	char name[40];
	int i;

	(void)state;
	for (i = 0; i < POPBEFORE_USERS + 2; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		login(p, "192.0.2.1", name, i);
	}
	assert_int_equal(users(p, "192.0.2.1", 20, u), POPBEFORE_USERS);
	assert_true(str_eqc(u[0], "u2@example.org") && str_eqc(u[POPBEFORE_USERS - 1], "u9@example.org"));
	login(p, "192.0.2.2", "a@example.org", 30);
	login(p, "192.0.2.3", "a@example.org", 31);
	login(p, "192.0.2.2", "a@example.org", 32);
	login(p, "192.0.2.4", "a@example.org", 33);
	assert_int_equal(popbefore_count(p), 3);
	assert_int_equal(users(p, "192.0.2.1", 33, u), 0);
	assert_int_equal(users(p, "192.0.2.2", 33, u), 1);
	login(p, "192.0.2.5", "a@example.org", 34);
	assert_int_equal(users(p, "192.0.2.3", 34, u), 0);
	popbefore_login(p, &none, STR("a@example.org"), 34);
	assert_int_equal(popbefore_count(p), 3);
	popbefore_limit(p, 1);
	assert_int_equal(popbefore_count(p), 1);
	assert_int_equal(users(p, "192.0.2.5", 34, u), 1);
	popbefore_free(p);
}

static void who_is_forgotten_is_so_everywhere(void **state)
{
	struct popbefore *p = popbefore_new(10);
	struct str u[POPBEFORE_USERS];

	(void)state;
	login(p, "192.0.2.1", "anna@example.org", 1);
	login(p, "192.0.2.1", "ben@example.org", 2);
	login(p, "192.0.2.2", "anna@example.org", 3);
	login(p, "192.0.2.3", "carl@example.net", 4);
	popbefore_forget(p, STR("anna@example.org"));
	assert_int_equal(popbefore_count(p), 2);
	assert_int_equal(users(p, "192.0.2.1", 5, u), 1);
	assert_true(str_eqc(u[0], "ben@example.org"));
	popbefore_forget(p, STR("@example.org"));
	assert_int_equal(popbefore_count(p), 1);
	assert_int_equal(users(p, "192.0.2.3", 5, u), 1);
	popbefore_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_counts_for_its_address_and_time),
		cmocka_unit_test(so_many_accounts_and_addresses_are_remembered),
		cmocka_unit_test(who_is_forgotten_is_so_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
