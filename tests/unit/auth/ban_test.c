/* SPDX-License-Identifier: ISC
 *
 * Bans of networks, known pairs, offices, and a spray (auth/ban.h, auth/spray.h). The clock is passed in.
 */
#include "auth/ban.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define DAY (24 * INT64_C(3600000))
#define SLOTS 4096

static struct {
	unsigned begun, ended, sprays, over;
	struct ban_row last;
	struct spray_news news;
	struct ban_record slot[SLOTS];
	unsigned saves;
} seen;

static void banned(void *arg, const struct ban_row *row)
{
	(void)arg;
	if (row->left_ms < 0)
		seen.ended++;
	else
		seen.begun++;
	seen.last = *row;
	seen.last.comment = NULL;
}

static void sprayed(void *arg, const struct spray_news *news)
{
	(void)arg;
	if (news->begins)
		seen.sprays++;
	else
		seen.over++;
	seen.news = *news;
}

static void save(void *arg, size_t slot, const struct ban_record *r)
{
	(void)arg;
	seen.saves++;
	if (slot < SLOTS)
		seen.slot[slot] = *r;
}

static const struct ban_ops ops = { .banned = banned, .spray = sprayed, .save = save };
static struct addr_net loopback;
static const struct ban_limits limits = { .failures = 20, .wide = 8, .growth = 4, .tries = 300, .office = 3,
	.window_ms = 10 * MINUTE, .first_ms = 10 * MINUTE, .longest_ms = DAY, .memory_ms = 7 * DAY, .good_ms = 30 * DAY,
	.entries = 20000, .spray = { .failures = 200, .delay_ms = 5000 }, .never = &loopback, .nnever = 1 };
static struct bans *b;
static int64_t now;

static int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(addr_net_parse(STR("127.0.0.0/8"), &loopback), 0);
	now = INT64_C(1800000000000);
	b = bans_new(&limits, &ops);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bans_free(b);
	return 0;
}

static struct addr peer(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(str_of(text), &a), 0);
	return a;
}

static enum ban_answer fails(const char *name, const char *from)
{
	struct addr p = peer(from);
	enum ban_answer was = bans_ask(b, str_of(name), &p, now);

	bans_failed(b, str_of(name), &p, was, now);
	return was;
}

static enum ban_answer logs_in(const char *name, const char *from)
{
	struct addr p = peer(from);
	enum ban_answer was = bans_ask(b, str_of(name), &p, now);

	if (was != BAN_BANNED && was != BAN_TRIES)
		bans_good(b, str_of(name), &p, was, now);
	return was;
}

static unsigned fail_until_banned(const char *from)
{
	unsigned n = 0;

	while (n < 10000 && fails("x@example.org", from) == BAN_PASS)
		n++;
	return n;
}

static void twenty_failures_ban_an_address_and_each_ban_is_longer(void **state)
{
	static const int64_t want[] = { 10 * MINUTE, 40 * MINUTE, 160 * MINUTE, 640 * MINUTE, DAY, DAY };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(fail_until_banned("192.0.2.1"), 20);
		assert_int_equal(seen.begun, i + 1);
		assert_int_equal(seen.last.left_ms, want[i]);
		assert_int_equal(seen.last.level, i + 1);
		assert_int_equal(seen.last.net.bits, 32);
		assert_true(seen.last.door);
		now += want[i] - 1;
		assert_int_equal(logs_in("a@b", "192.0.2.1"), BAN_BANNED);
		now += 1;
		bans_sweep(b, now);
		assert_int_equal(seen.ended, i + 1);
	}
	/* a week of peace, and it begins anew */
	now += 7 * DAY + MINUTE;
	assert_int_equal(fail_until_banned("192.0.2.1"), 20);
	assert_int_equal(seen.last.left_ms, 10 * MINUTE);
	/* the neighbour is free */
	assert_int_equal(logs_in("a@b", "192.0.2.2"), BAN_PASS);
}

static void failures_far_apart_ban_nobody(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 1000; i++, now += MINUTE)
		assert_int_equal(fails("x@example.org", "192.0.2.1"), BAN_PASS);
	assert_int_equal(seen.begun, 0);
}

static void ipv6_is_banned_by_64(void **state)
{
	(void)state;
	assert_int_equal(fail_until_banned("2001:db8:1:2::5"), 20);
	assert_int_equal(seen.last.net.bits, 64);
	assert_int_equal(fails("x@y", "2001:db8:1:2:aaaa::1"), BAN_BANNED);
	assert_int_equal(fails("x@y", "2001:db8:1:3::1"), BAN_PASS);
}

