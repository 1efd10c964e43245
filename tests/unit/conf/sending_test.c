/* SPDX-License-Identifier: ISC
 *
 * sending_test.c: what the settings say of how much an account may send.
 */
#include "conf/sending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void rules(void **state)
{
	static const char *const bad[] = { "", "a@x.example", "a@x.example ", "none", "messages_hour=5", "@x.example none", "x.example all",
		"x.example messages_hour", "x.example messages_hour=", "x.example messages_hour=-1", "x.example new_day=10000000000",
		"x.example none new_day=3", "x.example new_day=3 none", "x.example\tnone" };
	struct sending_limits v = { .n = { 1, 2, 3, 4, 5 } };
	struct str who;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (sending_parse(str_of(bad[i]), &who, &v) != E_SYNTAX)
			fail_msg("'%s' is taken", bad[i]);
	assert_int_equal(v.n[SENDING_NEW_DAY], 5); /* untouched */
	assert_int_equal(sending_parse(STR("a@x.example  new_day=0  messages_hour=7"), &who, &v), 0);
	assert_true(str_eqc(who, "a@x.example"));
	assert_int_equal(v.n[SENDING_NEW_DAY], 0);
	assert_int_equal(v.n[SENDING_MESSAGES_HOUR], 7);
	assert_int_equal(v.n[SENDING_MESSAGES_DAY], 2);
	assert_int_equal(sending_parse(STR("x.example none"), &who, &v), 0);
	for (i = 0; i < SENDING_KINDS; i++)
		assert_int_equal(v.n[i], 0);
}

static uint64_t of(const struct conf *c, const char *account, enum sending_kind kind)
{
	struct sending_limits v;

	sending_of(c, str_of(account), &v);
	return v.n[kind];
}

static void an_account_then_its_domain_then_all(void **state)
{
	struct conf *c;

	(void)state;
	assert_int_equal(conf_parse(STR("[send]\naccount_messages_hour = 50\naccount_limits = x.example new_day=500, News@x.example none, y.example messages_day=9\n"),
		"test", NULL, &c), 0);
	assert_int_equal(of(c, "a@z.example", SENDING_NEW_DAY), 100);
	assert_int_equal(of(c, "a@z.example", SENDING_MESSAGES_HOUR), 50);
	assert_int_equal(of(c, "a@X.example", SENDING_NEW_DAY), 500);
	assert_int_equal(of(c, "a@x.example", SENDING_MESSAGES_HOUR), 50);
	assert_int_equal(of(c, "news@x.example", SENDING_MESSAGES_HOUR), 0); /* though its domain's rule stands first */
	assert_int_equal(of(c, "a@sub.x.example", SENDING_NEW_DAY), 100);
	assert_int_equal(of(c, "y.example", SENDING_MESSAGES_DAY), 9);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules), cmocka_unit_test(an_account_then_its_domain_then_all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
