/* SPDX-License-Identifier: ISC
 *
 * queue_dests_test.c: mail by destination: how it is split into jobs, what a destination
 * that is down or slow means for its own mail and for that of others, turns of senders, priorities,
 * mail that leaves later, and a database of the program before.
 */
#include "queue.h"

#include <unistd.h>

#define FINE "250 2.0.0 250 2.0.0 fine"
#define LATER "450 4.2.1 450 4.2.1 not now"

static void put_from(const char *id, const char *sender, const char *rcpt)
{
	assert_string_equal(box_put(&(struct box_message){ .id = id, .sender = sender, .rcpt = rcpt }), "ok");
	box.nanswers = 0;
}

static void say_dest(const char *name, const char *state, uint64_t again, uint64_t limit)
{
	struct ipc_msg m;

	ipc_init(&m, "dest");
	ipc_setc(&m, "name", name);
	ipc_setc(&m, "state", state);
	ipc_set_u64(&m, "again", again);
	ipc_set_u64(&m, "limit", limit);
	ipc_set_u64(&m, "code", 451);
	ipc_setc(&m, "status", "4.4.1");
	ipc_setc(&m, "reply", "no address of it answers");
	assert_true(dests_message(&box.q, &m));
	ipc_done(&m);
	box_settle();
}

static void not_tried(struct box_job *j, uint64_t again)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", j->id);
	ipc_setc(&m, "rcpt", "1 0 4.7.0 no signature can be made");
	ipc_set_u64(&m, "again", again);
	ipc_set_bool(&m, "done", true);
	assert_true(jobs_result(&box.q, &box, &m));
	jobs_ready(&box.q, &box, false, 1);
	ipc_done(&m);
	box_settle();
}

static void say_routes(const char *any)
{
	struct ipc_msg m;

	ipc_init(&m, "routes");
	ipc_setc(&m, "any", any);
	assert_true(jobs_routes(&box.q, &m));
	ipc_done(&m);
}

static size_t jobs_to(const char *dest)
{
	size_t i, n = 0;

	for (i = 0; i < box.njobs; i++)
		n += str_eqc(ipc_get(&box.job[i].m, "dest"), dest);
	return n;
}

