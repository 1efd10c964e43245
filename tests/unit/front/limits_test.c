/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/limits.h"

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_of(text), &a), 0);
	return a;
}

static void an_address_has_its_places_and_gets_them_back(void **state)
{
	struct addr a = ip("192.0.2.1"), b = ip("192.0.2.2");
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_address(&l, &a, 2, 10), LIMITS_OK);
	a.port = 77; /* another port is the same address */
	assert_int_equal(limits_address(&l, &a, 2, 10), LIMITS_OK);
	assert_int_equal(limits_address(&l, &a, 2, 10), LIMITS_ADDRESS);
	assert_int_equal(limits_address(&l, &b, 2, 10), LIMITS_OK);
	limits_address_leave(&l, &a);
	assert_int_equal(limits_address(&l, &a, 2, 10), LIMITS_OK);
	limits_address_leave(&l, &a);
	limits_address_leave(&l, &a);
	limits_address_leave(&l, &b);
	assert_int_equal(l.address.n + l.network.n, 0);
	limits_done(&l);
}

static void smtpds_are_parted_among_the_fronts(void **state)
{
	struct smtp_part p;

	(void)state;
	p = limits_smtp_part(16, 1, 0, 25, 25);
	assert_true(p.strangers == 12 && p.network == 4);
	p = limits_smtp_part(16, 2, 1, 25, 25);
	assert_true(p.strangers == 6 && p.network == 2);
	p = limits_smtp_part(5, 2, 0, 25, 25); /* 3 and 2 */
	assert_true(p.strangers == 2 && p.network == 1);
	p = limits_smtp_part(5, 2, 1, 25, 25);
	assert_true(p.strangers == 1 && p.network == 1);
	p = limits_smtp_part(16, 8, 0, 25, 25); /* four are kept in all, not one by each front */
	assert_true(p.strangers == 2 && p.network == 1);
	p = limits_smtp_part(16, 8, 7, 25, 25);
	assert_true(p.strangers == 1 && p.network == 1);
	p = limits_smtp_part(1, 8, 7, 90, 1); /* never none */
	assert_true(p.strangers == 1 && p.network == 1);
	p = limits_smtp_part(8, 1, 0, 0, 100);
	assert_true(p.strangers == 8 && p.network == 8);
	p = limits_smtp_part(1000, 0, 0, 90, 25);
	assert_true(p.strangers == 100 && p.network == 250);
}

static void an_smtpd_is_held_by_network_and_in_total(void **state)
{
	struct addr a = ip("192.0.2.1"), b = ip("192.0.2.200"), c = ip("192.0.3.1"), d = ip("2001:db8::1");
	const struct smtp_part part = { .strangers = 3, .network = 1 };
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_smtp(&l, &a, &part), LIMITS_OK);
	assert_int_equal(limits_smtp(&l, &b, &part), LIMITS_SMTP_NETWORK);
	assert_int_equal(limits_smtp(&l, &c, &part), LIMITS_OK);
	assert_int_equal(limits_smtp(&l, &d, &part), LIMITS_OK);
	limits_smtp_leave(&l, &c);
	assert_int_equal(limits_smtp(&l, &c, &part), LIMITS_OK);
	c = ip("198.51.100.1");
	assert_int_equal(limits_smtp(&l, &c, &part), LIMITS_SMTP); /* counted nowhere */
	limits_smtp_leave(&l, &a);
	assert_int_equal(limits_smtp(&l, &b, &part), LIMITS_OK);
	assert_int_equal(l.smtp, 3);
	limits_done(&l);
}

static void own_addresses_are_in_no_network(void **state)
{
	struct addr a = ip("127.0.0.1"), b = ip("::1");
	const struct smtp_part part = { .strangers = 3, .network = 1 };
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_smtp(&l, &a, &part), LIMITS_OK);
	assert_int_equal(limits_smtp(&l, &a, &part), LIMITS_OK);
	assert_int_equal(limits_smtp(&l, &b, &part), LIMITS_OK);
	assert_int_equal(limits_smtp(&l, &b, &part), LIMITS_SMTP); /* but they are strangers */
	limits_smtp_leave(&l, &b);
	limits_smtp_leave(&l, &a);
	limits_smtp_leave(&l, &a);
	assert_int_equal(l.smtp + l.smtp_network.n, 0);
	limits_done(&l);
}

static void a_network_is_a_24_or_a_64(void **state)
{
	struct addr a = ip("192.0.2.1"), b = ip("192.0.2.200"), c = ip("192.0.3.1");
	struct addr d = ip("2001:db8:0:1::1"), e = ip("2001:db8:0:1:ffff::2"), f = ip("2001:db8:0:2::1");
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_address(&l, &a, 9, 1), LIMITS_OK);
	assert_int_equal(limits_address(&l, &b, 9, 1), LIMITS_NETWORK);
	assert_int_equal(limits_address(&l, &c, 9, 1), LIMITS_OK);
	assert_int_equal(limits_address(&l, &d, 9, 1), LIMITS_OK);
	assert_int_equal(limits_address(&l, &e, 9, 1), LIMITS_NETWORK);
	assert_int_equal(limits_address(&l, &f, 9, 1), LIMITS_OK);
	limits_done(&l);
}

static void a_refused_address_is_counted_nowhere(void **state)
{
	struct addr a = ip("192.0.2.1"), b = ip("192.0.2.2");
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_address(&l, &a, 1, 2), LIMITS_OK);
	assert_int_equal(limits_address(&l, &a, 1, 2), LIMITS_ADDRESS);
	assert_int_equal(limits_address(&l, &b, 1, 2), LIMITS_OK); /* the network has room still */
	limits_done(&l);
}

static void total_and_user_are_counted(void **state)
{
	struct limits l;

	(void)state;
	limits_init(&l);
	assert_int_equal(limits_enter(&l, 1), LIMITS_OK);
	assert_int_equal(limits_enter(&l, 1), LIMITS_TOTAL);
	limits_leave(&l);
	assert_int_equal(limits_enter(&l, 1), LIMITS_OK);
	assert_int_equal(limits_user(&l, STR("anna"), 1), LIMITS_OK);
	assert_int_equal(limits_user(&l, STR("anna"), 1), LIMITS_USER);
	assert_int_equal(limits_user(&l, STR("bob"), 1), LIMITS_OK);
	limits_user_leave(&l, STR("anna"));
	assert_int_equal(limits_user(&l, STR("anna"), 1), LIMITS_OK);
	assert_string_equal(limits_text(LIMITS_USER), "user");
	limits_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smtpds_are_parted_among_the_fronts),
		cmocka_unit_test(an_smtpd_is_held_by_network_and_in_total),
		cmocka_unit_test(own_addresses_are_in_no_network),
		cmocka_unit_test(an_address_has_its_places_and_gets_them_back),
		cmocka_unit_test(a_network_is_a_24_or_a_64),
		cmocka_unit_test(a_refused_address_is_counted_nowhere),
		cmocka_unit_test(total_and_user_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
