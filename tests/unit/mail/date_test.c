/* SPDX-License-Identifier: ISC
 *
 * date_test.c: header and IMAP dates, and the extremes (C25).
 */
#include "mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BAD INT64_MIN

static void header_dates(void **state)
{
	static const struct {
		const char *in;
		int64_t want;
		int zone;
	} row[] = {
		{ "Sat, 21 Nov 2026 19:30:54 +0000", 1795289454, 0 },
		{ " Sat, 21 Nov 2026 20:30:54 +0100\r\n (CET)", 1795289454, 60 },
		{ "21 Nov 26 19:30 GMT", 1795289400, 0 },
		{ "21 Nov 2026 14:30:54 EST", 1795289454, -300 },
		{ "Sat(x(y\\)))21(a)Nov(b)2026(c)19(d):(e)30:54 Z", 1795289454, 0 },
		{ "1 Jan 70 00:00:00 +0000", 0, 0 },
		{ "1 Jan 1970 00:00:00 -0930", 34200, -570 },
		{ "1 Jan 102 00:00:00 +0000", 1009843200, 0 }, /* 2002 */
		{ "31 Dec 1998 23:59:60 +0000", 915148800, 0 },
		{ "29 Feb 2024 00:00:00 +0000", 1709164800, 0 },
		{ "29 Feb 2023 00:00:00 +0000", BAD, 0 },
		{ "21-Nov-2026 19:30:54", 1795289454, 0 },
		{ "32 Nov 2026 19:30:54 +0000", BAD, 0 },
		{ "21 Nov 12026 19:30:54 +0000", BAD, 0 },
		{ "21 Nov 2026 24:30:54 +0000", BAD, 0 },
		{ "21 Foo 2026 19:30:54 +0000", BAD, 0 },
		{ "21 Nov 2026 19:30:54 +0099", BAD, 0 },
		{ "21 Nov 2026 19:30:54 +9959", 1795289454 - 5999 * 60, 5999 },
		{ "01 Jan 0000 00:00:00 +0000", -62167219200, 0 },
		{ "31 Dec 9999 23:59:59 +0000", 253402300799, 0 },
		{ "Sat, (((((((((((", BAD, 0 },
		{ "", BAD, 0 },
		{ "\\", BAD, 0 },
		{ "99999999999999999999999999", BAD, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		struct date d = { .unix_time = BAD };
		int r = date_parse(str_of(row[i].in), &d);

		assert_int_equal(r, row[i].want == BAD ? E_SYNTAX : 0);
		assert_true(d.unix_time == row[i].want);
		assert_int_equal(d.zone_min, row[i].zone);
	}
}

static const char *printed(void (*print)(int64_t, int, struct buf *), int64_t t, int zone)
{
	static struct buf b;

	if (!b.max)
		buf_init(&b, 100);
	buf_reset(&b);
	print(t, zone, &b);
	return buf_cstr(&b);
}

static void C25_printing_is_total(void **state)
{
	(void)state;
	assert_string_equal(printed(date_print, 1795289454, 0), "Sat, 21 Nov 2026 19:30:54 +0000");
	assert_string_equal(printed(date_print, 0, -90), "Wed, 31 Dec 1969 22:30:00 -0130");
	assert_string_equal(printed(date_print, INT64_MAX, 0), "Fri, 31 Dec 9999 23:59:59 +0000");
	assert_string_equal(printed(date_print, INT64_MIN, INT32_MIN), "Sat, 01 Jan 0000 00:00:00 -9959");
	assert_string_equal(printed(date_imap_print, 951782400, 60), "29-Feb-2000 01:00:00 +0100");
	assert_string_equal(printed(date_imap_print, 0, 0), " 1-Jan-1970 00:00:00 +0000");
}

static void imap_dates(void **state)
{
	struct date d;
	int64_t day, t;

	(void)state;
	assert_int_equal(date_imap_parse(STR("21-Nov-2026 20:30:54 +0100"), &d), 0);
	assert_int_equal(d.unix_time, 1795289454);
	assert_int_equal(d.day, 21);
	assert_int_equal(date_imap_parse(STR(" 1-jan-1970 00:00:00 +0000"), &d), 0);
	assert_int_equal(date_imap_parse(STR(" 1-Jan-1970 00:00:00 UTC"), &d), E_SYNTAX);
	assert_int_equal(date_imap_parse(STR(" 1-Jan-1970 00:00:00 +0000 "), &d), E_SYNTAX);
	assert_int_equal(date_imap_parse(STR("31-Apr-1970 00:00:00 +0000"), &d), E_SYNTAX);
	assert_int_equal(date_imap_parse(STR(" 1-January-1970 00:00:00 +0000"), &d), E_SYNTAX);
	assert_int_equal(date_imap_day(STR("1-Feb-2026"), &day), 0);
	assert_int_equal(day, date_days(2026, 2, 1));
	assert_int_equal(date_imap_day(STR("1-Feb-2026x"), &day), E_SYNTAX);
	assert_int_equal(date_imap_day(STR("29-Feb-2026"), &day), E_SYNTAX);
	for (t = -62167219200; t < 253402300799; t += 86400 * 97 + 12345) {
		assert_int_equal(date_imap_parse(str_of(printed(date_imap_print, t, -345)), &d), 0);
		if (t > -62167219200 + 345 * 60)
			assert_true(d.unix_time == t);
		assert_int_equal(date_parse(str_of(printed(date_print, t, 765)), &d), 0);
		if (t < 253402300799 - 765 * 60 && d.year > 999)
			assert_true(d.unix_time == t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_dates),
		cmocka_unit_test(C25_printing_is_total),
		cmocka_unit_test(imap_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
