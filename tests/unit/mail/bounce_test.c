/* SPDX-License-Identifier: ISC
 *
 * bounce_test.c: reports of delivery that come from outside: what is read of a failure, and what is none.
 */
#include "mail/bounce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char example[] =
	"From: MAILER-DAEMON@mx.example.net\r\n"
	"To: list+user=example.net@d.example\r\n"
	"Subject: Undelivered Mail Returned to Sender\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n"
	"\r\n"
	"--b1\r\n"
	"Content-Type: text/plain\r\n"
	"\r\n"
	"I am sorry.\r\n"
	"--b1\r\n"
	"Content-Type: message/delivery-status\r\n"
	"\r\n"
	"Reporting-MTA: dns; mx.example.net\r\n"
	"Arrival-Date: Sun, 22 Nov 2026 08:00:00 +0000\r\n"
	"\r\n"
	"Final-Recipient: rfc822; other@example.net\r\n"
	"Action: delayed\r\n"
	"Status: 4.2.2\r\n"
	"\r\n"
	"Original-Recipient: rfc822;user@example.net\r\n"
	"Final-Recipient: rfc822; u1@example.net\r\n"
	"Action: failed\r\n"
	"Status: 5.1.1 (unknown)\r\n"
	"Remote-MTA: dns; inner.example.net\r\n"
	"Diagnostic-Code: smtp;\r\n"
	"\t550 5.1.1 no such user\r\n"
	"\r\n"
	"--b1\r\n"
	"Content-Type: text/rfc822-headers\r\n"
	"\r\n"
	"Subject: news\r\n"
	"--b1--\r\n";

static struct arena a;

/* The example with one piece replaced. */
static int with(const char *old, const char *new, struct bounce *out)
{
	const char *at = strstr(example, old);

	assert_non_null(at);
	return bounce_parse(str_of(arena_fmt(&a, "%.*s%s%s", (int)(at - example), example, new, at + strlen(old))), &a, out);
}

static void a_failure_is_read(void **state)
{
	struct bounce b;

	(void)state;
	arena_init(&a);
	assert_int_equal(bounce_parse(str_of(example), &a, &b), 1);
	assert_true(str_eqc(b.recipient, "user@example.net"));
	assert_true(str_eqc(b.status, "5.1.1"));
	assert_true(str_eqc(b.diagnostic, "550 5.1.1 no such user"));
	assert_true(str_eqc(b.remote, "inner.example.net"));
	assert_true(str_eqc(b.reporter, "mx.example.net"));
	arena_done(&a);
}

static void what_is_late_or_no_report_is_no_failure(void **state)
{
	struct bounce b;

	(void)state;
	arena_init(&a);
	assert_int_equal(with("Action: failed", "Action: delayed", &b), 0);
	assert_int_equal(with("Action: failed", "Action: relayed", &b), 0);
	assert_int_equal(with("report-type=delivery-status", "report-type=disposition-notification", &b), 0);
	assert_int_equal(with("message/delivery-status", "text/plain", &b), 0);
	/* an answer of a person who is away */
	assert_int_equal(bounce_parse(STR("Subject: away\r\nAuto-Submitted: auto-replied\r\n\r\nAction: failed\r\n"), &a, &b), 0);
	arena_done(&a);
}

static void what_is_no_status_is_none(void **state)
{
	static const char *const bad[] = { "5.1", "5.1.1.1", "x", "5.1.1000", "5..1", "" };
	struct bounce b;
	size_t i;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(with("Status: 5.1.1", arena_fmt(&a, "Status: %s", bad[i]), &b), 1);
		assert_int_equal(b.status.n, 0);
	}
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_is_read),
		cmocka_unit_test(what_is_late_or_no_report_is_no_failure),
		cmocka_unit_test(what_is_no_status_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
