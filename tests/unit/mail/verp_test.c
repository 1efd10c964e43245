/* SPDX-License-Identifier: ISC
 *
 * XVERP: its delimiters, and the address that each recipient gets.
 */
#include "mail/verp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void two_delimiters_out_of_three(void **state)
{
	static const char *const bad[] = { "", "+", "+==", "+/", "@=", "a=", "+ ", "++ " };
	size_t i;

	(void)state;
	assert_int_equal(verp_check(STR("+=")), 0);
	assert_int_equal(verp_check(STR("-=")), 0);
	assert_int_equal(verp_check(STR("==")), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(verp_check(str_of(bad[i])), E_SYNTAX);
}

static void each_recipient_has_a_sender_of_its_own(void **state)
{
	static const struct {
		const char *delimiters, *sender, *rcpt, *want; /* want NULL: no address */
	} rows[] = {
		{ "+=", "list@d.example", "user@example.net", "list+user=example.net@d.example" },
		{ "-=", "list@d.example", "User@Example.net", "list-User=Example.net@d.example" },
		{ "+=", "list+x@d.example", "a+b@example.net", "list+x+a+b=example.net@d.example" },
		{ "+=", "list@d.example", "\"a b\"@example.net", "\"list+a b=example.net\"@d.example" },
		{ "+=", "list@d.example", "user@[192.0.2.1]", "\"list+user=[192.0.2.1]\"@d.example" },
		{ "+=", "list@d.example", "gr\xc3\xbc\xc3\x9f" "e@example.net", "list+gr\xc3\xbc\xc3\x9f" "e=example.net@d.example" },
		{ "+=", "", "user@example.net", NULL },
		{ "+=", "list@d.example", "user", NULL },
		{ "", "list@d.example", "user@example.net", NULL },
	};
	struct arena a;
	struct str out;
	size_t i;
	int r;

	(void)state;
	arena_init(&a);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		out = STR_NONE;
		r = verp_address(str_of(rows[i].delimiters), str_of(rows[i].sender), str_of(rows[i].rcpt), &a, &out);
		assert_int_equal(r, rows[i].want ? 0 : E_SYNTAX);
		if (r == 0)
			assert_true(str_eqc(out, rows[i].want));
	}
	arena_done(&a);
}

static void a_name_that_would_be_too_long_is_told(void **state)
{
	struct str out = STR_NONE;
	struct arena a;

	(void)state;
	arena_init(&a);
	/* 4 + 1 + 47 + 1 + 11 = 64 */
	assert_int_equal(verp_address(STR("+="), STR("list@d.example"),
		STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeee@example.net"), &a, &out), 0);
	assert_int_equal(verp_address(STR("+="), STR("list@d.example"),
		STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee@example.net"), &a, &out), E_LIMIT);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_delimiters_out_of_three),
		cmocka_unit_test(each_recipient_has_a_sender_of_its_own),
		cmocka_unit_test(a_name_that_would_be_too_long_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
