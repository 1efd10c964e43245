/* SPDX-License-Identifier: ISC
 *
 * send_limit_test.c: limits of destinations, hosts and providers under a clock of the test.
 */
#include "smtp/send/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct limits l;
static struct limit *g[2];

static struct limit *group(const char *name, unsigned sessions, unsigned minute, unsigned messages)
{
	struct limit_rules r = { sessions, minute, messages };

	return limit_group(&l, str_of(name), &r, 0);
}

static unsigned open_all(int64_t now)
{
	unsigned n = 0;

	while (n < 1000 && limit_may_open(g, 2, now)) {
		limit_opened(g, 2, now);
		n++;
	}
	return n;
}

static void close_n(unsigned n, int64_t now)
{
	while (n-- > 0)
		limit_closed(g, 2, now);
}

static int setup(void **state)
{
	(void)state;
	limits_init(&l);
	g[0] = g[1] = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	limits_done(&l);
	return 0;
}

static void sessions_are_those_of_the_narrowest_group(void **state)
{
	struct limit *other[2];

	(void)state;
	g[0] = group("x.example", 20, 0, 0);
	g[1] = group("provider", 5, 0, 30);
	assert_int_equal(open_all(0), 5);
	/* another destination of the same provider has none left */
	other[0] = group("y.example", 20, 0, 10);
	other[1] = g[1];
	assert_false(limit_may_open(other, 2, 0));
	close_n(1, 0);
	assert_true(limit_may_open(other, 2, 0));
	assert_int_equal(limit_messages(other, 2), 10);
	assert_int_equal(limit_messages(g, 2), 30);
}

/* Sends whatever may go, at each ms where something may; the most in any minute. */
static void a_minute_has_so_many_messages(void **state)
{
	static const unsigned rates[] = { 1, 7, 60, 1000 };
	static int64_t at[20000];
	size_t i, k, n, first;
	int64_t now, wait;

	(void)state;
	for (k = 0; k < ARRAY_LEN(rates); k++) {
		char name[20];

		snprintf(name, sizeof(name), "d%zu", k);
		g[0] = group(name, 0, rates[k], 0);
		for (now = n = 0; now < 600000 && n < ARRAY_LEN(at); now += MAX(wait, 1)) {
			while (limit_may_send(g, 1, now)) {
				limit_sent(g, 1, now);
				at[n++] = now;
			}
			wait = limit_wait(g, 1, now);
			assert_true(wait > 0 && wait <= 60000);
		}
		for (i = first = 0; i < n; i++) {
			while (at[i] - at[first] >= 60000)
				first++;
			assert_true(i - first + 1 <= rates[k]);
		}
		/* and not far below it */
		assert_true(n >= (size_t)rates[k] * 10 * 8 / 10);
	}
}

static void a_421_halves_and_success_gives_back(void **state)
{
	int64_t now = 0;
	unsigned n, steps = 0;

	(void)state;
	g[0] = group("x.example", 16, 0, 0);
	assert_int_equal(open_all(now), 16);
	limit_reply(g, 2, 421, now);
	assert_int_equal(g[0]->allowed, 8);
	assert_int_equal(g[0]->gap, 250);
	assert_false(limit_may_send(g, 2, now));
	/* the same said to the other sessions at that moment is one step */
	for (n = 0; n < 15; n++)
		limit_reply(g, 2, 421, now + 100);
	assert_int_equal(g[0]->allowed, 8);
	close_n(8, now);
	assert_false(limit_may_open(g, 2, now));
	/* it goes on: down to one, never to none */
	for (n = 0; n < 30; n++)
		limit_reply(g, 2, 421, now += 6000);
	assert_int_equal(g[0]->allowed, 1);
	assert_int_equal(g[0]->gap, 60000);
	close_n(8, now);
	assert_int_equal(open_all(now), 1);
	/* successes bring all back, step by step */
	while (g[0]->allowed && steps++ < 1000) {
		unsigned before = g[0]->allowed;

		now += 1000;
		limit_reply(g, 2, 250, now);
		assert_true(g[0]->allowed == 0 || g[0]->allowed <= before + 1);
	}
	assert_int_equal(g[0]->gap, 0);
	assert_in_range(steps, 150, 300);
	close_n(1, now);
	assert_int_equal(open_all(now), 16);
	close_n(16, now);
}

