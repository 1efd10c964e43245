/* SPDX-License-Identifier: ISC
 *
 * App passwords: what one looks like, as people type it, and what it is good for.
 */
#include "auth/app_password.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void each_is_another_one_without_look_alikes(void **state)
{
	char text[2][APP_PASSWORD_TEXT + 1], digest[2][SECRET_HEX + 1], again[SECRET_HEX + 1];
	size_t i, k, seen[256] = { 0 }, letters = 0;

	(void)state;
	for (k = 0; k < 500; k++) {
		app_password_new(text[k % 2], digest[k % 2]);
		assert_int_equal(strlen(text[k % 2]), APP_PASSWORD_TEXT);
		assert_int_equal(strspn(text[k % 2], "abcdefghjkmnpqrstuvwxyz-"), APP_PASSWORD_TEXT);
		for (i = 0; i < APP_PASSWORD_TEXT; i++) {
			assert_int_equal(text[k % 2][i] == '-', i % 6 == 5);
			seen[(unsigned char)text[k % 2][i]]++;
		}
		assert_true(app_password_digest(str_of(text[k % 2]), again));
		assert_string_equal(again, digest[k % 2]);
		if (k > 0) {
			assert_string_not_equal(text[0], text[1]);
			assert_string_not_equal(digest[0], digest[1]);
		}
	}
	/* 10,000 letters: each of the 23 about 435 times */
	for (i = 'a'; i <= 'z'; i++) {
		letters += seen[i] > 0;
		if (seen[i])
			assert_in_range(seen[i], 300, 600);
	}
	assert_int_equal(letters, 23);
}

static void it_is_taken_as_people_type_it(void **state)
{
	static const char *const good[] = { "abcde-fghjk-mnpqr-stuvw", "abcdefghjkmnpqrstuvw", "ABCDE FGHJK MNPQR STUVW", " Abcde-fghjk-mnpqr-stuvw " };
	static const char *const bad[] = { "", "abcde-fghjk-mnpqr-stuv", "abcde-fghjk-mnpqr-stuvwx", "abcde-fghjk-mnpqr-stuvl", "abcde-fghjk-mnpqr-stuv0",
		"abcde_fghjk_mnpqr_stuvw", "abcde\tfghjk-mnpqr-stuvw", "--------------------", "secret", "\xc3\xa4" "bcdefghjkmnpqrstuv" };
	char first[SECRET_HEX + 1], digest[SECRET_HEX + 1];
	size_t i;

	(void)state;
	assert_true(app_password_digest(str_of(good[0]), first));
	for (i = 1; i < ARRAY_LEN(good); i++) {
		assert_true(app_password_digest(str_of(good[i]), digest));
		assert_string_equal(digest, first);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (app_password_digest(str_of(bad[i]), digest))
			fail_msg("row %zu", i);
	assert_false(app_password_digest(STR("abcde-fghjk-mnpqr-stuv\0"), digest));
	assert_false(app_password_digest(STR("abcde-fghjk-mnpqr-stuvw\0"), digest));
}

static void protocols_are_a_list_in_one_order(void **state)
{
	static const struct {
		const char *given, *stored;
	} table[] = { { "imap", "imap" }, { "submission, imap", "imap,submission" }, { "pop3,pop3", "pop3" },
		{ "submission,pop3,imap", APP_PASSWORD_ALL }, { "", NULL }, { ",", NULL }, { "imaps", NULL }, { "imap,web", NULL }, { "IMAP", NULL } };
	char out[sizeof(APP_PASSWORD_ALL)];
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		r = app_password_protocols(str_of(table[i].given), out);
		assert_int_equal(r, table[i].stored ? 0 : E_SYNTAX);
		if (r == 0)
			assert_string_equal(out, table[i].stored);
	}
}

static void one_serves_its_protocols_alone_and_never_the_page(void **state)
{
	static const char *const service[] = { "imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions", "web", "" };
	static const struct {
		const char *protocols, *serves;
	} table[] = { { "imap", "110000000" }, { "pop3", "001100000" }, { "submission", "000011100" }, { "imap,submission", "110011100" },
		{ APP_PASSWORD_ALL, "111111100" }, { "", "000000000" } };
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++)
		for (k = 0; k < ARRAY_LEN(service); k++)
			if (app_password_serves(str_of(table[i].protocols), str_of(service[k])) != (table[i].serves[k] == '1'))
				fail_msg("'%s' for %s", table[i].protocols, service[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_another_one_without_look_alikes),
		cmocka_unit_test(it_is_taken_as_people_type_it),
		cmocka_unit_test(protocols_are_a_list_in_one_order),
		cmocka_unit_test(one_serves_its_protocols_alone_and_never_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
