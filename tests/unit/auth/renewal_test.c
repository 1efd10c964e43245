/* SPDX-License-Identifier: ISC
 *
 * Tickets of sleeping sessions: once, for one session and service, until the login is too old.
 */
#include "auth/renewal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ANNA STR("anna@example.org")
#define S1 STR("abcdefghij01")
#define S2 STR("abcdefghij02")

static bool good(struct renewals *r, struct str session, const char *ticket, const char *service, int64_t now)
{
	char *user = NULL;
	int64_t until;
	int err = renewal_redeem(r, session, str_of(ticket), str_of(service), now, &user, &until);

	free(user);
	return err == 0;
}

static void is_good_once_for_its_session_and_service(void **state)
{
	struct renewals *r = renewals_new(10);
	char t[TICKET_LEN + 1], u[TICKET_LEN + 1], *user;
	int64_t until;

	(void)state;
	assert_true(renewal_issue(r, S1, ANNA, STR("imaps"), 5000, t));
	assert_int_equal(renewal_redeem(r, S1, str_of(t), STR("imaps"), 1, &user, &until), 0);
	assert_string_equal(user, "anna@example.org");
	assert_int_equal(until, 5000);
	free(user);
	assert_false(good(r, S1, t, "imaps", 1));
	assert_true(renewal_issue(r, S1, ANNA, STR("imaps"), 5000, t));
	assert_true(renewal_issue(r, S2, STR("ben@example.org"), STR("imaps"), 5000, u));
	assert_false(good(r, S2, t, "imaps", 1)); /* another session's ticket: and that one's is void too */
	assert_false(good(r, S2, u, "imaps", 1));
	assert_false(good(r, S1, t, "imap", 1));
	assert_false(good(r, S1, t, "imaps", 1));
	assert_int_equal(renewals_count(r), 0);
	renewals_free(r);
}

static void a_newer_one_makes_the_older_void(void **state)
{
	struct renewals *r = renewals_new(10);
	char t[TICKET_LEN + 1], u[TICKET_LEN + 1];

	(void)state;
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, u));
	assert_int_equal(renewals_count(r), 1);
	assert_string_not_equal(t, u);
	assert_true(good(r, S1, u, "imap", 1));
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	assert_false(good(r, S1, "", "imap", 1));
	renewals_free(r);
}

static void ends_with_its_age_the_session_and_the_user(void **state)
{
	struct renewals *r = renewals_new(10);
	char t[TICKET_LEN + 1];

	(void)state;
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	assert_true(good(r, S1, t, "imap", 5000));
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	assert_false(good(r, S1, t, "imap", 5001));
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	renewal_forget(r, S1);
	renewal_forget(r, S2);
	assert_false(good(r, S1, t, "imap", 1));
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	renewal_forget_user(r, STR("ann@example.org"));
	assert_int_equal(renewals_count(r), 1);
	renewal_forget_user(r, STR("Anna@Example.ORG"));
	assert_int_equal(renewals_count(r), 0);
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	renewal_forget_user(r, STR("@example.com"));
	assert_int_equal(renewals_count(r), 1);
	renewal_forget_user(r, STR("@example.org"));
	assert_int_equal(renewals_count(r), 0);
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, t));
	assert_true(renewal_issue(r, S2, ANNA, STR("imap"), 6000, t));
	renewals_sweep(r, 5500);
	assert_int_equal(renewals_count(r), 1);
	renewals_free(r);
}

static void there_are_never_more_than_allowed(void **state)
{
	struct renewals *r = renewals_new(2);
	char t[TICKET_LEN + 1], first[TICKET_LEN + 1], name[RENEWAL_SESSION + 1];
	int i;

	(void)state;
	assert_true(renewal_issue(r, S1, ANNA, STR("imap"), 5000, first));
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "session%05d", i);
		assert_true(renewal_issue(r, str_of(name), ANNA, STR("imap"), 5000, t));
		assert_true(renewals_count(r) <= 2);
	}
	assert_false(good(r, S1, first, "imap", 1));
	renewals_limit(r, 1);
	assert_int_equal(renewals_count(r), 1);
	assert_false(renewal_issue(r, STR("short"), ANNA, STR("imap"), 5000, t));
	assert_false(renewal_issue(r, STR(""), ANNA, STR("imap"), 5000, t));
	renewals_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_good_once_for_its_session_and_service),
		cmocka_unit_test(a_newer_one_makes_the_older_void),
		cmocka_unit_test(ends_with_its_age_the_session_and_the_user),
		cmocka_unit_test(there_are_never_more_than_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
