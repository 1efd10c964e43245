/* SPDX-License-Identifier: ISC
 *
 * dsn_test.c: reasons and reply lines.
 */
#include "mail/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void reply_lines(void **state)
{
	static const struct {
		const char *in;
		int r, code;
		const char *status, *text;
		bool more;
	} row[] = {
		{ "250 2.1.0 Ok", 0, 250, "2.1.0", "Ok", false },
		{ "250-PIPELINING", 0, 250, "", "PIPELINING", true },
		{ "250", 0, 250, "", "", false },
		{ "250 2.0.0\r\n", 0, 250, "2.0.0", "", false },
		{ "550 5.1.1 no such user", 0, 550, "5.1.1", "no such user", false },
		{ "550 2.1.1 odd class", 0, 550, "", "2.1.1 odd class", false },
		{ "550 5.1.1x", 0, 550, "", "5.1.1x", false },
		{ "550 5.1234.1 x", 0, 550, "", "5.1234.1 x", false },
		{ "550 5.1", 0, 550, "", "5.1", false },
		{ "452 4.2.2 a\x1b[1m\xc3", 0, 452, "4.2.2", "a?[1m?", false },
		{ "", E_SYNTAX, 0, "", "", false },
		{ "25", E_SYNTAX, 0, "", "", false },
		{ "150 x", E_SYNTAX, 0, "", "", false },
		{ "650 x", E_SYNTAX, 0, "", "", false },
		{ "2500 x", E_SYNTAX, 0, "", "", false },
		{ "HTTP/1.1 200 OK", E_SYNTAX, 0, "", "", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct dsn d;
		bool more = false;

		assert_int_equal(dsn_parse_reply(str_of(row[i].in), &d, &more), row[i].r);
		if (row[i].r)
			continue;
		assert_int_equal(d.code, row[i].code);
		assert_string_equal(d.status, row[i].status);
		assert_string_equal(d.text, row[i].text);
		assert_int_equal(more, row[i].more);
	}
}

/* C02: what came from outside cannot start a second line. */
static void C02_text_is_one_printable_line(void **state)
{
	struct dsn d = { 0 };

	(void)state;
	dsn_set(&d, 451, "4.3.0", "a%sb", "\r\n250 fine");
	assert_string_equal(d.text, "a??250 fineb");
	assert_true(dsn_temporary(&d));
	dsn_log(&d, "x\ny");
	assert_string_equal(d.log, "x?y");
	dsn_set(&d, 550, "5.1.1", "%0500d", 0);
	assert_int_equal(strlen(d.text), sizeof d.text - 1);
	assert_false(dsn_temporary(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reply_lines),
		cmocka_unit_test(C02_text_is_one_printable_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
