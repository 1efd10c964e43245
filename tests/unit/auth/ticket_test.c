/* SPDX-License-Identifier: ISC
 *
 * Tickets: once, for one service, until a point in time.
 */
#include "auth/ticket.h"

#include <setjmp.h>
#include <stdarg.h>

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
	assert_int_equal(ticket_redeem(t, STR("0123456789abcdef0123456789abcdef"), STR("imap"), 1,
		&user), E_NOTFOUND);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
