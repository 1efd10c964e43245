/* SPDX-License-Identifier: ISC
 *
 * codec_test.c: vectors of the RFCs, and what a strict decoder refuses.
 */
#include "base/codec.h"

#include <setjmp.h>

#include <cmocka.h>

#include "base/rand.h"

struct pair {
	struct str plain, code;
};

static void both_ways(const struct pair *row, size_t n, void (*encode)(struct str, struct buf *),
	int (*decode)(struct str, struct buf *))
{
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < n; i++) {
		buf_reset(&b);
		encode(row[i].plain, &b);
		assert_true(str_eq(buf_view(&b), row[i].code));
		buf_reset(&b);
		assert_int_equal(decode(row[i].code, &b), 0);
		assert_true(str_eq(buf_view(&b), row[i].plain));
	}
	buf_done(&b);
}

static void refuses(const struct str *bad, size_t n, int (*decode)(struct str, struct buf *))
{
	struct buf b;

	buf_init(&b, 1000);
	buf_puts(&b, "before");
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(decode(bad[i], &b), E_SYNTAX);
		assert_string_equal(buf_cstr(&b), "before");
		assert_int_equal(b.err, 0);
	}
	buf_done(&b);
}

static void test_base64(void **state)
{
	/* RFC 4648 10 */
	static const struct pair row[] = { { STR(""), STR("") }, { STR("f"), STR("Zg==") },
		{ STR("fo"), STR("Zm8=") }, { STR("foo"), STR("Zm9v") }, { STR("foob"), STR("Zm9vYg==") },
		{ STR("fooba"), STR("Zm9vYmE=") }, { STR("foobar"), STR("Zm9vYmFy") },
		{ STR("\0\xff\xfe\xfb"), STR("AP/++w==") } };
	static const struct str bad[] = { STR("Z"), STR("Zg"), STR("Zg="), STR("Zg==="), STR("===="),
		STR("Zh=="), STR("Zm9="), STR("Zg==Zg=="), STR("Z=g="), STR("Zm8 "), STR("Zm8-"),
		STR("Zm9v\r\n"), STR("Zm9\0"), STR("=Zm9"), STR("Zm9\x80") };

	(void)state;
	both_ways(row, ARRAY_LEN(row), base64_encode, base64_decode);
	refuses(bad, ARRAY_LEN(bad), base64_decode);
}

static void test_hex(void **state)
{
	static const struct pair row[] = { { STR(""), STR("") }, { STR("\0\xab"), STR("00ab") } };
	static const struct str bad[] = { STR("0"), STR("0g"), STR("g0"), STR("0x"), STR("00 ") };
	struct buf b;

	(void)state;
	both_ways(row, ARRAY_LEN(row), hex_encode, hex_decode);
	refuses(bad, ARRAY_LEN(bad), hex_decode);
	buf_init(&b, 10);
	assert_int_equal(hex_decode(STR("Ab"), &b), 0);
	assert_true(str_eqc(buf_view(&b), "\xab"));
	buf_done(&b);
}

static void test_percent(void **state)
{
	static const struct pair row[] = { { STR(""), STR("") }, { STR("a b%\xff\0~"), STR("a%20b%25%FF%00~") } };
	static const struct str bad[] = { STR("%"), STR("%2"), STR("%2g"), STR("a b"), STR("\x7f"), STR("a%") };

	(void)state;
	both_ways(row, ARRAY_LEN(row), percent_encode, percent_decode);
	refuses(bad, ARRAY_LEN(bad), percent_decode);
}

static void test_xtext(void **state)
{
	static const struct pair row[] = { { STR("a+b=c d"), STR("a+2Bb+3Dc+20d") }, { STR("\xc3\n"), STR("+C3+0A") } };
	/* RFC 3461 4: upper case only */
	static const struct str bad[] = { STR("+"), STR("+2"), STR("+2b"), STR("a=b"), STR("a b"), STR("\x80") };

	(void)state;
	both_ways(row, ARRAY_LEN(row), xtext_encode, xtext_decode);
	refuses(bad, ARRAY_LEN(bad), xtext_decode);
}

static void test_limit_is_told(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_int_equal(base64_decode(STR("Zm9v"), &b), 0);
	buf_reset(&b);
	assert_int_equal(base64_decode(STR("Zm9vYg=="), &b), E_LIMIT);
	assert_int_equal(b.n, 0);
	buf_reset(&b);
	assert_int_equal(percent_decode(STR("%41%42%43"), &b), 0);
	buf_done(&b);
}

static void test_siphash_vector(void **state)
{
	unsigned char key[16], in[15];

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		key[i] = (unsigned char)i;
	memcpy(in, key, 15);
	/* appendix A of the paper */
	assert_true(siphash(key, str_make(in, 15)) == 0xa129ca6149be45e5);
	assert_true(siphash(key, STR_NONE) == 0x726fdb47dd0e0e31);
	assert_true(hash_str(STR("a")) == hash_str(STR("a")));
	assert_true(hash_str(STR("a")) != hash_str(STR("b")));
}

static void test_crc32c_vectors(void **state)
{
	unsigned char zeros[32] = { 0 };
	uint32_t half;

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720 B.4 */
	half = crc32c(0, "1234", 4);
	assert_int_equal(crc32c(half, "56789", 5), 0xe3069283);
}

static void test_random_ids(void **state)
{
	char id[101], other[101];

	(void)state;
	rand_id(id, 100);
	rand_id(other, 100);
	assert_int_equal(strlen(id), 100);
	assert_int_equal(strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"), 100);
	assert_string_not_equal(id, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_limit_is_told),
		cmocka_unit_test(test_siphash_vector),
		cmocka_unit_test(test_crc32c_vectors),
		cmocka_unit_test(test_random_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
