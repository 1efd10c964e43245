/* SPDX-License-Identifier: ISC
 *
 * prepare_test.c: the stored form of passwords (SASLprep, OpaqueString), and names that no new account gets.
 */
#include "auth/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "auth/password.h"
#include "mail/address.h"

static void passwords(void **state)
{
	static const struct {
		const char *given, *form;
	} row[] = {
		{ "secret", "secret" },
		{ "I\xc2\xadX", "IX" }, /* RFC 4013 3: a soft hyphen is nothing */
		{ "USER", "USER" }, /* case is kept */
		{ "\xc2\xaa", "a" },
		{ "\xe2\x85\xa8", "IX" }, /* IX as one sign */
		{ "\x07", "\x07" }, /* refused by it: stays */
		{ "\xd8\xa7\x31", "\xd8\xa7\x31" }, /* Arabic, then a digit at the end: refused by it, an OpaqueString */
		{ "\xd8\xa7\x31\xd8\xa8", "\xd8\xa7\x31\xd8\xa8" },
		{ "pa\xc3\xa4ss", "pa\xc3\xa4ss" },
		{ "paa\xcc\x88ss", "pa\xc3\xa4ss" }, /* decomposed, as a Mac types it */
		{ "\xef\xbc\xa1\xef\xbc\x91", "A1" }, /* full width */
		{ "a\xc2\xa0" "b", "a b" }, /* blanks of other kinds */
		{ "a\xe3\x80\x80" "b", "a b" },
		{ "a\xe2\x80\x8b" "b", "a b" }, /* U+200B is in B.1 and C.1.2; mapped as a blank, as libidn does */
		{ "ma\xc3\x9f", "ma\xc3\x9f" }, /* no case folding */
		{ "\xc4\xb1", "\xc4\xb1" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" }, /* younger than RFC 3454 */
		{ "a\xee\x80\x80\xcc\x88", "a\xee\x80\x80\xcc\x88" }, /* private use: prohibited */
		{ "a\xcc\x88\xee\x80\x80", "\xc3\xa4\xee\x80\x80" }, /* then NFC at least */
		{ "\xc2\xad", "\xc2\xad" }, /* nothing would be left of it */
		{ "\xff\xfe", "\xff\xfe" },
	};
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		buf_init(&out, 1024);
		prepare_password(str_of(row[i].given), &out);
		if (!str_eqc(buf_view(&out), row[i].form))
			fail_msg("%zu: '%s' becomes '%.*s'", i, row[i].given, STRF(buf_view(&out)));
		buf_reset(&out);
		prepare_password(str_of(row[i].form), &out);
		assert_true(str_eqc(buf_view(&out), row[i].form)); /* and stays */
		buf_wipe(&out);
	}
}

/* One sign that becomes eighteen: no form that is too long for crypt(3). */
static void a_password_that_would_grow_too_long_stays(void **state)
{
	char many[PASSWORD_MAX + 1] = "";
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < PASSWORD_MAX / 3; i++)
		memcpy(many + 3 * i, "\xef\xb7\xba", 3);
	buf_init(&out, 1024);
	prepare_password(str_of(many), &out);
	assert_true(out.n <= PASSWORD_MAX && !out.err);
	buf_wipe(&out);
	buf_init(&out, 1024);
	assert_int_equal(password_hash(str_of(many), 1, &out), 0);
	buf_wipe(&out);
}

static void new_passwords(void **state)
{
	(void)state;
	assert_null(prepare_password_wrong(STR("correct horse \xf0\x9f\x90\xb4")));
	assert_non_null(prepare_password_wrong(STR("")));
	assert_non_null(prepare_password_wrong(STR("a\tb")));
	assert_non_null(prepare_password_wrong(STR("a\xc2\x85")));
	assert_non_null(prepare_password_wrong(STR("\xff")));
}

