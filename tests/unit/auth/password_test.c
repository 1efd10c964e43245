/* SPDX-License-Identifier: ISC
 *
 * Password hashes and SCRAM keys.
 */
#include "auth/password.h"
#include "auth/scheme.h"
#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_hash_is_yescrypt_and_verifies(void **state)
{
	struct buf h;

	(void)state;
	buf_init(&h, 1024);
	assert_int_equal(password_hash(STR("pa\xc3\xa4ss word"), 1, &h), 0);
	assert_true(str_starts(buf_view(&h), "$y$"));
	assert_true(password_verify(STR("pa\xc3\xa4ss word"), buf_view(&h)));
	assert_false(password_verify(STR("pa\xc3\xa4ss wore"), buf_view(&h)));
	assert_false(password_verify(STR(""), buf_view(&h)));
	buf_done(&h);
}

static void two_hashes_of_one_password_differ(void **state)
{
	struct buf a, b;

	(void)state;
	buf_init(&a, 1024);
	buf_init(&b, 1024);
	assert_int_equal(password_hash(STR("x"), 1, &a), 0);
	assert_int_equal(password_hash(STR("x"), 1, &b), 0);
	assert_false(str_eq(buf_view(&a), buf_view(&b)));
	buf_done(&a);
	buf_done(&b);
}

static void older_schemes_verify_and_are_outdated(void **state)
{
	struct str sha512 = STR("$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoM"
				"BLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.");
	struct buf h;

	(void)state;
	assert_true(password_verify(STR("secret"), sha512));
	assert_false(password_verify(STR("Secret"), sha512));
	assert_true(password_outdated(sha512, 5));
	buf_init(&h, 1024);
	assert_int_equal(password_hash(STR("x"), 1, &h), 0);
	assert_false(password_outdated(buf_view(&h), 1));
	assert_true(password_outdated(buf_view(&h), 2));
	assert_true(password_outdated(STR(""), 1));
	buf_done(&h);
}

static void what_no_method_reads_never_verifies(void **state)
{
	(void)state;
	assert_false(password_verify(STR("x"), STR("")));
	assert_false(password_verify(STR("x"), STR("*0")));
	assert_false(password_verify(STR("*0"), STR("*0")));
	assert_false(password_verify(STR("x"), STR("plain")));
	assert_false(password_verify(STR("x"), STR("$y$")));
}

static void nul_and_overlong_passwords_are_refused(void **state)
{
	char longest[PASSWORD_MAX + 1];
	struct buf h;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_true(password_valid(str_make(longest, PASSWORD_MAX)));
	assert_false(password_valid(str_make(longest, PASSWORD_MAX + 1)));
	assert_false(password_valid(STR("a\0b")));
	assert_false(password_valid(STR("\xff")));
	assert_false(password_valid(STR("")));
	buf_init(&h, 1024);
	assert_int_equal(password_hash(STR("a\0b"), 1, &h), E_SYNTAX);
	/* a NUL must not end the comparison early */
	assert_int_equal(password_hash(STR("a"), 1, &h), 0);
	assert_false(password_verify(STR("a\0b"), buf_view(&h)));
	buf_done(&h);
}

/* RFC 7677 3: user "user", password "pencil", its salt and 4096 iterations.
 * StoredKey and ServerKey follow from the exchange printed there. */
static void scram_keys_are_those_of_rfc_7677(void **state)
{
	struct buf salt, keys;

	(void)state;
	buf_init(&salt, 64);
	buf_init(&keys, 1024);
	assert_int_equal(base64_decode(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt), 0);
	assert_int_equal(salt.n, SCRAM_SALT);
	assert_int_equal(scram_make(STR("pencil"), SCRAM_SHA_256, 4096, (const unsigned char *)salt.p, &keys), 0);
	assert_string_equal(buf_cstr(&keys),
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	assert_false(scram_outdated(buf_view(&keys), SCRAM_SHA_256, 4096));
	assert_true(scram_outdated(buf_view(&keys), SCRAM_SHA_256, 10000));
	assert_true(scram_outdated(STR(""), SCRAM_SHA_256, 4096));
	buf_done(&salt);
	buf_done(&keys);
}

static void invented_keys_are_stable_and_look_like_real_ones(void **state)
{
	unsigned char secret[32] = "0123456789", salt[SCRAM_SALT] = { 0 };
	struct buf a, b, c, real;

	(void)state;
	buf_init(&a, 1024);
	buf_init(&b, 1024);
	buf_init(&c, 1024);
	buf_init(&real, 1024);
	assert_int_equal(scram_invent(secret, sizeof(secret), STR("a@b"), SCRAM_SHA_256, 4096, &a), 0);
	assert_int_equal(scram_invent(secret, sizeof(secret), STR("a@b"), SCRAM_SHA_256, 4096, &b), 0);
	assert_int_equal(scram_invent(secret, sizeof(secret), STR("a@c"), SCRAM_SHA_256, 4096, &c), 0);
	assert_int_equal(scram_make(STR("x"), SCRAM_SHA_256, 4096, salt, &real), 0);
	assert_true(str_eq(buf_view(&a), buf_view(&b)));
	assert_false(str_eq(buf_view(&a), buf_view(&c)));
	assert_int_equal(a.n, real.n);
	buf_done(&a);
	buf_done(&b);
	buf_done(&c);
	buf_done(&real);
}

static void keys_of_several_hashes_stand_in_lines(void **state)
{
	const struct scheme_limits limits = { 1 << 20, 5000 };
	const struct str mechs[] = { STR("SCRAM-SHA-1"), STR("SCRAM-SHA-512-PLUS"), STR("PLAIN") };
	struct buf keys;
	size_t i;

	(void)state;
	buf_init(&keys, 2048);
	assert_int_equal(scram_make_all(STR("secret"), SCRAM_SHA_1 | SCRAM_SHA_512, 4096, &keys), 0);
	assert_false(scram_outdated(buf_view(&keys), SCRAM_SHA_1 | SCRAM_SHA_512, 4096));
	assert_true(scram_outdated(buf_view(&keys), SCRAM_SHA_1 | SCRAM_SHA_256, 4096));
	assert_false(scram_find(buf_view(&keys), SCRAM_SHA_256).p);
	for (i = 0; i < SCRAM_KINDS; i += 2) {
		struct str line = scram_find(buf_view(&keys), 1u << i);

		assert_true(str_starts(line, scram_mech(i)));
		assert_int_equal(scheme_check(STR("secret"), line, &limits), SCHEME_GOOD);
	}
	assert_int_equal(scram_kinds(mechs, ARRAY_LEN(mechs)), SCRAM_SHA_1 | SCRAM_SHA_512);
	buf_done(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_yescrypt_and_verifies),
		cmocka_unit_test(two_hashes_of_one_password_differ),
		cmocka_unit_test(older_schemes_verify_and_are_outdated),
		cmocka_unit_test(what_no_method_reads_never_verifies),
		cmocka_unit_test(nul_and_overlong_passwords_are_refused),
		cmocka_unit_test(scram_keys_are_those_of_rfc_7677),
		cmocka_unit_test(keys_of_several_hashes_stand_in_lines),
		cmocka_unit_test(invented_keys_are_stable_and_look_like_real_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
