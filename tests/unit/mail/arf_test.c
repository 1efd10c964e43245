/* SPDX-License-Identifier: ISC
 *
 * arf_test.c: reports of abuse: the example of RFC 5965 B.1, and what is none.
 */
#include "mail/arf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char example[] =
	"From: <abusedesk@example.com>\r\n"
	"Date: Thu, 8 Mar 2005 17:40:36 EDT\r\n"
	"Subject: FW: Earn money\r\n"
	"To: <abuse@example.net>\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/report; report-type=feedback-report;\r\n"
	"     boundary=\"part1_13d.2e68ed54_boundary\"\r\n"
	"\r\n"
	"--part1_13d.2e68ed54_boundary\r\n"
	"Content-Type: text/plain; charset=\"US-ASCII\"\r\n"
	"Content-Transfer-Encoding: 7bit\r\n"
	"\r\n"
	"This is an email abuse report.\r\n"
	"--part1_13d.2e68ed54_boundary\r\n"
	"Content-Type: message/feedback-report\r\n"
	"\r\n"
	"Feedback-Type: abuse\r\n"
	"User-Agent: SomeGenerator/1.0\r\n"
	"Version: 1\r\n"
	"Original-Mail-From: <somespammer@example.net>\r\n"
	"Original-Rcpt-To: <user@example.com>\r\n"
	"Received-Date: Thu, 8 Mar 2005 14:00:00 EDT\r\n"
	"Source-IP: 192.0.2.2\r\n"
	"Reporting-MTA: dns; mail.example.com\r\n"
	"\r\n"
	"--part1_13d.2e68ed54_boundary\r\n"
	"Content-Type: message/rfc822\r\n"
	"Content-Disposition: inline\r\n"
	"\r\n"
	"From: <somespammer@example.net>\r\n"
	"Received: from mailserver.example.net (mailserver.example.net\r\n"
	"     [192.0.2.1]) by example.com with ESMTP id M63d4137594e46;\r\n"
	"     Thu, 08 Mar 2005 14:00:00 -0400\r\n"
	"To: <Undisclosed Recipients>\r\n"
	"Subject: Earn money\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-type: text/plain\r\n"
	"Message-ID: 8787KJKJ3K4J3K4J3K4J3.mail@example.net\r\n"
	"Date: Thu, 02 Sep 2004 12:31:03 -0500\r\n"
	"\r\n"
	"Spam Spam Spam\r\n"
	"--part1_13d.2e68ed54_boundary--\r\n"
;

static struct arena a;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

/* The example with one text in place of another. */
static int with(const char *from, const char *to, struct arf *out)
{
	struct str text = str_of(example);
	ssize_t at = str_search(text, str_of(from));

	assert_true(at >= 0);
	return arf_parse(str_of(arena_fmt(&a, "%.*s%s%s", (int)at, example, to, example + at + strlen(from))), &a, out);
}

static void test_the_example_of_the_rfc(void **state)
{
	struct arf f;

	(void)state;
	assert_int_equal(arf_parse(str_of(example), &a, &f), 1);
	assert_true(str_eqc(f.type, "abuse") && str_eqc(f.agent, "SomeGenerator/1.0"));
	assert_true(str_eqc(f.sender, "somespammer@example.net") && str_eqc(f.recipient, "user@example.com"));
	assert_true(str_eqc(f.source, "192.0.2.2") && str_eqc(f.reporter, "dns; mail.example.com"));
	assert_true(str_eqc(f.message_id, "8787KJKJ3K4J3K4J3K4J3.mail@example.net") && str_eqc(f.subject, "Earn money"));
}

static void test_what_is_no_report(void **state)
{
	struct arf f;

	(void)state;
	assert_int_equal(arf_parse(STR(""), &a, &f), 0);
	assert_int_equal(arf_parse(STR("Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: x\r\n\r\n"), &a, &f), 0);
	assert_int_equal(with("report-type=feedback-report", "report-type=delivery-status", &f), 0);
	assert_int_equal(with("multipart/report", "multipart/mixed", &f), 0);
	assert_int_equal(with("User-Agent", "X-Agent", &f), E_SYNTAX);
	assert_int_equal(with("\r\nVersion: 1", "\r\nX: 1", &f), E_SYNTAX);
	assert_int_equal(with("Feedback-Type: abuse", "Feedback-Type: a b", &f), E_SYNTAX);
	assert_int_equal(with("message/feedback-report", "text/feedback-report", &f), E_SYNTAX);
}

static void test_a_value_stays_one_short_line(void **state)
{
	struct arf f;

	(void)state;
	assert_int_equal(with("<user@example.com>", "<us\x01" "er@example.com>\r\n more\xff", &f), 1);
	assert_true(str_eqc(f.recipient, "<us?er@example.com> more?") || str_eqc(f.recipient, "<us?er@example.com> more"));
	assert_int_equal(with("Feedback-Type: abuse", "Feedback-Type: ABUSE", &f), 1);
	assert_true(str_eqc(f.type, "abuse"));
	assert_int_equal(with("Earn money\r\nMIME", arena_fmt(&a, "%s%0900d\r\nMIME", "x", 0), &f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_example_of_the_rfc, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_value_stays_one_short_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
