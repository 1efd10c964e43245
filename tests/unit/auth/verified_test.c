/* SPDX-License-Identifier: ISC
 *
 * Logins that were verified a moment ago.
 */
#include "auth/verified.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct verified_login anna = { .service = STR("imaps"), .name = STR("anna@example.org"),
	.password = STR("secret"), .hash = STR("$y$x"), .account = 1 };

static void only_the_same_login_is_known(void **state)
{
	struct verified *v = verified_new(64);
	unsigned char key[VERIFIED_KEY];
	struct verified_login l[] = { anna, anna, anna, anna, anna, anna };
	size_t i;

	(void)state;
	assert_non_null(v);
	verified_key(v, &anna, key);
	assert_false(verified_has(v, key, 0));
	verified_add(v, key, 0, 1000);
	assert_true(verified_has(v, key, 999));
	assert_false(verified_has(v, key, 1000));
	l[0].service = STR("imap");
	l[1].password = STR("Secret");
	l[2].hash = STR("$y$y");
	l[3].account = 2;
	l[4].name = STR("bob@example.org");
	/* the same bytes, cut elsewhere */
	l[5].hash = STR("$y$xs");
	l[5].password = STR("ecret");
	for (i = 0; i < ARRAY_LEN(l); i++) {
		verified_key(v, &l[i], key);
		assert_false(verified_has(v, key, 1));
	}
	verified_free(v);
}

static void nothing_of_a_login_lies_in_memory(void **state)
{
	struct verified *v = verified_new(4);
	unsigned char key[VERIFIED_KEY];

	(void)state;
	verified_key(v, &anna, key);
	verified_add(v, key, 0, 1000);
	assert_true(str_search(str_make(v, malloc_usable_size(v)), STR("secret")) < 0);
	assert_true(str_search(str_make(v, malloc_usable_size(v)), STR("anna")) < 0);
	verified_free(v);
}

static void off_and_empty_keep_nothing(void **state)
{
	struct verified *v = verified_new(0);
	unsigned char key[VERIFIED_KEY];

	(void)state;
	verified_key(v, &anna, key);
	verified_add(v, key, 0, 1000);
	assert_false(verified_has(v, key, 0));
	verified_free(v);
	v = verified_new(4);
	verified_key(v, &anna, key);
	verified_add(v, key, 0, 0);
	assert_false(verified_has(v, key, 0));
	verified_free(v);
}

/* A full table drops what ends first, and keeps what came last. */
static void a_full_table_keeps_the_latest(void **state)
{
	struct verified *v = verified_new(4);
	struct verified_login l = anna;
	unsigned char key[VERIFIED_KEY];
	unsigned known = 0;
	uint64_t i;

	(void)state;
	for (i = 0; i < 100; i++) {
		l.account = i;
		verified_key(v, &l, key);
		verified_add(v, key, (int64_t)i, 1000);
		assert_true(verified_has(v, key, (int64_t)i));
		verified_add(v, key, (int64_t)i, 1000); /* takes no second place */
	}
	for (i = 0; i < 100; i++) {
		l.account = i;
		verified_key(v, &l, key);
		known += verified_has(v, key, 100);
		assert_true(verified_has(v, key, 100) == (i >= 96));
	}
	assert_int_equal(known, 4);
	verified_free(v);
}

static void another_worker_knows_it_too(void **state)
{
	struct verified *v = verified_new(64);
	unsigned char key[VERIFIED_KEY];
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		verified_key(v, &anna, key);
		verified_add(v, key, 0, 1000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	verified_key(v, &anna, key);
	assert_true(verified_has(v, key, 0));
	verified_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_login_is_known),
		cmocka_unit_test(nothing_of_a_login_lies_in_memory),
		cmocka_unit_test(off_and_empty_keep_nothing),
		cmocka_unit_test(a_full_table_keeps_the_latest),
		cmocka_unit_test(another_worker_knows_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