static void a_hash_is_of_the_prepared_form(void **state)
{
	struct buf hash, one, other;
	const unsigned char salt[SCRAM_SALT] = "0123456789abcde";

	(void)state;
	buf_init(&hash, 1024);
	buf_init(&one, 1024);
	buf_init(&other, 1024);
	assert_int_equal(password_hash(STR("paa\xcc\x88ss\xc2\xa0word"), 1, &hash), 0);
	assert_true(password_verify(STR("pa\xc3\xa4ss word"), buf_view(&hash)));
	assert_false(password_verify(STR("paa\xcc\x88ss\xc2\xa0word"), buf_view(&hash)));
	assert_int_equal(scram_make(STR("paa\xcc\x88ss\xc2\xa0word"), SCRAM_SHA_256, 4096, salt, &one), 0);
	assert_int_equal(scram_make(STR("pa\xc3\xa4ss word"), SCRAM_SHA_256, 4096, salt, &other), 0);
	assert_true(str_eq(buf_view(&one), buf_view(&other)));
	buf_wipe(&hash);
	buf_wipe(&one);
	buf_wipe(&other);
}

static void names(void **state)
{
	static const char *const good[] = { "anna", "gr\xc3\xbc\xc3\x9f" "e", "\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0", "\xe6\x9d\x8e\xe3\x81\xb2\xe3\x82\xab" "x",
		"\xd7\x90\xd7\x91", "a.b-c", "stra\xc3\x9f" "e" };
	static const char *const bad[] = {
		"an\xe2\x80\x8bna", "an\xe2\x80\x8dna", "an\xc2\xadna", /* cannot be seen */
		"anna\xe2\x80\xae", "\xe2\x81\xa6" "anna", /* turn the direction */
		"\xd0\xb0nna", "ann\xce\xb1", /* a of another script */
		"\xef\xac\x81n", "\xf0\x9d\x90\x9anna", "\xe2\x84\xaa", /* ligature, bold, Kelvin */
		"\xcc\x88" "a", "a\xe2\x80\xa8", "\xf0\x9f\x98\x80", "a\xc2\xa0" "b", "\xee\x80\x80", "\xff",
		"\xd7\x90x", "x\xd7\x90", "1\xd7\x90\xc3\xa4",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++)
		if (prepare_name_wrong(str_of(good[i])))
			fail_msg("'%s' %s", good[i], prepare_name_wrong(str_of(good[i])));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (!prepare_name_wrong(str_of(bad[i])))
			fail_msg("%zu '%s' is taken", i, bad[i]);
}

static void names_are_compared_in_one_form(void **state)
{
	static const struct {
		const char *given, *form;
	} row[] = {
		{ "ANNA@Example.ORG", "anna@example.org" },
		{ "GR\xc3\x9c\xc3\x9f" "E@b\xc3\xbc" "cher.example", "gr\xc3\xbc\xc3\x9f" "e@xn--bcher-kva.example" },
		{ "gru\xcc\x88\xc3\x9f" "e@xn--bcher-kva.example", "gr\xc3\xbc\xc3\x9f" "e@xn--bcher-kva.example" },
		{ "\xef\xbc\xa1\xef\xbd\x8e\xef\xbd\x8e\xef\xbd\x81@example.org", "anna@example.org" }, /* full width */
		{ "MASSE@example.org", "masse@example.org" },
		{ "MA\xe1\xba\x9e" "E@example.org", "ma\xc3\x9f" "e@example.org" }, /* and never "masse" */
		{ "\xc4\xb1@example.org", "\xc4\xb1@example.org" }, /* without a dot: another letter than i */
		{ "\xc4\xb0@example.org", "i\xcc\x87@example.org" },
		{ "I@example.org", "i@example.org" },
		{ "\xef\xbd\xb6\xef\xbe\x9e@example.org", "\xe3\x82\xac@example.org" }, /* half width */
	};
	struct str local, domain;
	struct address v;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(address_parse_all(str_of(row[i].given), &a, &v), 0);
		assert_int_equal(address_normal(&v, &a, &local, &domain), 0);
		if (strcmp(arena_fmt(&a, "%.*s@%.*s", STRF(local), STRF(domain)), row[i].form) != 0)
			fail_msg("%zu: %s becomes %.*s@%.*s", i, row[i].given, STRF(local), STRF(domain));
	}
	assert_true(str_eqc(address_width(STR("\xef\xbd\x81\xef\xbc\xa0x"), &a), "a@x"));
	assert_true(str_eqc(address_width(STR("\xe2\x85\xa8"), &a), "\xe2\x85\xa8"));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords),
		cmocka_unit_test(a_password_that_would_grow_too_long_stays),
		cmocka_unit_test(new_passwords),
		cmocka_unit_test(a_hash_is_of_the_prepared_form),
		cmocka_unit_test(names),
		cmocka_unit_test(names_are_compared_in_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
