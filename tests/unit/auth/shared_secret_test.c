/* SPDX-License-Identifier: ISC
 *
 * Shared secrets: sealed for one account with one key; CRAM-MD5 and APOP by the vectors of RFC 2195 and RFC 1939.
 */
#include "auth/cram.h"
#include "auth/shared_secret.h"
#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void a_secret_is_sealed_for_one_account_and_key(void **state)
{
	struct shared_secret_key k = shared_secret_key_of(STR(KEY)), other = k, none = shared_secret_key_of(STR("0001"));
	struct buf a, b, plain, raw;
	size_t i;

	(void)state;
	buf_init(&a, 512);
	buf_init(&b, 512);
	buf_init(&raw, 512);
	buf_init(&plain, SHARED_SECRET_MAX);
	other.key[31] ^= 1;
	assert_true(k.there);
	assert_false(none.there);
	assert_false(shared_secret_key_of(STR(KEY "00")).there);
	assert_int_equal(shared_secret_seal(&k, 7, STR("tanstaaftanstaaf"), &a), 0);
	assert_int_equal(shared_secret_seal(&k, 7, STR("tanstaaftanstaaf"), &b), 0);
	assert_false(str_eq(buf_view(&a), buf_view(&b)));
	assert_int_equal(shared_secret_open(&k, 7, buf_view(&a), &plain), 0);
	assert_true(str_eqc(buf_view(&plain), "tanstaaftanstaaf"));
	buf_reset(&plain);
	assert_int_equal(shared_secret_open(&k, 8, buf_view(&a), &plain), E_DAMAGED);
	assert_int_equal(shared_secret_open(&other, 7, buf_view(&a), &plain), E_DAMAGED);
	assert_int_equal(shared_secret_open(&none, 7, buf_view(&a), &plain), E_UNSUPPORTED);
	assert_int_equal(shared_secret_seal(&none, 7, STR("tanstaaftanstaaf"), &plain), E_UNSUPPORTED);
	assert_int_equal(shared_secret_seal(&k, 7, STR(""), &plain), E_LIMIT);
	assert_int_equal(shared_secret_open(&k, 7, STR(""), &plain), E_DAMAGED);
	assert_int_equal(shared_secret_open(&k, 7, STR("not base64!"), &plain), E_DAMAGED);
	/* every byte counts, and every length */
	assert_int_equal(base64_decode(buf_view(&a), &raw), 0);
	for (i = 0; i < raw.n; i++) {
		raw.p[i] ^= 1;
		buf_reset(&b);
		base64_encode(buf_view(&raw), &b);
		assert_int_equal(shared_secret_open(&k, 7, buf_view(&b), &plain), E_DAMAGED);
		raw.p[i] ^= 1;
		buf_reset(&b);
		base64_encode(str_make(raw.p, i), &b);
		assert_int_equal(shared_secret_open(&k, 7, buf_view(&b), &plain), E_DAMAGED);
	}
	assert_int_equal(plain.n, 0);
	buf_done(&a);
	buf_done(&b);
	buf_done(&raw);
	buf_done(&plain);
}

static void the_digests_are_those_of_the_rfcs(void **state)
{
	struct cram c;

	(void)state;
	assert_int_equal(cram_read(STR("tim b913a602c7eda7a495b4e6e7334d3890"), &c), 0);
	assert_true(str_eqc(c.user, "tim"));
	assert_true(cram_good(&c, STR("<1896.697170952@postoffice.reston.mci.net>"), STR("tanstaaftanstaaf")));
	assert_false(cram_good(&c, STR("<1896.697170953@postoffice.reston.mci.net>"), STR("tanstaaftanstaaf")));
	assert_false(cram_good(&c, STR("<1896.697170952@postoffice.reston.mci.net>"), STR("tanstaaftanstaaF")));
	assert_int_equal(apop_read(STR("<1896.697170952@dbc.mtview.ca.us>\0mrose\0c4c9334bac560ecc979e58001b3e22fb"), &c), 0);
	assert_true(str_eqc(c.user, "mrose"));
	assert_true(apop_good(&c, STR("tanstaaf")));
	assert_false(apop_good(&c, STR("tanstaaF")));
	assert_false(cram_good(&c, c.challenge, STR("tanstaaf")));
}

static void nothing_else_is_a_response(void **state)
{
	static const struct str bad[] = { STR(""), STR(" "), STR("tim"), STR("tim "), STR(" b913a602c7eda7a495b4e6e7334d3890"),
		STR("tim b913a602c7eda7a495b4e6e7334d389"), STR("tim b913a602c7eda7a495b4e6e7334d38900"),
		STR("tim b913a602c7eda7a495b4e6e7334d389g"), STR("tim b913a602c7eda7a495b4e6e7334d3890 "),
		STR("ti\0m b913a602c7eda7a495b4e6e7334d3890"), STR("tim\tb913a602c7eda7a495b4e6e7334d3890") };
	static const struct str bad_apop[] = { STR(""), STR("<a@b>"), STR("<a@b>\0tim"), STR("<a@b>\0\0c4c9334bac560ecc979e58001b3e22fb"),
		STR("\0tim\0c4c9334bac560ecc979e58001b3e22fb"), STR("<a@b>\0tim\0c4c9334bac560ecc979e58001b3e22fb\0") };
	struct cram c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(cram_read(bad[i], &c), E_SYNTAX);
	for (i = 0; i < ARRAY_LEN(bad_apop); i++)
		assert_int_equal(apop_read(bad_apop[i], &c), E_SYNTAX);
	/* a name may have spaces, and some clients write capitals */
	assert_int_equal(cram_read(STR("tim the man B913A602C7EDA7A495B4E6E7334D3890"), &c), 0);
	assert_true(str_eqc(c.user, "tim the man"));
}

static void no_challenge_comes_twice(void **state)
{
	struct buf a, b;

	(void)state;
	buf_init(&a, 100);
	buf_init(&b, 100);
	cram_challenge(STR("mail.example.org"), &a);
	cram_challenge(STR("mail.example.org"), &b);
	assert_true(a.p[0] == '<' && str_ends(buf_view(&a), "@mail.example.org>"));
	assert_int_equal(a.n, 2 + 26 + strlen("@mail.example.org"));
	assert_false(str_eq(buf_view(&a), buf_view(&b)));
	buf_done(&a);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_sealed_for_one_account_and_key),
		cmocka_unit_test(the_digests_are_those_of_the_rfcs),
		cmocka_unit_test(nothing_else_is_a_response),
		cmocka_unit_test(no_challenge_comes_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