static void a_job_has_one_destination(void **state)
{
	size_t i;

	(void)state;
	box_open("");
	box_sender(20);
	put_from("m1", "", "a@x.example b@Y.example c@X.example d@example.org e@z.example");
	assert_int_equal(box.njobs, 4);
	assert_int_equal(jobs_to("x.example"), 1);
	assert_int_equal(jobs_to("y.example"), 1);
	for (i = 0; i < 4; i++)
		box_result(&box.job[i], LATER);
	clock_set_unix(T0 + 60);
	box_settle();
	assert_int_equal(box.njobs, 8); /* and so again from the database */
	assert_int_equal(jobs_to("x.example"), 2);
	for (i = 4; i < 8; i++)
		box_result(&box.job[i], FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void to_a_smarthost_they_may_be_mixed_without_routes(void **state)
{
	(void)state;
	box_open("[send]\nsmarthost = relay.example:25\n");
	box_sender(20);
	say_routes("0");
	put_from("m1", "", "a@x.example b@y.example");
	assert_int_equal(box.njobs, 1);
	assert_string_equal(box_field(&box.job[0], "dest"), "");
	say_routes("1"); /* each may have one of its own */
	put_from("m2", "", "a@x.example b@y.example");
	assert_int_equal(box.njobs, 3);
	assert_int_equal(jobs_to("x.example"), 1);
	assert_int_equal(jobs_to("y.example"), 1);
	box_close();
}

static void what_was_not_tried_costs_no_attempt(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 10m\nlifetime = 1h\n");
	box_sender(5);
	put_from("m1", "", "a@x.example");
	not_tried(box_job(), 30);
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->attempts, 0);
	assert_int_equal(box_row("m1", 1)->next, T0 + 30);
	assert_true(str_eqc(box_row("m1", 1)->reply, "no signature can be made"));
	assert_null(box_job());
	clock_set_unix(T0 + 30);
	not_tried(box_job(), 30);
	assert_int_equal(box_row("m1", 1)->attempts, 0);
	clock_set_unix(T0 + 600); /* a step of the schedule without any is one */
	not_tried(box_job(), 30);
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	assert_int_equal(box_row("m1", 1)->next, T0 + 630);
	box_close();
}

static void it_is_given_up_in_the_end_though_nobody_tries(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\nretry = 10m\nlifetime = 1h\n");
	box_sender(5);
	put_from("m1", "", "a@x.example");
	for (i = 0; i < 10 && box_row("m1", 1); i++) {
		struct box_job *j = box_job();

		assert_non_null(j);
		not_tried(j, 600);
		clock_set_unix(clock_unix() + 600);
	}
	assert_string_equal(box_state("m1", 1), "gone");
	assert_in_range(i, 6, 8);
	box_close();
}

static void a_destination_that_is_down_gets_no_jobs(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1m, 5m\n");
	box_sender(5);
	say_dest("x.example", "down", 300, 0);
	put_from("m1", "bert@example.org", "a@x.example b@y.example");
	box_settle();
	assert_int_equal(box.njobs, 1);
	assert_int_equal(jobs_to("y.example"), 1);
	/* as if it had been tried, with the sender's words */
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	assert_int_equal(box_row("m1", 1)->code, 451);
	assert_true(str_eqc(box_row("m1", 1)->reply, "no address of it answers"));
	assert_int_equal(box_row("m1", 1)->next, T0 + 60);
	clock_set_unix(T0 + 60);
	box_settle();
	assert_int_equal(box_row("m1", 1)->attempts, 2);
	assert_int_equal(box_row("m1", 1)->next, T0 + 360);
	dest_of(&box.q, STR("x.example"))->until = deadline_in(-1); /* its time is over */
	clock_set_unix(T0 + 360);
	box_settle();
	assert_int_equal(jobs_to("x.example"), 1);
	box_close();
}

static void what_is_down_expires_as_others_do(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\nretry = 10m\nlifetime = 1h\ndelay_warning = 20m\n");
	box_sender(50);
	say_dest("x.example", "down", 80000, 0);
	put_from("m1", "bert@example.org", "a@x.example");
	for (i = 0; i < 20 && box_row("m1", 1); i++) {
		box_settle();
		clock_set_unix(clock_unix() + 600);
	}
	box_settle();
	assert_string_equal(box_state("m1", 1), "gone");
	assert_in_range(i, 6, 8);
	assert_int_equal(jobs_to("x.example"), 0);
	assert_int_equal(box.njobs, 2); /* the reports: late, and failed */
	box_close();
}

static void a_slow_destination_gets_so_many(void **state)
{
	char id[20], rcpt[40];
	int i;

	(void)state;
	box_open("");
	box_sender(20);
	say_dest("x.example", "slow", 300, 2);
	for (i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		snprintf(rcpt, sizeof(rcpt), "u%d@x.example", i);
		put_from(id, "", rcpt);
	}
	box_settle();
	assert_int_equal(jobs_to("x.example"), 2);
	box_result(&box.job[0], FINE);
	assert_int_equal(jobs_to("x.example"), 3);
	say_dest("x.example", "up", 0, 0);
	assert_int_equal(jobs_to("x.example"), 6);
	box_close();
}

/* Thousands wait for dead destinations, in front of all: a live one's message is in hand within
 * a few turns, not after them. */
static void live_ones_do_not_wait_behind_dead_ones(void **state)
{
	char id[20], rcpt[40];
	size_t i;

	(void)state;
	box_open("");
	for (i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "m%zu", i);
		snprintf(rcpt, sizeof(rcpt), "u@dead%zu.example", i % 50);
		put_from(id, "", rcpt);
	}
	put_from("live1", "", "a@live.example");
	for (i = 0; i < 50; i++) {
		snprintf(rcpt, sizeof(rcpt), "dead%zu.example", i);
		say_dest(rcpt, "down", 3000, 0);
	}
	jobs_ready(&box.q, &box, false, 10);
	queue_turn(&box.q);
	assert_int_equal(jobs_to("live.example"), 1);
	box_settle();
	assert_int_equal(box.njobs, 1);
	assert_int_equal(box_row("m2999", 1)->attempts, 1);
	assert_int_equal(box_row("m2999", 1)->next, T0 + 60);
	box_close();
}

