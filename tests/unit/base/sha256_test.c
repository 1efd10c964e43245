/* SPDX-License-Identifier: ISC
 *
 * sha256_test.c: the examples of FIPS 180-4 and lengths around a block, in any pieces.
 */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void digest(const char *text, size_t n, size_t piece, char out[SHA256_HEX + 1])
{
	unsigned char sha[SHA256_SIZE];
	struct sha256 s;
	size_t at;

	sha256_init(&s);
	for (at = 0; at < n; at += piece)
		sha256_add(&s, text + at, MIN(piece, n - at));
	sha256_end(&s, sha);
	sha256_print(sha, out);
}

static void test_examples(void **state)
{
	static const char *const row[][2] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char out[SHA256_HEX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		digest(row[i][0], strlen(row[i][0]), 1000, out);
		assert_string_equal(out, row[i][1]);
	}
}

static void test_pieces_make_no_difference(void **state)
{
	char text[300], whole[SHA256_HEX + 1], out[SHA256_HEX + 1];
	size_t n, piece;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (n = 0; n < sizeof(text); n++) {
		digest(text, n, sizeof(text), whole);
		for (piece = 1; piece < 130; piece += 7) {
			digest(text, n, piece, out);
			assert_string_equal(out, whole);
		}
	}
	digest(text, 64, 64, out);
	assert_string_equal(out, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

static void test_reading(void **state)
{
	unsigned char sha[SHA256_SIZE];
	char hex[SHA256_HEX + 1], out[SHA256_HEX + 1];

	(void)state;
	digest("abc", 3, 3, hex);
	assert_int_equal(sha256_read(str_of(hex), sha), 0);
	sha256_print(sha, out);
	assert_string_equal(out, hex);
	assert_int_equal(sha256_read(str_sub(str_of(hex), 0, 63), sha), E_SYNTAX);
	hex[5] = 'A';
	assert_int_equal(sha256_read(str_of(hex), sha), E_SYNTAX);
	hex[5] = 'g';
	assert_int_equal(sha256_read(str_of(hex), sha), E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples),
		cmocka_unit_test(test_pieces_make_no_difference), cmocka_unit_test(test_reading) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