static void a_wide_network_is_banned_for_what_many_of_its_addresses_did(void **state)
{
	char text[40];
	int i;

	(void)state;
	for (i = 1; i <= 8; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		assert_int_equal(fail_until_banned(text), 20);
	}
	assert_int_equal(seen.last.net.bits, 24);
	assert_int_equal(seen.begun, 9);
	assert_int_equal(fails("x@y", "192.0.2.200"), BAN_BANNED);
	assert_int_equal(fails("x@y", "192.0.3.200"), BAN_PASS);
	for (i = 1; i <= 8; i++) {
		snprintf(text, sizeof(text), "2001:db8:1:%d::1", i);
		assert_int_equal(fail_until_banned(text), 20);
	}
	assert_int_equal(seen.last.net.bits, 48);
	assert_int_equal(fails("x@y", "2001:db8:1:99::1"), BAN_BANNED);
	assert_int_equal(fails("x@y", "2001:db8:2:99::1"), BAN_PASS);
}

static void one_address_alone_never_bans_its_wide_network(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		fail_until_banned("192.0.2.1");
		assert_int_equal(seen.last.net.bits, 32);
		now += DAY;
		bans_sweep(b, now);
	}
	assert_int_equal(logs_in("a@b", "192.0.2.2"), BAN_PASS);
}

static void who_logged_in_from_there_stays_free_and_his_failures_ban_nobody(void **state)
{
	int i;

	(void)state;
	assert_int_equal(logs_in("anna@example.org", "192.0.2.1"), BAN_PASS);
	for (i = 0; i < 500; i++)
		assert_int_equal(fails("anna@example.org", "192.0.2.1"), BAN_KNOWN);
	assert_int_equal(seen.begun, 0);
	assert_int_equal(fail_until_banned("192.0.2.1"), 20);
	assert_false(seen.last.door); /* she must get in */
	assert_int_equal(logs_in("anna@example.org", "192.0.2.1"), BAN_KNOWN);
	assert_int_equal(logs_in("ben@example.org", "192.0.2.1"), BAN_BANNED);
	/* her address of tomorrow */
	assert_int_equal(logs_in("anna@example.org", "192.0.2.77"), BAN_KNOWN);
	/* after a month without a login she is as everybody */
	now += 31 * DAY;
	bans_sweep(b, now);
	assert_int_equal(fails("anna@example.org", "192.0.2.1"), BAN_PASS);
}

static void at_most_300_tries_an_hour_of_a_network_are_looked_at(void **state)
{
	struct addr p;
	char text[40];
	int64_t at[3000];
	unsigned i, j, n = 0, worst = 0;

	(void)state;
	/* never more than 19 in ten minutes of an address, so that none is banned */
	for (i = 0; i < 20000 && n < ARRAY_LEN(at); i++, now += 500) {
		snprintf(text, sizeof(text), "192.0.2.%u", i % 250);
		p = peer(text);
		if (bans_ask(b, STR("x@y"), &p, now) == BAN_PASS)
			at[n++] = now;
	}
	for (i = 0; i < n; i++) {
		for (j = i; j < n && at[j] - at[i] < HOUR; j++)
			;
		worst = MAX(worst, j - i);
	}
	assert_int_equal(worst, 300);
	assert_int_equal(logs_in("x@y", "192.0.3.1"), BAN_PASS);
}

static void guesses_at_once_count_before_their_outcome_is_known(void **state)
{
	struct addr p = peer("192.0.2.1");
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 1000; i++)
		n += bans_ask(b, STR("x@y"), &p, now) == BAN_PASS;
	assert_int_equal(n, 300);
	assert_int_equal(bans_ask(b, STR("x@y"), &p, now), BAN_TRIES);
	bans_undecided(b, &p, BAN_PASS, now); /* the directory was down */
	assert_int_equal(bans_ask(b, STR("x@y"), &p, now), BAN_PASS);
}

static void an_office_is_not_banned(void **state)
{
	static const char *const who[] = { "a@b", "c@b", "d@b" };
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 3; i++)
		logs_in(who[i], "192.0.2.1");
	for (i = 0; i < 2000; i++)
		n += fails("e@b", "192.0.2.1") == BAN_PASS;
	assert_int_equal(seen.begun, 0);
	assert_int_equal(n, 900); /* 300 for each account that it has */
	for (i = 0; i < 3; i++)
		assert_int_equal(logs_in(who[i], "192.0.2.1"), BAN_KNOWN);
}

static void two_accounts_are_no_office(void **state)
{
	(void)state;
	logs_in("a@b", "192.0.2.1");
	logs_in("c@b", "192.0.2.1");
	assert_int_equal(fail_until_banned("192.0.2.1"), 20);
}

