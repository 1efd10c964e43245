/* SPDX-License-Identifier: ISC
 *
 * charset_test.c: conversion, encoded words, fold.
 */
#include "mail/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct buf b;

static const char *converted(const char *charset, struct str s)
{
	buf_done(&b);
	buf_init(&b, 1000);
	assert_int_equal(charset_to_utf8(str_of(charset), s, &b), 0);
	return buf_cstr(&b);
}

/* s may lie in b itself. */
static const char *decoded(const char *s)
{
	struct buf copy = b;

	buf_init(&b, 1000);
	encoded_words_decode(str_of(s), &b);
	buf_done(&copy);
	return buf_cstr(&b);
}

static const char *encoded(const char *s)
{
	buf_done(&b);
	buf_init(&b, 1000);
	encoded_words_encode(str_of(s), &b);
	return buf_cstr(&b);
}

static const char *folded(const char *s)
{
	buf_done(&b);
	buf_init(&b, 1000);
	charset_fold(str_of(s), &b);
	return buf_cstr(&b);
}

static void charsets(void **state)
{
	(void)state;
	charset_preload();
	assert_string_equal(converted("UTF-8", STR("gr\xc3\xbc\xc3")), "gr\xc3\xbc\xef\xbf\xbd");
	assert_string_equal(converted("us-ascii", STR("\xc3\xbc\xff!")), "\xc3\xbc\xef\xbf\xbd!");
	assert_string_equal(converted("ISO-8859-1", STR("\xfc\x80\x81")), "\xc3\xbc\xe2\x82\xac\xef\xbf\xbd");
	assert_string_equal(converted(" \"iso_8859-15\"", STR("\xa4\xe4\x80")), "\xe2\x82\xac\xc3\xa4\xef\xbf\xbd");
	assert_string_equal(converted("windows-1251", STR("\xef\xf0")), "\xd0\xbf\xd1\x80");
	assert_string_equal(converted("koi8-r", STR("\xd0\xd2")), "\xd0\xbf\xd1\x80");
	assert_string_equal(converted("iso-2022-jp", STR("\x1b$B8l\x1b(B.")), "\xe8\xaa\x9e.");
	assert_string_equal(converted("shift_jis", STR("\x8c\xea\x8c")), "\xe8\xaa\x9e\xef\xbf\xbd");
	assert_string_equal(converted("gb2312", STR("\xd6\xd0\xff.")), "\xe4\xb8\xad\xef\xbf\xbd.");
	assert_string_equal(converted("big5", STR("\xa4\xa4")), "\xe4\xb8\xad");
	assert_string_equal(converted("euc-kr", STR("\xc7\xd1")), "\xed\x95\x9c");
	assert_string_equal(converted("utf-16", ((struct str){ "\xff\xfe" "a\0\xfc\0", 6 })), "a\xc3\xbc");
	assert_string_equal(converted("utf-7", STR("+AOQ-.")), "\xc3\xa4.");
	assert_int_equal(charset_to_utf8(STR("x-user-defined"), STR("x"), &b), E_UNSUPPORTED);
	assert_int_equal(charset_to_utf8(STR("../../tmp/x"), STR("x"), &b), E_UNSUPPORTED);
	assert_false(charset_known(STR("")));
	assert_string_equal(converted("utf-8", STR_NONE), "");
	charset_fold(STR_NONE, &b);
	encoded_words_decode(STR_NONE, &b);
	encoded_words_encode(STR_NONE, &b);
	assert_int_equal(b.n, 0);
}

static void result_is_cut_between_characters(void **state)
{
	(void)state;
	buf_done(&b);
	buf_init(&b, 4);
	assert_int_equal(charset_to_utf8(STR("iso-8859-1"), STR("aa\xfc\xfc"), &b), E_LIMIT);
	assert_string_equal(buf_cstr(&b), "aa\xc3\xbc");
	buf_done(&b);
	buf_init(&b, 3);
	assert_int_equal(charset_to_utf8(STR("utf-8"), STR("aa\xc3\xbc"), &b), E_LIMIT);
	assert_string_equal(buf_cstr(&b), "aa");
}

