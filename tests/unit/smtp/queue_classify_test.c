/* SPDX-License-Identifier: ISC
 *
 * queue_classify_test.c: real replies, and the kind of failure that they tell of.
 */
#include "smtp/queue/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
	int code;
	const char *status, *reply, *class;
} rows[] = {
	{ 550, "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist.", "invalid" },
	{ 550, "5.0.0", "550 No such user here", "invalid" },
	{ 554, "5.0.0", "554 delivery error: This user doesn't exist (User doesn't exist)", "invalid" },
	{ 550, "5.2.1", "550 5.2.1 The email account that you tried to reach is inactive.", "invalid" },
	{ 550, "5.1.1", "550 5.1.1 <x@example.net>: Recipient address rejected: User unknown in virtual mailbox table", "invalid" },
	{ 550, "5.1.6", "550 5.1.6 Recipient no longer on server", "invalid" },
	{ 550, "5.1.1", "550 5.1.1 rejected as SPAM", "spam" },
	{ 550, "5.7.1", "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus", "spam" },
	{ 421, "4.7.0", "421-4.7.0 Our system has detected an unusual rate of unsolicited mail", "spam" },
	{ 554, "5.7.1", "554 5.7.1 poor reputation of your IP", "spam" },
	{ 552, "5.2.2", "552 5.2.2 The recipient's inbox is out of storage space", "full" },
	{ 452, "4.2.2", "452 4.2.2 over quota", "full" },
	{ 550, "5.0.0", "550 Mailbox full", "full" },
	{ 450, "4.7.1", "450 4.7.1 Greylisted, come again in 300 s", "rate" },
	{ 421, "4.7.28", "421 4.7.28 try later", "rate" },
	{ 421, "4.0.0", "421 too many connections from your host", "rate" },
	{ 550, "5.7.1", "550 5.7.1 Relaying denied", "policy" },
	{ 550, "5.7.26", "550 5.7.26 This mail is unauthenticated", "policy" },
	{ 550, "5.7.1", "550 5.7.1 user unknown to the policy of this house", "policy" },
	{ 550, "5.1.2", "550 5.1.2 bad destination system", "dns" },
	{ 556, "5.1.10", "the domain takes no mail (null MX)", "dns" },
	{ 450, "4.4.4", "no address is found of mx.example.net", "dns" },
	{ 530, "5.7.0", "530 5.7.0 Must issue a STARTTLS command first", "tls" },
	{ 450, "4.7.5", "the certificate does not name mx.example.net", "tls" },
	{ 550, "5.7.30", "550 5.7.30 required", "tls" },
	{ 554, "5.6.0", "554 5.6.0 message looks odd", "other" },
	{ 0, "4.7.0", "no signature can be made", "policy" },
	{ 250, "2.0.0", "250 ok", "" },
};

static void each_reply_has_its_kind(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *class = bounce_name(bounce_class(rows[i].code, str_of(rows[i].status), str_of(rows[i].reply)));

		if (!str_eqc(str_of(class), rows[i].class))
			fail_msg("%s: %s instead of %s", rows[i].reply, class, rows[i].class);
	}
}

static void what_is_empty_or_cut_is_no_harm(void **state)
{
	(void)state;
	assert_int_equal(bounce_class(550, STR(""), STR("")), BOUNCE_NONE);
	assert_int_equal(bounce_class(550, STR("5"), STR("")), BOUNCE_OTHER);
	assert_int_equal(bounce_class(550, STR("5."), STR("x")), BOUNCE_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_has_its_kind),
		cmocka_unit_test(what_is_empty_or_cut_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
