/* SPDX-License-Identifier: ISC
 *
 * Logins that authd answers by itself.
 */
#include "auth/recent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct conf *settings(const char *text)
{
	struct conf *c;

	assert_int_equal(conf_parse(str_of(text), "settings", NULL, &c), 0);
	return c;
}

static struct sasl_start login(const char *service, const char *mech, struct str initial)
{
	return (struct sasl_start){ .service = str_of(service), .mech = str_of(mech), .initial = initial };
}

static const struct str anna = { "\0anna@example.org\0secret", 24 }, wrong = { "\0anna@example.org\0Secret", 24 };

static bool known(struct sasl_start s)
{
	struct recent_key key;
	struct str user;

	recent_find(&s, &key, &user);
	return str_eqc(user, "anna@example.org");
}

static void keep(struct sasl_start s)
{
	struct recent_key key;
	struct str user;

	recent_find(&s, &key, &user);
	recent_keep(&key, STR("anna@example.org"));
}

static void the_same_login_is_known_and_no_other(void **state)
{
	struct conf *c = settings("");

	(void)state;
	recent_set(c);
	assert_false(known(login("imap", "PLAIN", anna)));
	keep(login("imap", "PLAIN", anna));
	assert_true(known(login("imap", "PLAIN", anna)));
	assert_false(known(login("imap", "PLAIN", wrong)));
	assert_false(known(login("pop3", "PLAIN", anna)));
	assert_false(known(login("imap", "LOGIN", anna)));
	assert_false(known(login("imap", "PLAIN", STR_NONE)));
	conf_free(c);
}

static void the_web_page_and_other_mechanisms_are_never_kept(void **state)
{
	struct conf *c = settings("");

	(void)state;
	recent_set(c);
	keep(login("web", "PLAIN", anna));
	keep(login("imap", "SCRAM-SHA-256", anna));
	assert_false(known(login("web", "PLAIN", anna)));
	assert_false(known(login("imap", "SCRAM-SHA-256", anna)));
	conf_free(c);
}

static void a_change_of_the_directory_ends_it_also_for_logins_on_their_way(void **state)
{
	struct sasl_start s = login("imap", "PLAIN", anna);
	struct conf *c = settings("");
	struct recent_key before;
	struct str user;

	(void)state;
	recent_set(c);
	keep(s);
	recent_find(&s, &before, &user);
	recent_clear();
	assert_false(known(s));
	recent_keep(&before, STR("anna@example.org"));
	assert_false(known(s));
	keep(s);
	assert_true(known(s));
	conf_free(c);
}

static void without_either_cache_nothing_is_kept(void **state)
{
	static const char *const off[] = { "[auth]\ncache_time = 0\n", "[auth]\nlogin_cache_time = 0\n", "[auth]\ncache_entries = 0\n" };
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(off); i++) {
		c = settings(off[i]);
		recent_set(c);
		keep(login("imap", "PLAIN", anna));
		assert_false(known(login("imap", "PLAIN", anna)));
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_login_is_known_and_no_other),
		cmocka_unit_test(the_web_page_and_other_mechanisms_are_never_kept),
		cmocka_unit_test(a_change_of_the_directory_ends_it_also_for_logins_on_their_way),
		cmocka_unit_test(without_either_cache_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