static void senders_take_turns_at_a_destination(void **state)
{
	char id[20];
	size_t i;

	(void)state;
	box_open("");
	for (i = 0; i < 400; i++) {
		snprintf(id, sizeof(id), "m%zu", i);
		put_from(id, "list@example.org", "u@x.example");
	}
	put_from("one", "anna@example.org", "u@x.example");
	put_from("two", "bert@example.org", "u@x.example");
	box_sender(4); /* three places for a destination alone */
	box_result(&box.job[0], FINE);
	assert_int_equal(box.njobs, 4);
	assert_string_not_equal(box_state("one", 1), "waiting");
	assert_string_not_equal(box_state("two", 1), "waiting");
	for (i = 1; i < box.njobs; i++)
		box_result(&box.job[i], FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void higher_priorities_go_first(void **state)
{
	char id[20];
	size_t i;

	(void)state;
	box_open("");
	for (i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "m%zu", i);
		put_from(id, "list@example.org", "u@x.example");
	}
	box_put(&(struct box_message){ .id = "low", .sender = "a@example.org", .rcpt = "u@x.example", .priority = -3 });
	box_put(&(struct box_message){ .id = "high", .sender = "a@example.org", .rcpt = "u@x.example", .priority = 4 });
	box_sender(1);
	assert_int_equal(box.njobs, 1);
	assert_string_equal(box_field(&box.job[0], "message"), "high");
	assert_string_equal(box_field(&box.job[0], "priority"), "4");
	for (i = 0; i < box.njobs; i++)
		box_result(&box.job[i], FINE);
	assert_int_equal(box.njobs, 302);
	assert_string_equal(box_field(&box.job[301], "message"), "low");
	box_close();
}

static void what_is_to_leave_later_leaves_then(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("[queue]\nretry = 1m\nlifetime = 1h\n");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example", .release = T0 + 90000 });
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@x.example", .release = T0 + 90000 });
	assert_null(box_job());
	assert_string_equal(box_state("m1", 1), "scheduled");
	assert_int_equal(box_verb("queue list", "state", "scheduled", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "next"), "90000"));
	assert_int_equal(box_verb("queue retry", "message", "m2", NULL), 0);
	assert_string_equal(box_field(box_job(), "message"), "m2");
	clock_set_unix(T0 + 89999);
	box_restart();
	assert_string_equal(box_state("m1", 1), "scheduled");
	box_sender(5);
	clock_set_unix(T0 + 90000);
	box_settle();
	assert_string_equal(box_state("m1", 1), "active");
	box_result(&box.job[box.njobs - 1], LATER); /* its age begins then */
	assert_string_equal(box_state("m1", 1), "waiting");
	ipc_done(&row);
	box_close();
}

static void who_does_not_exist_gets_no_more_mail(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("[queue]\nsuppress = 1d\n");
	box_sender(5);
	put_from("m1", "bert@example.org", "Anna@x.example");
	put_from("held", "", "anna@x.example");
	box_result(&box.job[0], "550 5.1.1 550 5.1.1 no such user");
	box_result(&box.job[1], "450 4.1.1 450 4.1.1 later"); /* was in hand already */
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "address"), "anna@x.example"));
	assert_true(str_eqc(ipc_get(&row, "class"), "invalid"));
	assert_true(str_eqc(ipc_get(&row, "reply"), "550 5.1.1 no such user"));
	/* what comes now fails at once, and is told; what waits does when its time comes */
	box_restart();
	box_sender(5);
	put_from("m2", "bert@example.org", "anna@X.example b@y.example");
	box_settle();
	assert_string_equal(box_state("m2", 1), "failed"); /* its report waits for the other one */
	assert_string_equal(box_state("m2", 2), "active");
	box_result(&box.job[box.njobs - 1], FINE);
	assert_string_equal(box_state("m2", 1), "gone");
	assert_int_equal(jobs_to("x.example"), 0);
	clock_set_unix(T0 + 60);
	box_settle();
	assert_string_equal(box_state("held", 1), "gone");
	assert_int_equal(jobs_to("x.example"), 0);
	/* its time is over */
	clock_set_unix(T0 + 86400);
	put_from("m3", "bert@example.org", "anna@x.example");
	box_settle();
	assert_int_equal(jobs_to("x.example"), 1);
	ipc_done(&row);
	box_close();
}