/* RFC 2047 8 and what real mail does. */
static void words_are_decoded(void **state)
{
	(void)state;
	assert_string_equal(decoded("=?ISO-8859-1?Q?a?="), "a");
	assert_string_equal(decoded("(=?ISO-8859-1?Q?a?= b)"), "(a b)");
	assert_string_equal(decoded("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)"), "(ab)");
	assert_string_equal(decoded("=?ISO-8859-1?Q?a?=\r\n  =?utf-8?Q?b?="), "ab");
	assert_string_equal(decoded("=?ISO-8859-1?Q?a_b?="), "a b");
	assert_string_equal(decoded("=?utf-8*de?b?w7w=?= x"), "\xc3\xbc x");
	assert_string_equal(decoded("=?utf-8?b?w7w?="), "\xc3\xbc");
	assert_string_equal(decoded("=?utf-8?q?=C3?= =?utf-8?Q?=BC?="), "\xc3\xbc");
	assert_string_equal(decoded("=?utf-8?q?=C3?="), "\xef\xbf\xbd");
	assert_string_equal(decoded("=?utf-8?q?a=zz=?="), "a=zz=");
	assert_string_equal(decoded("x=?utf-8?q?y?=z"), "xyz");
	assert_string_equal(decoded("=?utf-8?q?\?="), "");
}

static void what_is_no_word_stays(void **state)
{
	static const char *const same[] = { "=?", "=?utf-8?", "=?utf-8?q", "=?utf-8?q?", "=?utf-8?q?a",
		"=?utf-8?q?a?", "=?utf-8?x?a?=", "=?x-nobody?q?a?=", "=?\?q?a?=", "= ?utf-8?q?a?=", "====?",
		"plain = text ?=" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(same); i++)
		assert_string_equal(decoded(same[i]), same[i]);
	assert_string_equal(decoded("8 bit \xff"), "8 bit \xef\xbf\xbd");
}

/* C02, C24: an encoded line end does not become one. */
static void C24_encoded_breaks_become_spaces(void **state)
{
	(void)state;
	assert_string_equal(decoded("=?utf-8?q?a=0D=0AX:=00y?="), "a  X: y");
}

static void words_are_encoded(void **state)
{
	const char *e;
	size_t i;

	(void)state;
	assert_string_equal(encoded("plain text"), "plain text");
	assert_string_equal(encoded("gr\xc3\xbc"), "=?utf-8?B?Z3LDvA==?=");
	assert_string_equal(decoded(encoded("a\r\nb =?utf-8?q?x?=")), "a  b =?utf-8?q?x?=");
	e = encoded("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
		    "x\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc");
	assert_non_null(strstr(e, "?=\r\n =?utf-8?B?"));
	for (i = 0; e[i] && e[i] != '\r'; i++)
		;
	assert_true(i <= 75);
}

static void folds(void **state)
{
	(void)state;
	assert_string_equal(folded("Abc 1"), "ABC 1");
	assert_string_equal(folded("\xc3\xbc"), "U\xcc\x88"); /* u umlaut */
	assert_string_equal(folded("\xc7\x84"), "Dz\xcc\x8c"); /* RFC 5051: U+01C4 */
	assert_string_equal(folded("\xd0\xbf"), "\xd0\x9f");
	assert_string_equal(folded("a\xff\xc3"), "A\xff\xc3");
	folded("\xef\xb7\xba"); /* C25: U+FDFA, 18 characters */
	assert_true(b.n > 30);
	folded("\xc4\xb0"); /* U+0130 */
	assert_string_equal(folded("\xed\x95\x9c"), "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"); /* Hangul */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(charsets),
		cmocka_unit_test(result_is_cut_between_characters),
		cmocka_unit_test(words_are_decoded),
		cmocka_unit_test(what_is_no_word_stays),
		cmocka_unit_test(C24_encoded_breaks_become_spaces),
		cmocka_unit_test(words_are_encoded),
		cmocka_unit_test(folds),
	};
	int r;

	buf_init(&b, 1000);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	buf_done(&b);
	return r;
}