static void who_is_never_banned(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(fails("x@y", "127.0.0.1"), BAN_FREE);
	assert_int_equal(seen.begun, 0);
}

static void bans_by_hand(void **state)
{
	struct addr_net net;

	(void)state;
	logs_in("a@b", "10.1.2.3");
	assert_int_equal(addr_net_parse(STR("10.0.0.0/8"), &net), 0);
	bans_add(b, &net, 0, "because", now);
	assert_true(seen.last.manual && seen.last.door);
	assert_int_equal(logs_in("a@b", "10.1.2.3"), BAN_BANNED); /* known or not */
	now += 1000 * DAY;
	bans_sweep(b, now);
	assert_int_equal(logs_in("a@b", "10.1.2.3"), BAN_BANNED);
	assert_true(bans_remove(b, &net, now));
	assert_false(bans_remove(b, &net, now));
	assert_int_equal(logs_in("a@b", "10.1.2.3"), BAN_PASS);
	bans_add(b, &net, HOUR, "", now);
	assert_int_equal(logs_in("a@b", "10.1.2.3"), BAN_BANNED);
	now += HOUR;
	assert_int_equal(logs_in("a@b", "10.1.2.3"), BAN_KNOWN);
}

static void a_ban_that_is_taken_back_is_forgiven(void **state)
{
	struct addr_net net = { .net = peer("192.0.2.1"), .bits = 32 };

	(void)state;
	fail_until_banned("192.0.2.1");
	assert_true(bans_remove(b, &net, now));
	assert_int_equal(seen.ended, 1);
	assert_int_equal(fail_until_banned("192.0.2.1"), 20);
	assert_int_equal(seen.last.left_ms, 10 * MINUTE);
}

static void again(int64_t later)
{
	size_t i;

	bans_free(b);
	b = bans_new(&limits, &ops);
	now += later;
	for (i = 0; i < SLOTS; i++)
		if (seen.slot[i].kind != 0)
			bans_load(b, i, &seen.slot[i], now);
}

static void what_was_saved_counts_in_the_next_life(void **state)
{
	struct addr_net net;

	(void)state;
	logs_in("anna@example.org", "192.0.2.1");
	logs_in("a@b", "198.51.100.1");
	logs_in("c@b", "198.51.100.1");
	logs_in("d@b", "198.51.100.1");
	fail_until_banned("192.0.2.1");
	fail_until_banned("203.0.113.9");
	addr_net_parse(STR("10.0.0.0/8"), &net);
	bans_add(b, &net, 0, "because", now);
	again(MINUTE);
	assert_int_equal(logs_in("anna@example.org", "192.0.2.1"), BAN_KNOWN);
	assert_int_equal(logs_in("ben@example.org", "192.0.2.1"), BAN_BANNED);
	assert_int_equal(logs_in("ben@example.org", "203.0.113.9"), BAN_BANNED);
	assert_int_equal(logs_in("ben@example.org", "10.9.9.9"), BAN_BANNED);
	assert_int_equal(fail_until_banned("198.51.100.1"), 900); /* still an office */
	again(HOUR);
	assert_int_equal(fail_until_banned("203.0.113.9"), 20);
	assert_int_equal(seen.last.level, 2);
	/* what is over is over, and its slots are free */
	again(40 * DAY);
	assert_int_equal(bans_pairs(b), 0);
	assert_int_equal(bans_networks(b), 1);
}

static void a_failure_is_written_nowhere_and_a_pair_once_an_hour(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 19; i++)
		fails("x@y", "192.0.2.1");
	assert_int_equal(seen.saves, 0);
	for (i = 0; i < 120; i++, now += MINUTE)
		logs_in("anna@example.org", "192.0.2.9");
	assert_int_equal(seen.saves, 2);
}

static void tables_are_bounded_and_forget_the_harmless_first(void **state)
{
	struct ban_limits small = limits;
	char text[40];
	unsigned i;

	(void)state;
	small.entries = 100;
	small.spray.failures = 0;
	bans_set(b, &small);
	fail_until_banned("192.0.2.1");
	logs_in("anna@example.org", "198.51.100.1");
	for (i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x:%x::1", i / 60000 + 1, i % 60000);
		fails("x@y", text);
	}
	assert_in_range(bans_networks(b), 1, 100);
	assert_int_equal(logs_in("ben@example.org", "192.0.2.1"), BAN_BANNED);
	assert_int_equal(logs_in("anna@example.org", "198.51.100.1"), BAN_KNOWN);
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "person%u@example.org", i);
		logs_in(text, "198.51.100.1");
	}
	assert_int_equal(bans_pairs(b), 100);
}