static void single_4xx_are_no_reason_many_are(void **state)
{
	int64_t now = 0;
	int i;

	(void)state;
	g[0] = group("x.example", 8, 0, 0);
	open_all(now);
	for (i = 0; i < 300; i++)
		limit_reply(g, 1, i % 5 ? 250 : 450, now += 10); /* somebody's mailbox is full */
	assert_int_equal(g[0]->allowed, 0);
	for (i = 0; i < 300; i++)
		limit_reply(g, 1, 550, now += 10); /* of the message, not of us */
	assert_int_equal(g[0]->allowed, 0);
	for (i = 0; i < 100; i++)
		limit_reply(g, 1, 451, now += 10);
	assert_int_equal(g[0]->allowed, 4);
}

static void the_gap_holds_messages_apart(void **state)
{
	(void)state;
	g[0] = group("x.example", 8, 0, 0);
	limit_reply(g, 1, 421, 0);
	assert_int_equal(limit_wait(g, 1, 0), 250);
	limit_sent(g, 1, 250);
	assert_int_equal(limit_wait(g, 1, 250), 250);
	assert_true(limit_may_send(g, 1, 500));
}

static void what_is_not_used_is_forgotten(void **state)
{
	(void)state;
	g[0] = group("x.example", 8, 0, 0);
	limit_opened(g, 1, 0);
	limits_sweep(&l, 10000000);
	assert_int_equal(l.groups.n, 1);
	limit_closed(g, 1, 10000000);
	limits_sweep(&l, 10000001);
	assert_int_equal(l.groups.n, 1);
	limits_sweep(&l, 10600000);
	assert_int_equal(l.groups.n, 0);
}

static void a_provider_is_a_registered_domain(void **state)
{
	static const char *const rows[][2] = {
		{ "mx1.mail.example.com", "example.com" }, { "example.com", "example.com" }, { "com", "com" },
		{ "gmail-smtp-in.l.google.com.", "google.com" }, { "mx.example.co.uk", "example.co.uk" },
		{ "mx.x.de", "x.de" }, { "mx.or.example.jp", "example.jp" }, { "a.b.example.or.jp", "example.or.jp" },
		{ "[192.0.2.1]", "[192.0.2.1]" }, { "192.0.2.1", "192.0.2.1" }, { "2001:db8::1", "2001:db8::1" }, { "", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(str_eqc(limit_provider(str_of(rows[i][0])), rows[i][1]));
}

static void a_provider_may_be_named(void **state)
{
	const struct str rules[] = { STR("big: mx.big.example *.other.example"), STR("small: *.co.uk") };
	static const char *const rows[][2] = {
		{ "mx.big.example", "big" }, { "MX.big.example.", "big" }, { "a.mx.big.example", "big.example" }, { "mx1.other.example", "big" },
		{ "other.example", "other.example" }, { "xother.example", "xother.example" }, { "mx.x.co.uk", "small" }, { "mx.x.de", "x.de" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(str_eqc(limit_provider_named(rules, 2, str_of(rows[i][0])), rows[i][1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sessions_are_those_of_the_narrowest_group, setup, teardown),
		cmocka_unit_test_setup_teardown(a_minute_has_so_many_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(a_421_halves_and_success_gives_back, setup, teardown),
		cmocka_unit_test_setup_teardown(single_4xx_are_no_reason_many_are, setup, teardown),
		cmocka_unit_test_setup_teardown(the_gap_holds_messages_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_used_is_forgotten, setup, teardown),
		cmocka_unit_test(a_provider_is_a_registered_domain),
		cmocka_unit_test(a_provider_may_be_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
