/* SPDX-License-Identifier: ISC
 *
 * Tickets: once, for one service, until a point in time.
 */
#include "auth/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is_good_exactly_once(void **state)
{
	struct tickets *t = tickets_new(10);
	char id[TICKET_LEN + 1], *user;

	(void)state;
	ticket_issue(t, STR("anna@example.org"), STR("imaps"), 1000, 60000, id);
	assert_int_equal(strlen(id), TICKET_LEN);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("imaps"), 2000, &user), 0);
	assert_string_equal(user, "anna@example.org");
	free(user);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("imaps"), 2000, &user), E_NOTFOUND);
	assert_int_equal(tickets_count(t), 0);
	tickets_free(t);
}

static void another_service_burns_it(void **state)
{
	struct tickets *t = tickets_new(10);
	char id[TICKET_LEN + 1], *user;

	(void)state;
	ticket_issue(t, STR("anna@example.org"), STR("smtp"), 0, 60000, id);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("smtp"), 1, &user), E_NOTFOUND);
	tickets_free(t);
}

static void lives_to_the_last_ms_and_no_longer(void **state)
{
	struct tickets *t = tickets_new(10);
	char id[TICKET_LEN + 1], *user;

	(void)state;
	ticket_issue(t, STR("a@b"), STR("imap"), 500, 60000, id);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("imap"), 60500, &user), 0);
	free(user);
	ticket_issue(t, STR("a@b"), STR("imap"), 500, 60000, id);
	assert_int_equal(ticket_redeem(t, str_of(id), STR("imap"), 60501, &user), E_NOTFOUND);
	tickets_free(t);
}

static void sweep_drops_the_old_ones_only(void **state)
{
	struct tickets *t = tickets_new(10);
	char id[TICKET_LEN + 1];

	(void)state;
	ticket_issue(t, STR("a@b"), STR("imap"), 0, 100, id);
	ticket_issue(t, STR("a@b"), STR("imap"), 0, 1000, id);
	ticket_issue(t, STR("a@b"), STR("imap"), 0, 50, id);
	tickets_sweep(t, 500);
	assert_int_equal(tickets_count(t), 1);
	tickets_free(t);
}

static void a_full_box_forgets_the_oldest(void **state)
{
	struct tickets *t = tickets_new(3);
	char id[5][TICKET_LEN + 1], *user;
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		ticket_issue(t, STR("a@b"), STR("imap"), 0, 1000, id[i]);
	assert_int_equal(tickets_count(t), 3);
	assert_int_equal(ticket_redeem(t, str_of(id[1]), STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, str_of(id[2]), STR("imap"), 1, &user), 0);
	free(user);
	tickets_free(t);
}

static void garbage_is_unknown(void **state)
{
	struct tickets *t = tickets_new(3);
	char *user;

	(void)state;
	assert_int_equal(ticket_redeem(t, STR(""), STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, STR_NONE, STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, STR("0123456789abcdef0123456789abcdef01234567"), STR("imap"), 1,
		&user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, STR("0000000000000000000000000000000000000000"), STR("imap"), 1,
		&user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, STR("zz00000000000000000000000000000000000000"), STR("imap"), 1,
		&user), E_NOTFOUND);
	tickets_free(t);
}

/* Another's number, or a number that was used before, opens nothing. */
static void a_number_alone_is_nothing(void **state)
{
	struct tickets *t = tickets_new(10);
	char one[TICKET_LEN + 1], two[TICKET_LEN + 1], mixed[TICKET_LEN + 1], *user;

	(void)state;
	ticket_issue(t, STR("a@b"), STR("imap"), 0, 1000, one);
	ticket_issue(t, STR("c@d"), STR("imap"), 0, 1000, two);
	memcpy(mixed, one, sizeof(mixed));
	memcpy(mixed, two, 8);
	assert_int_equal(ticket_redeem(t, str_of(mixed), STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, str_of(one), STR("imap"), 1, &user), 0);
	free(user);
	ticket_issue(t, STR("e@f"), STR("imap"), 0, 1000, mixed); /* the freed number again */
	assert_memory_equal(mixed, one, 8);
	assert_int_equal(ticket_redeem(t, str_of(one), STR("imap"), 1, &user), E_NOTFOUND);
	assert_int_equal(ticket_redeem(t, str_of(mixed), STR("imap"), 1, &user), 0);
	assert_string_equal(user, "e@f");
	free(user);
	assert_int_equal(ticket_redeem(t, str_of(two), STR("imap"), 1, &user), 0);
	free(user);
	tickets_free(t);
}

/* Thousands, taken, used and dropped in odd order; long names; what is there is what was made and not used. */
static void many_at_once(void **state)
{
	enum { N = 1000 };
	static char id[N][TICKET_LEN + 1], name[400];
	struct tickets *t = tickets_new(N);
	char *user;
	int i;

	(void)state;
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%0*d@b", i % 300 + 1, i);
		ticket_issue(t, str_of(name), STR("imap"), 0, 1000, id[i]);
	}
	for (i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "%0*d@b", i % 300 + 1, i);
		assert_int_equal(ticket_redeem(t, str_of(id[i]), STR("imap"), 1, &user), 0);
		assert_string_equal(user, name);
		free(user);
	}
	assert_int_equal(tickets_count(t), N / 2);
	for (i = 0; i < N; i += 2)
		ticket_issue(t, STR("x@y"), STR("imap"), 0, 1000, id[i]);
	tickets_limit(t, N / 2); /* the older half goes */
	for (i = 0; i < N; i++) {
		assert_int_equal(ticket_redeem(t, str_of(id[i]), STR("imap"), 1, &user), i % 2 ? E_NOTFOUND : 0);
		if (i % 2 == 0)
			free(user);
	}
	ticket_issue(t, STR("x@y"), STR("imap"), 0, 1000, id[0]);
	ticket_issue(t, STR("z@y"), STR("imap"), 0, 1000, id[1]);
	tickets_forget_user(t, STR("x@y"));
	assert_int_equal(tickets_count(t), 1);
	tickets_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_good_exactly_once),
		cmocka_unit_test(another_service_burns_it),
		cmocka_unit_test(lives_to_the_last_ms_and_no_longer),
		cmocka_unit_test(sweep_drops_the_old_ones_only),
		cmocka_unit_test(a_full_box_forgets_the_oldest),
		cmocka_unit_test(garbage_is_unknown),
		cmocka_unit_test(a_number_alone_is_nothing),
		cmocka_unit_test(many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