/* --- sprays ------------------------------------------------------------------------ */

static void spray_of(unsigned addresses, unsigned each, int64_t step)
{
	char text[40], name[40];
	unsigned i, j;

	for (i = 0; i < addresses; i++)
		for (j = 0; j < each; j++, now += step) {
			snprintf(text, sizeof(text), "10.%u.%u.%u", i / 250 % 200, i % 250, 1 + i / 50000);
			snprintf(name, sizeof(name), "person%u@example.org", (i * each + j) % 3000);
			fails(name, text);
		}
}

static int64_t strange(const char *name, const char *from)
{
	struct addr p = peer(from);

	return bans_strange(b, &p, bans_ask(b, str_of(name), &p, now), now);
}

static void ten_thousand_addresses_are_one_event(void **state)
{
	(void)state;
	logs_in("anna@example.org", "192.0.2.1");
	assert_int_equal(strange("ben@example.org", "203.0.113.1"), 0);
	spray_of(10000, 2, 100);
	assert_int_equal(seen.sprays, 1);
	assert_int_equal(seen.begun, 0); /* none of them did enough for a ban */
	assert_in_range(seen.news.networks, 80, 200);
	assert_int_equal(seen.news.failures, 200);
	/* strangers wait, known networks do not, whoever logs in there */
	assert_int_equal(strange("ben@example.org", "203.0.113.1"), 5000);
	assert_int_equal(strange("anna@example.org", "192.0.2.1"), 0);
	assert_int_equal(strange("ben@example.org", "192.0.2.1"), 0);
	assert_int_equal(strange("ben@example.org", "192.0.2.99"), 0);
	assert_int_equal(seen.over, 0);
	/* it ends, once, and tells how much it was */
	for (int i = 0; i < 100; i++, now += MINUTE)
		bans_sweep(b, now);
	assert_int_equal(seen.sprays, 1);
	assert_int_equal(seen.over, 1);
	assert_int_equal(seen.news.failures, 20000);
	assert_in_range(seen.news.ms, 30 * MINUTE, 45 * MINUTE);
	assert_int_equal(strange("ben@example.org", "203.0.113.1"), 0);
}

static void bans_come_sooner_while_a_spray_is_on(void **state)
{
	(void)state;
	spray_of(300, 1, 100);
	assert_int_equal(seen.sprays, 1);
	assert_int_equal(fail_until_banned("192.0.2.1"), 5);
}

static void one_network_that_guesses_a_lot_is_no_spray(void **state)
{
	struct ban_limits open = limits;
	unsigned i;

	(void)state;
	open.failures = open.tries = 0;
	bans_set(b, &open);
	for (i = 0; i < 5000; i++)
		fails("x@y", "192.0.2.1");
	assert_int_equal(seen.sprays, 0);
}

static void what_is_usual_is_no_event(void **state)
{
	(void)state;
	/* a big server: about 150 an five minutes for a day, then 400: less than four times that */
	spray_of(24 * 12 * 150, 1, SPRAY_WINDOW_MS / 150);
	assert_int_equal(seen.sprays, 0);
	spray_of(1200, 1, SPRAY_WINDOW_MS / 400);
	assert_int_equal(seen.sprays, 0);
	spray_of(1200, 1, SPRAY_WINDOW_MS / 1200);
	assert_int_equal(seen.sprays, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(twenty_failures_ban_an_address_and_each_ban_is_longer), T(failures_far_apart_ban_nobody),
		T(ipv6_is_banned_by_64), T(a_wide_network_is_banned_for_what_many_of_its_addresses_did),
		T(one_address_alone_never_bans_its_wide_network),
		T(who_logged_in_from_there_stays_free_and_his_failures_ban_nobody),
		T(at_most_300_tries_an_hour_of_a_network_are_looked_at),
		T(guesses_at_once_count_before_their_outcome_is_known), T(an_office_is_not_banned), T(two_accounts_are_no_office),
		T(who_is_never_banned), T(bans_by_hand), T(a_ban_that_is_taken_back_is_forgiven),
		T(what_was_saved_counts_in_the_next_life), T(a_failure_is_written_nowhere_and_a_pair_once_an_hour),
		T(tables_are_bounded_and_forget_the_harmless_first), T(ten_thousand_addresses_are_one_event),
		T(bans_come_sooner_while_a_spray_is_on), T(one_network_that_guesses_a_lot_is_no_spray), T(what_is_usual_is_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
