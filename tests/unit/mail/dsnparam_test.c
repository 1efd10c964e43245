/* SPDX-License-Identifier: ISC
 *
 * dsnparam_test.c: the parameters of RFC 3461, as strict as they are.
 */
#include "mail/dsnparam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mail/envelope.h"

static void notify(void **state)
{
	static const struct {
		const char *in;
		int r;
		uint32_t bits;
		const char *out;
	} row[] = {
		{ "NEVER", 0, NOTIFY_NEVER, "NEVER" },
		{ "success,Delay", 0, NOTIFY_SUCCESS | NOTIFY_DELAY, "SUCCESS,DELAY" },
		{ "DELAY,FAILURE,SUCCESS", 0, NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, "SUCCESS,FAILURE,DELAY" },
		{ "NEVER,SUCCESS", E_SYNTAX, 0, "" },
		{ "SUCCESS,SUCCESS", E_SYNTAX, 0, "" },
		{ "SUCCESS,", E_SYNTAX, 0, "" },
		{ ",SUCCESS", E_SYNTAX, 0, "" },
		{ "SUCCESS, DELAY", E_SYNTAX, 0, "" },
		{ "ALWAYS", E_SYNTAX, 0, "" },
		{ "", E_SYNTAX, 0, "" },
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(row); i++) {
		uint32_t bits = 0;

		assert_int_equal(dsn_notify_parse(str_of(row[i].in), &bits), row[i].r);
		assert_int_equal(bits, row[i].bits);
		buf_reset(&out);
		dsn_notify_print(bits, &out);
		assert_string_equal(buf_cstr(&out), row[i].out);
	}
	buf_done(&out);
}

static void ret_and_envid(void **state)
{
	static char text[200];
	bool full = false;

	(void)state;
	assert_int_equal(dsn_ret_parse(STR("full"), &full), 0);
	assert_true(full);
	assert_int_equal(dsn_ret_parse(STR("HDRS"), &full), 0);
	assert_false(full);
	assert_int_equal(dsn_ret_parse(STR("BODY"), &full), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("QQ314159+2B+20x")), 0);
	assert_int_equal(dsn_envid_check(STR("")), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("a+0Ab")), E_SYNTAX); /* C02 */
	assert_int_equal(dsn_envid_check(STR("a+0Db")), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("a+00b")), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("a+7Fb")), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("a+C3+A4")), E_SYNTAX);
	assert_int_equal(dsn_envid_check(STR("a+2b")), E_SYNTAX); /* hex digits are upper case */
	assert_int_equal(dsn_envid_check(STR("a+2")), E_SYNTAX);
	memset(text, 'x', sizeof text);
	assert_int_equal(dsn_envid_check(str_make(text, 100)), 0);
	assert_int_equal(dsn_envid_check(str_make(text, 101)), E_LIMIT);
}

static void orcpt(void **state)
{
	static const struct {
		const char *in;
		int plain, utf8; /* without and with SMTPUTF8 */
	} row[] = {
		{ "rfc822;anna@example.net", 0, 0 },
		{ "rfc822;an+2Bna@example.net", 0, 0 },
		{ "X400;c=de", E_SYNTAX, E_SYNTAX },
		{ "X400;c+3Dde", 0, 0 },
		{ "rfc822;", E_SYNTAX, E_SYNTAX },
		{ ";anna", E_SYNTAX, E_SYNTAX },
		{ "anna@example.net", E_SYNTAX, E_SYNTAX },
		{ "rfc822;a+0AX-Evil:+20b", E_SYNTAX, E_SYNTAX },
		{ "rfc822;a+0D", E_SYNTAX, E_SYNTAX },
		{ "rf c;a", E_SYNTAX, E_SYNTAX },
		{ "rfc822;d\xc3\xb6@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{F6}@x", 0, 0 },
		{ "utf-8;d\\x{1F600}\\x{10FFFF}@x", 0, 0 },
		{ "UTF-8;d\xc3\xb6+@x", E_SYNTAX, 0 },
		{ "utf-8;d\\x{0A}@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{85}@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{D800}@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{110000}@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{00000F6}@x", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\x{F6", E_SYNTAX, E_SYNTAX },
		{ "utf-8;d\\", E_SYNTAX, E_SYNTAX },
		{ "utf-8;a\x01", E_SYNTAX, E_SYNTAX },
		{ "utf-8;\xff", E_SYNTAX, E_SYNTAX },
		{ "utf-8;", E_SYNTAX, E_SYNTAX },
	};
	static char text[600] = "rfc822;";
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		if (dsn_orcpt_check(str_of(row[i].in), false) != row[i].plain)
			fail_msg("%s", row[i].in);
		if (dsn_orcpt_check(str_of(row[i].in), true) != row[i].utf8)
			fail_msg("%s (utf8)", row[i].in);
	}
	memset(text + 7, 'x', sizeof text - 7);
	assert_int_equal(dsn_orcpt_check(str_make(text, 500), false), 0);
	assert_int_equal(dsn_orcpt_check(str_make(text, 501), false), E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify),
		cmocka_unit_test(ret_and_envid),
		cmocka_unit_test(orcpt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