static void what_says_nothing_of_the_mailbox_suppresses_nothing(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_sender(5);
	put_from("m1", "", "a@x.example");
	box_result(box_job(), "550 5.7.1 550 5.7.1 rejected as spam");
	put_from("m2", "", "anna@example.org"); /* a mailbox here */
	box_result(box_job(), "550 5.1.1 550 5.1.1 no such user");
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_null(ipc_get(&row, "address").p);
	box_close();
	box_open("[queue]\nsuppress = 0\n");
	box_sender(5);
	put_from("m1", "", "a@x.example");
	box_result(box_job(), "550 5.1.1 550 5.1.1 no such user");
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_null(ipc_get(&row, "address").p);
	box_close();
}

static void an_admin_puts_addresses_on_the_list_and_takes_them_off(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_sender(5);
	assert_int_equal(box_verb2("suppression add", "address", "A@x.example", "time", "2h", NULL), 0);
	put_from("m1", "", "a@x.example"); /* nobody to tell */
	assert_string_equal(box_state("m1", 1), "gone");
	assert_false(box_file("m1"));
	assert_int_equal(box_verb("suppression list", "domain", "y.example", &row), 0);
	assert_null(ipc_get(&row, "address").p);
	assert_int_equal(box_verb("suppression list", "domain", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "left"), "7200"));
	/* a list in parts, and searched */
	assert_int_equal(box_verb("suppression add", "address", "b@x.example", NULL), 0);
	assert_int_equal(box_verb("suppression list", "after", "A@x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "address"), "b@x.example"));
	assert_int_equal(box_verb("suppression list", "match", "B@X", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "address"), "b@x.example"));
	ipc_done(&row);
	row = (struct ipc_msg){ 0 };
	assert_int_equal(box_verb("suppression list", "match", "c@x", &row), 0);
	assert_null(ipc_get(&row, "address").p);
	assert_int_equal(box_verb("suppression remove", "address", "a@X.example", NULL), 0);
	assert_int_equal(box_verb("suppression remove", "address", "a@x.example", NULL), 67);
	assert_int_equal(box_verb("suppression add", "address", "nonsense", NULL), 64);
	put_from("m2", "", "a@x.example");
	assert_int_equal(jobs_to("x.example"), 1);
	ipc_done(&row);
	box_close();
}

static void what_is_rerouted_goes_there(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_sender(5);
	say_dest("x.example", "down", 3000, 0);
	put_from("m1", "", "a@x.example b@y.example");
	put_from("m2", "", "c@x.example d@example.org");
	box_settle();
	assert_string_equal(box_state("m1", 2), "active");
	assert_int_equal(box_verb2("queue reroute", "domain", "x.example", "hop", "Other.example:2525", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "recipients"), "2"));
	box_settle();
	assert_string_equal(box_state("m1", 1), "active"); /* at once, though its own way is closed */
	assert_string_equal(box_field(&box.job[box.njobs - 1], "hop"), "other.example:2525");
	assert_string_equal(box_field(&box.job[box.njobs - 1], "dest"), "x.example");
	/* what is in hand follows with its next attempt */
	assert_int_equal(box_verb2("queue reroute", "recipient", "b@y.example", "hop", "[::1]:25", NULL), 0);
	box_restart();
	assert_true(str_eqc(box_row("m1", 2)->hop, "[::1]:25"));
	assert_true(str_eqc(box_row("m2", 1)->hop, "other.example:2525"));
	assert_int_equal(box_verb2("queue reroute", "state", "waiting", "hop", "", NULL), 0);
	assert_true(str_eqc(box_row("m1", 2)->hop, ""));
	assert_int_equal(box_verb("queue reroute", "domain", "x.example", NULL), 64);
	assert_int_equal(box_verb2("queue reroute", "domain", "x.example", "hop", "no port", NULL), 64);
	assert_int_equal(box_verb2("queue reroute", "recipient", "d@example.org", "hop", "a:25", NULL), 67); /* here */
	ipc_done(&row);
	box_close();
}

static void a_fresh_retry_forgets_the_attempts(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\nretry = 10m\n");
	box_sender(5);
	put_from("m1", "", "a@x.example");
	for (i = 0; i < 3; i++) {
		box_result(box_job(), LATER);
		clock_set_unix(clock_unix() + 600);
	}
	box_result(box_job(), LATER);
	assert_int_equal(box_row("m1", 1)->attempts, 4);
	assert_int_equal(box_verb2("queue retry", "message", "m1", "fresh", "1", NULL), 0);
	assert_int_equal(box_row("m1", 1)->attempts, 0);
	assert_non_null(box_job());
	box_close();
}

