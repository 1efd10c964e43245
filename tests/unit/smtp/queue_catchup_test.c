/* SPDX-License-Identifier: ISC
 *
 * queue_catchup_test.c: what waits for a domain is tried now, and nothing else (ETRN).
 */
#include "queue.h"

#define FINE "250 2.0.0 250 2.0.0 fine"
#define LATER "450 4.2.1 450 4.2.1 not now"

static void put(const char *id, const char *rcpt)
{
	assert_string_equal(box_put(&(struct box_message){ .id = id, .sender = "", .rcpt = rcpt }), "ok");
	box.nanswers = 0;
}

static const char *catchup(const char *domain, bool below)
{
	box.caught[0] = '\0';
	catchup_start(&box.q, str_of(domain), below, &box, 7);
	box_settle();
	return box.caught;
}

static size_t fresh_to(const char *dest, size_t from)
{
	size_t i, n = 0;

	for (i = from; i < box.njobs; i++)
		n += str_eqc(ipc_get(&box.job[i].m, "dest"), dest) && ipc_get_bool(&box.job[i].m, "fresh");
	return n;
}

static void all_later(size_t n)
{
	size_t i;

	assert_int_equal(box.njobs, n);
	for (i = 0; i < n; i++)
		box_result(&box.job[i], LATER);
	assert_int_equal(box.njobs, n);
}

static void mail_for_the_domain_is_tried_now_and_no_other(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	put("m1", "a@x.example b@y.example");
	put("m2", "c@x.example d@sub.x.example");
	put("m3", "e@notx.example anna@example.org");
	all_later(6);
	assert_string_equal(catchup("z.example", false), "none 0");
	assert_string_equal(catchup("example.org", true), "none 0"); /* mailboxes here have no server that was away */
	assert_int_equal(box.njobs, 6);
	assert_string_equal(catchup("x.example", false), "started 2");
	assert_int_equal(box.njobs, 8);
	assert_int_equal(fresh_to("x.example", 6), 1); /* the first job says it, once */
	assert_string_equal(catchup("sub.x.example", false), "started 1");
	assert_int_equal(fresh_to("sub.x.example", 8), 1);
	assert_string_equal(box_state("m1", 2), "waiting");
	assert_string_equal(box_state("m3", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	box_close();
}

static void below_a_domain_all_are_meant(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	put("m1", "a@x.example b@y.example");
	put("m2", "c@x.example d@sub.x.example");
	put("m3", "e@notx.example");
	all_later(5);
	assert_string_equal(catchup("x.example", true), "started 3");
	assert_int_equal(box.njobs, 8);
	assert_int_equal(fresh_to("x.example", 5), 1);
	assert_int_equal(fresh_to("sub.x.example", 5), 1);
	box_close();
}

static void it_is_done_once_in_a_while(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	put("m1", "a@x.example");
	all_later(1);
	assert_string_equal(catchup("x.example", false), "started 1");
	assert_string_equal(catchup("x.example", false), "soon 0 again");
	box.conf->queue_catchup_again = 0;
	assert_string_equal(catchup("x.example", false), "active 0"); /* it is in a sender's hands */
	box_result(&box.job[1], LATER);
	assert_string_equal(catchup("x.example", false), "started 1");
	box_result(&box.job[2], FINE);
	assert_string_equal(catchup("x.example", false), "none 0");
	assert_int_equal(box_files(), 0);
	box_close();
}

static void a_domain_that_was_down_is_down_no_more(void **state)
{
	struct ipc_msg m;

	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	ipc_init(&m, "dest");
	ipc_setc(&m, "name", "x.example");
	ipc_setc(&m, "state", "down");
	ipc_set_u64(&m, "again", 3000);
	ipc_setc(&m, "reply", "no address of it answers");
	assert_true(dests_message(&box.q, &m));
	ipc_done(&m);
	put("m1", "a@x.example");
	box_settle();
	assert_int_equal(box.njobs, 0);
	assert_string_equal(catchup("x.example", false), "started 1");
	assert_int_equal(fresh_to("x.example", 0), 1);
	box_close();
}

static void what_is_held_or_to_leave_later_stays(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	put("m1", "a@x.example");
	all_later(1);
	assert_int_equal(box_verb("queue hold", "message", "m1", NULL), 0);
	assert_string_equal(box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "b@x.example", .release = T0 + 5000 }), "ok");
	assert_string_equal(catchup("x.example", true), "none 0");
	assert_string_equal(box_state("m1", 1), "held");
	assert_string_equal(box_state("m2", 1), "scheduled");
	box_close();
}

/* Who asked has gone: what was begun is done, and nobody is told. */
static void who_is_gone_hears_nothing(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	put("m1", "a@x.example");
	all_later(1);
	box.caught[0] = '\0';
	catchup_start(&box.q, STR("x.example"), false, &box, 7);
	catchups_gone(&box.q, &box);
	box_settle();
	assert_string_equal(box.caught, "");
	assert_int_equal(box.njobs, 2);
	box_close();
}

/* The sender says that mail for these goes another way from now on. */
static void mail_whose_way_is_another_is_tried_at_once(void **state)
{
	size_t before, i;

	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	assert_string_equal(box_put(&(struct box_message){ .id = "m1", .sender = "",
		.rcpt = "a@x.example b@sub.x.example c@y.example d@example.org" }), "ok");
	for (i = 0; i < 4; i++)
		box_result(&box.job[i], LATER);
	before = box.njobs;
	for (i = 0; i < 2; i++) { /* as often as it is said */
		catchup_way(&box.q, STR("x.example"));
		box_settle();
		assert_int_equal(box.njobs, before + 1);
		assert_int_equal(fresh_to("x.example", before), 1);
		box_result(&box.job[before++], LATER);
	}
	catchup_way(&box.q, STR(".x.example")); /* itself is not below */
	box_settle();
	assert_int_equal(box.njobs, before + 1);
	assert_int_equal(fresh_to("sub.x.example", before), 1);
	box_result(&box.job[before++], LATER);
	for (i = 0; i < 20; i++) /* many at once */
		catchup_way(&box.q, i % 2 ? STR("y.example") : STR(""));
	box_settle();
	assert_int_equal(box.njobs, before + 3); /* all outside, and nothing of here */
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_whose_way_is_another_is_tried_at_once),
		cmocka_unit_test(mail_for_the_domain_is_tried_now_and_no_other),
		cmocka_unit_test(below_a_domain_all_are_meant),
		cmocka_unit_test(it_is_done_once_in_a_while),
		cmocka_unit_test(a_domain_that_was_down_is_down_no_more),
		cmocka_unit_test(what_is_held_or_to_leave_later_stays),
		cmocka_unit_test(who_is_gone_hears_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