static void destinations_are_listed(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_sender(5);
	say_dest("x.example", "slow", 300, 2);
	put_from("m1", "", "a@x.example");
	assert_int_equal(box_verb("destination list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "destination"), "x.example"));
	assert_true(str_eqc(ipc_get(&row, "state"), "slow"));
	assert_true(str_eqc(ipc_get(&row, "active"), "1"));
	assert_true(str_eqc(ipc_get(&row, "limit"), "2"));
	assert_true(str_eqc(ipc_get(&row, "reply"), "no address of it answers"));
	ipc_done(&row);
	box_close();
}

/* What the version before made: rows without hop, level, stream. */
static void an_older_database_is_taken_over(void **state)
{
	static const char *const back[] = {
		"DROP INDEX recipient_kept", "DROP INDEX recipient_level", "DROP INDEX recipient_turn", "DROP INDEX recipient_release",
		"ALTER TABLE recipient DROP COLUMN hop", "ALTER TABLE recipient DROP COLUMN level",
		"ALTER TABLE recipient DROP COLUMN stream", "ALTER TABLE recipient DROP COLUMN class",
		"CREATE INDEX recipient_next ON recipient(local, next) WHERE state=0", "DROP TABLE suppression",
		"DROP TABLE sent", "DROP TABLE warmup", "DROP TABLE account",
		"DROP TABLE known", "DROP TABLE wish", "DROP TABLE held", "DELETE FROM meta WHERE name<>'rebuild'",
		"PRAGMA user_version=1",
	};
	size_t i;

	(void)state;
	box_open("");
	put_from("m1", "", "a@x.example b@y.example");
	for (i = 0; i < ARRAY_LEN(back); i++)
		assert_int_equal(db_exec(box.q.rows.db, back[i]), 0);
	box_restart();
	assert_false(box.q.rows.rebuild);
	assert_string_equal(box_state("m1", 2), "waiting");
	assert_int_equal(box_row("m1", 1)->level, LEVEL_NORMAL);
	box_sender(5);
	assert_int_equal(box.njobs, 2);
	box_result(&box.job[0], FINE);
	box_result(&box.job[1], FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void many_that_do_not_answer_leave_room_for_one_that_does(void **state)
{
	char id[20], to[40];
	int i;

	(void)state;
	box_open("");
	for (i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "live%d", i);
		put_from(id, "a@example.org", "x@live.example");
	}
	for (i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "dead%d", i);
		snprintf(to, sizeof(to), "x@dead%d.example", i);
		put_from(id, "a@example.org", to);
	}
	box_sender(40);
	/* half of the places; the first of them five, then one each */
	assert_int_equal(box.njobs, 20);
	assert_int_equal(jobs_to("live.example"), 5);
	for (i = 0; !str_eqc(ipc_get(&box.job[i].m, "dest"), "live.example"); i++)
		;
	box_result(&box.job[i], FINE);
	assert_int_equal(jobs_to("live.example"), 10);
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_has_one_destination),
		cmocka_unit_test(to_a_smarthost_they_may_be_mixed_without_routes),
		cmocka_unit_test(what_was_not_tried_costs_no_attempt),
		cmocka_unit_test(it_is_given_up_in_the_end_though_nobody_tries),
		cmocka_unit_test(a_destination_that_is_down_gets_no_jobs),
		cmocka_unit_test(what_is_down_expires_as_others_do),
		cmocka_unit_test(a_slow_destination_gets_so_many),
		cmocka_unit_test(live_ones_do_not_wait_behind_dead_ones),
		cmocka_unit_test(senders_take_turns_at_a_destination),
		cmocka_unit_test(higher_priorities_go_first),
		cmocka_unit_test(what_is_to_leave_later_leaves_then),
		cmocka_unit_test(an_older_database_is_taken_over),
		cmocka_unit_test(who_does_not_exist_gets_no_more_mail),
		cmocka_unit_test(what_says_nothing_of_the_mailbox_suppresses_nothing),
		cmocka_unit_test(an_admin_puts_addresses_on_the_list_and_takes_them_off),
		cmocka_unit_test(what_is_rerouted_goes_there),
		cmocka_unit_test(a_fresh_retry_forgets_the_attempts),
		cmocka_unit_test(destinations_are_listed),
		cmocka_unit_test(many_that_do_not_answer_leave_room_for_one_that_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
