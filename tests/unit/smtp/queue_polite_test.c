/* SPDX-License-Identifier: ISC
 *
 * queue_polite_test.c: senders' addresses that name the recipient (VERP), bounces to them, complaints that are believed
 * and those that are not, what new source addresses sent today, and an admin who cannot wait.
 */
#include "queue.h"

#include <unistd.h>

#define FINE "250 2.0.0 250 2.0.0 fine"
#define LATER "450 4.2.1 450 4.2.1 not now"
#define NEVER "550 5.1.1 550 5.1.1 no such user"
#define FEEDBACK "[reports]\nfeedback = fbl@example.org\nfeedback_networks = 192.0.2.0/24\n"

static size_t count(const char *field, const char *value)
{
	size_t i, n = 0;

	for (i = 0; i < box.njobs; i++)
		n += str_eqc(ipc_get(&box.job[i].m, field), value);
	return n;
}

static struct box_job *job_from(const char *sender)
{
	size_t i;

	for (i = 0; i < box.njobs; i++)
		if (str_eqc(ipc_get(&box.job[i].m, "sender"), sender))
			return &box.job[i];
	fail_msg("nothing was sent from %s", sender);
	return NULL;
}

static void a_list(const char *rcpt)
{
	assert_string_equal(box_put(&(struct box_message){ .id = "m1", .sender = "list@example.org", .rcpt = rcpt, .verp = "+=" }), "ok");
	box_settle();
}

static void each_recipient_outside_has_a_sender_of_its_own(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1m\n");
	box_sender(20);
	a_list("a@x.example b@x.example anna@example.org bert@example.org");
	assert_int_equal(box.njobs, 3); /* those here go together, as they came */
	assert_int_equal(count("sender", "list+a=x.example@example.org"), 1);
	assert_int_equal(count("sender", "list+b=x.example@example.org"), 1);
	assert_int_equal(count("sender", "list@example.org"), 1);
	box_result(job_from("list+a=x.example@example.org"), FINE);
	box_result(job_from("list+b=x.example@example.org"), LATER);
	clock_set_unix(T0 + 60);
	box_settle();
	assert_int_equal(box.njobs, 4); /* again from the database, alone */
	assert_int_equal(count("sender", "list+b=x.example@example.org"), 2);
	assert_int_equal(count("sender", "list+a=x.example@example.org"), 1);
	box_close();
}

static void a_name_that_is_too_long_is_left_away(void **state)
{
	(void)state;
	box_open("");
	box_sender(20);
	a_list("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee@very.long.name.x.example b@x.example");
	assert_int_equal(count("sender", "list@example.org"), 1);
	assert_int_equal(count("sender", "list+b=x.example@example.org"), 1);
	box_close();
}

/* Reports of ours go to that address too, one for each, and name one recipient. */
static void each_has_a_report_of_its_own(void **state)
{
	size_t i;

	(void)state;
	box_open("");
	box_sender(20);
	a_list("a@x.example b@x.example c@x.example");
	for (i = 0; i < 3; i++)
		box_result(&box.job[i], i == 2 ? FINE : NEVER);
	box_settle();
	assert_int_equal(box.njobs, 5);
	for (i = 3; i < 5; i++) {
		assert_string_equal(box_field(&box.job[i], "sender"), "");
		assert_string_equal(box_field(&box.job[i], "via"), "lmtp");
	}
	assert_int_equal(count("rcpt", "1 list+a=x.example@example.org") + count("rcpt", "1 list+b=x.example@example.org") +
		count("rcpt", "1 list+c=x.example@example.org"), 2);
	assert_string_equal(box_state("m1", 1), "gone");
	box_close();
}

/* --- what others say ----------------------------------------------------------------- */

static size_t suppressed(const char *address, const char *sender)
{
	struct arena a;
	struct suppressed why;
	bool is;

	arena_init(&a);
	rows_begin(&box.q.rows);
	is = suppress_find(&box.q.suppress, &box.q.rows, str_of(address), str_of(sender), &a, &why);
	arena_done(&a);
	return is;
}

static void complain(bool trusted, const char *ours, const char *recipient, const char *verp)
{
	struct ipc_msg m;

	ipc_init(&m, "complaint");
	if (trusted)
		ipc_set_bool(&m, "trusted", true);
	ipc_setc(&m, "ours", ours);
	ipc_setc(&m, "recipient", recipient);
	ipc_setc(&m, "verp", verp);
	ipc_setc(&m, "remote", "SomeProvider/1");
	said_complaint(&box.q, &m);
	ipc_done(&m);
	box_settle();
}

static void sent_one(const char *settings)
{
	box_open(settings);
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "news@example.org", .rcpt = "Anna@x.example" });
	box_result(box_job(), FINE);
}

static void who_complains_about_what_he_got_gets_no_more_of_that_sender(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	sent_one(FEEDBACK);
	box_restart();
	complain(true, "m1", "anna@X.example", NULL);
	assert_true(suppressed("anna@x.example", "other@example.org"));
	assert_false(suppressed("anna@x.example", "news@other.example"));
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "class"), "complaint") && str_eqc(ipc_get(&row, "sender"), "example.org"));
	box_sender(20);
	box_put(&(struct box_message){ .id = "m2", .sender = "news@example.org", .rcpt = "anna@x.example" });
	box_put(&(struct box_message){ .id = "m3", .sender = "bert@other.example", .rcpt = "anna@x.example" });
	box_settle();
	assert_string_equal(box_state("m2", 1), "gone");
	assert_string_equal(box_state("m3", 1), "active");
	assert_int_equal(box_verb("suppression remove", "address", "anna@x.example", NULL), 67); /* there is none for all senders */
	assert_int_equal(box_verb2("suppression remove", "address", "anna@x.example", "sender", "example.org", NULL), 0);
	assert_false(suppressed("anna@x.example", "news@example.org"));
	ipc_done(&row);
	box_close();
}

static void a_strangers_word_suppresses_nobody(void **state)
{
	(void)state;
	sent_one(FEEDBACK);
	complain(false, "m1", "anna@x.example", NULL); /* from anywhere */
	complain(true, "m2", "anna@x.example", NULL); /* of no message of ours */
	complain(true, "m1", "ben@x.example", NULL); /* that did not go to him */
	complain(true, "m1", "", NULL);
	complain(true, NULL, "anna@x.example", "news@example.org");
	complain(true, NULL, "anna@x.example", "news+anna=x.example@example.org"); /* nobody was given that */
	assert_false(suppressed("anna@x.example", "news@example.org"));
	assert_false(suppressed("ben@x.example", "news@example.org"));
	complain(true, "m1", "anna@x.example", NULL);
	assert_true(suppressed("anna@x.example", "news@example.org"));
	box_close();
	/* what did not arrive, and what is long ago */
	box_open(FEEDBACK "[queue]\nremember = 10d\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "news@example.org", .rcpt = "anna@x.example ben@x.example" });
	box_result_one(&box.job[0], 1, "554 5.7.1 554 5.7.1 spam", false);
	box_result_one(&box.job[0], 2, FINE, true);
	complain(true, "m1", "anna@x.example", NULL);
	assert_false(suppressed("anna@x.example", "news@example.org"));
	clock_set_unix(T0 + 11 * 86400);
	complain(true, "m1", "ben@x.example", NULL);
	assert_false(suppressed("ben@x.example", "news@example.org"));
	box_close();
}

static void the_senders_address_names_who_complains_where_the_report_hides_him(void **state)
{
	(void)state;
	box_open(FEEDBACK);
	box_sender(20);
	a_list("a@x.example b@x.example");
	box_result(job_from("list+a=x.example@example.org"), FINE);
	box_result(job_from("list+b=x.example@example.org"), "554 5.7.1 554 5.7.1 not from you");
	complain(true, NULL, "redacted", "LIST+a=x.example@example.org");
	complain(true, NULL, "redacted", "list+b=x.example@example.org"); /* it did not leave */
	assert_true(suppressed("a@x.example", "list@example.org"));
	assert_false(suppressed("b@x.example", "anna@other.example"));
	box_close();
}

/* --- new source addresses --------------------------------------------------------------- */

static void result_with(struct box_job *j, const char *result, const char *warm, bool patient, uint64_t again)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", j->id);
	ipc_setc(&m, "rcpt", result);
	ipc_setc(&m, "warm", warm);
	if (patient)
		ipc_set_bool(&m, "patient", true);
	if (again)
		ipc_set_u64(&m, "again", again);
	ipc_set_bool(&m, "done", true);
	assert_true(jobs_result(&box.q, &box, &m));
	jobs_ready(&box.q, &box, false, 1);
	ipc_done(&m);
	box_settle();
}

#define WARM "[send]\nwarmup = 192.0.2.7 2026-10-01\n"
#define DAY 86400

static void what_a_new_address_sent_is_told_to_the_next_sender(void **state)
{
	char warm[100], id[10];
	int i;

	(void)state;
	box_open(WARM);
	box_sender(20);
	assert_int_equal(box.ntold, 0);
	snprintf(warm, sizeof(warm), "192.0.2.7 big.example %lld", (long long)T0 / DAY);
	for (i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		box_put(&(struct box_message){ .id = id, .sender = "", .rcpt = "a@x.example" });
		result_with(box_job(), "1 " FINE, warm, false, 0);
	}
	box_restart();
	box_sender(20);
	assert_int_equal(box.ntold, 1);
	assert_true(ipc_is(&box.told, "warmup"));
	assert_true(str_eqc(ipc_get(&box.told, "row"), "192.0.2.7 big.example 3"));
	snprintf(warm, sizeof(warm), "192.0.2.7 big.example %lld", (long long)T0 / DAY + 1);
	box_put(&(struct box_message){ .id = "next", .sender = "", .rcpt = "a@x.example" });
	clock_set_unix(T0 + DAY); /* a new day begins with nothing */
	result_with(&box.job[box.njobs - 1], "1 " FINE, warm, false, 0);
	box_restart();
	box_sender(20);
	assert_true(str_eqc(ipc_get(&box.told, "row"), "192.0.2.7 big.example 1"));
	clock_set_unix(T0 + 2 * DAY);
	box_restart();
	box_sender(20);
	assert_int_equal(box.ntold, 2); /* nothing is told of days that are over */
	box_close();
}

static void waiting_for_tomorrow_is_no_attempt(void **state)
{
	int i;

	(void)state;
	box_open(WARM "[queue]\nretry = 10m\nlifetime = 5d\n");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example" });
	for (i = 0; i < 4; i++) {
		result_with(box_job(), "1 0 4.7.0 warming up: tomorrow", NULL, true, DAY);
		assert_int_equal(box_row("m1", 1)->attempts, 0);
		assert_int_equal(box_row("m1", 1)->next, T0 + (i + 1) * (int64_t)DAY);
		assert_true(str_eqc(box_row("m1", 1)->reply, "warming up: tomorrow"));
		clock_set_unix(T0 + (i + 1) * (int64_t)DAY);
	}
	clock_set_unix(T0 + 6 * DAY); /* not for ever */
	result_with(box_job(), "1 0 4.7.0 warming up: tomorrow", NULL, true, DAY);
	assert_string_equal(box_state("m1", 1), "gone");
	box_close();
}

/* --- the admin ------------------------------------------------------------------------------ */

static void say_down(const char *name)
{
	struct ipc_msg m;

	ipc_init(&m, "dest");
	ipc_setc(&m, "name", name);
	ipc_setc(&m, "state", "down");
	ipc_set_u64(&m, "again", 3000);
	ipc_setc(&m, "reply", "no address of it answers");
	assert_true(dests_message(&box.q, &m));
	ipc_done(&m);
	box_settle();
}

static void retry_tries_what_is_down_too(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	say_down("x.example");
	say_down("y.example");
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example" });
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@y.example" });
	box_settle();
	assert_int_equal(box.njobs, 0);
	assert_int_equal(box_verb("destination show", "destination", "X.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "state"), "down") && str_eqc(ipc_get(&row, "waiting"), "1"));
	assert_true(str_eqc(ipc_get(&row, "reply"), "no address of it answers"));
	assert_true(!str_eqc(ipc_get(&row, "since"), "0") && !str_eqc(ipc_get(&row, "left"), "0"));
	assert_int_equal(box_verb("queue retry", "message", "m1", NULL), 0);
	box_settle();
	assert_int_equal(box.njobs, 1);
	assert_string_equal(box_field(&box.job[0], "dest"), "x.example");
	assert_string_equal(box_field(&box.job[0], "fresh"), "1"); /* the sender forgets it too */
	assert_int_equal(box_verb("destination list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "destination"), "y.example") && str_eqc(ipc_get(&row, "waiting"), "1"));
	assert_int_equal(box_verb("destination show", "destination", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "state"), "down") && str_eqc(ipc_get(&row, "left"), "0")); /* nobody has answered yet */
	box_result(&box.job[0], LATER);
	assert_int_equal(box_verb("destination show", "destination", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "state"), "up") && str_eqc(ipc_get(&row, "reply"), "450 4.2.1 not now"));
	assert_true(str_eqc(ipc_get(&row, "next"), "3600"));
	assert_int_not_equal(box_verb("destination show", "destination", "unknown.example", NULL), 0);
	ipc_done(&row);
	box_close();
}

/* A word of the sender's about a job's only recipient. */
static void say_result(struct box_job *j, const char *rcpt, bool memory)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", j->id);
	ipc_setc(&m, "rcpt", rcpt);
	if (memory)
		ipc_set_bool(&m, "memory", true);
	ipc_set_bool(&m, "done", true);
	assert_true(jobs_result(&box.q, &box, &m));
	jobs_ready(&box.q, &box, false, 1);
	ipc_done(&m);
	box_settle();
}

#define NOBODY "1 451 4.4.1 x cannot be reached"

static void a_retry_that_nobody_was_asked_for_changes_nothing(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h, 2h\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example" });
	say_result(box_job(), NOBODY, false);
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	assert_int_equal(box_row("m1", 1)->next, T0 + 3600);
	clock_set_unix(T0 + 100);
	assert_int_equal(box_verb("queue retry", "message", "m1", NULL), 0);
	say_result(box_job(), NOBODY, true); /* another one of now had just found that out */
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	assert_int_equal(box_row("m1", 1)->next, T0 + 3600);
	assert_int_equal(box_verb("queue retry", "message", "m1", NULL), 0);
	say_result(box_job(), NOBODY, false); /* an attempt is one */
	assert_int_equal(box_row("m1", 1)->attempts, 2);
	assert_int_equal(box_row("m1", 1)->next, T0 + 100 + 7200);
	assert_int_equal(box_verb("queue retry", "domain", "x.example", NULL), 0);
	box_job();
	say_down("x.example"); /* the first of many has told us so before the others had a place */
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "b@x.example" });
	box_settle();
	assert_int_equal(box_row("m2", 1)->attempts, 1); /* what comes new waits by the schedule */
	box_close();
}

static void a_destination_without_a_word_of_the_sender_is_shown_as_it_is(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example" });
	say_result(box_job(), NOBODY, false);
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@y.example" });
	say_result(box_job(), "1 451 4.4.1 192.0.2.1:25 cannot be reached", false); /* its name is no reply */
	assert_int_equal(box_verb("destination show", "destination", "y.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "state"), "down"));
	clock_set_unix(T0 + 100);
	assert_int_equal(box_verb("destination show", "destination", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "state"), "down") && str_eqc(ipc_get(&row, "reply"), "x cannot be reached"));
	assert_int_equal(atoll(arena_cstr(&row.arena, ipc_get(&row, "since"))), T0);
	assert_int_equal(atoll(arena_cstr(&row.arena, ipc_get(&row, "last"))), T0);
	assert_true(str_eqc(ipc_get(&row, "next"), "3500"));
	box_restart(); /* the rows know it still */
	assert_int_equal(box_verb("destination show", "destination", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "reply"), "x cannot be reached") && !ipc_get(&row, "since").p);
	assert_int_equal(box_verb("queue hold", "message", "m1", NULL), 0);
	assert_int_equal(box_verb("destination show", "destination", "x.example", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "next"), "-") && str_eqc(ipc_get(&row, "held"), "1"));
	assert_int_equal(box_verb("queue list", "state", "held", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "next"), "-"));
	ipc_done(&row);
	box_close();
}

static void what_is_to_leave_later_keeps_its_time(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example", .release = T0 + 5000 });
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "b@x.example", .release = T0 + 5000 });
	assert_int_equal(box_verb("queue retry", "all", "yes", NULL), 67);
	assert_int_equal(box_verb("queue retry", "state", "scheduled", NULL), 67);
	assert_int_equal(box_verb("queue hold", "all", "yes", NULL), 0);
	assert_string_equal(box_state("m1", 1), "held");
	assert_int_equal(box_verb("queue release", "all", "yes", NULL), 0);
	assert_string_equal(box_state("m1", 1), "scheduled");
	assert_int_equal(box_row("m1", 1)->next, T0 + 5000);
	assert_int_equal(box.njobs, 0);
	assert_int_equal(box_verb("queue retry", "message", "m2", NULL), 0);
	box_settle();
	assert_int_equal(box.njobs, 1);
	assert_int_equal(box_verb("queue hold", "message", "m1", NULL), 0);
	clock_set_unix(T0 + 6000);
	assert_int_equal(box_verb("queue release", "message", "m1", NULL), 0); /* its time came meanwhile */
	box_settle();
	assert_int_equal(box.njobs, 2);
	box_close();
	box_open("[send]\nhold_all = yes\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example", .release = T0 + 5000 });
	assert_int_equal(box_verb("queue release", "all", "yes", NULL), 0);
	assert_string_equal(box_state("m1", 1), "scheduled");
	box_close();
}

#define DAYS(n) (INT64_C(86400) * (n))

/* Held for longer than its lifetime, released, tried in vain: it waits, as old as it was. */
static void held_released_tried(const char *id)
{
	assert_string_equal(box_state(id, 1), "held");
	clock_set_unix(clock_unix() + DAYS(6));
	assert_int_equal(box_verb("queue release", "message", id, NULL), 0);
	say_result(box_job(), NOBODY, false);
	assert_string_equal(box_state(id, 1), "waiting");
	clock_set_unix(clock_unix() + DAYS(5));
	say_result(box_job(), NOBODY, false);
	assert_string_equal(box_state(id, 1), "gone"); /* and its life is no longer than that of others */
}

static void what_is_held_grows_no_older(void **state)
{
	struct box_job *j;

	(void)state;
	box_open("[queue]\nretry = 1h\nlifetime = 5d\n");
	box_sender(20);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@x.example" });
	say_result(box_job(), NOBODY, false);
	assert_int_equal(box_verb("queue hold", "message", "m1", NULL), 0);
	held_released_tried("m1");
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@y.example" });
	j = box_job();
	assert_int_equal(box_verb("queue hold", "message", "m2", NULL), 0); /* while it is tried */
	say_result(j, NOBODY, false);
	held_released_tried("m2");
	/* to leave later than it lives, and held when its time came; and sent before its time */
	box_put(&(struct box_message){ .id = "m3", .sender = "", .rcpt = "a@z.example", .release = clock_unix() + DAYS(9) });
	assert_int_equal(box_verb("queue hold", "message", "m3", NULL), 0);
	clock_set_unix(clock_unix() + DAYS(8));
	held_released_tried("m3");
	box_put(&(struct box_message){ .id = "m4", .sender = "", .rcpt = "a@z.example", .release = clock_unix() + DAYS(9) });
	clock_set_unix(clock_unix() + DAYS(6));
	assert_int_equal(box_verb("queue retry", "message", "m4", NULL), 0);
	say_result(box_job(), NOBODY, false);
	assert_string_equal(box_state("m4", 1), "waiting");
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipient_outside_has_a_sender_of_its_own),
		cmocka_unit_test(a_name_that_is_too_long_is_left_away),
		cmocka_unit_test(each_has_a_report_of_its_own),
		cmocka_unit_test(who_complains_about_what_he_got_gets_no_more_of_that_sender),
		cmocka_unit_test(a_strangers_word_suppresses_nobody),
		cmocka_unit_test(the_senders_address_names_who_complains_where_the_report_hides_him),
		cmocka_unit_test(what_a_new_address_sent_is_told_to_the_next_sender),
		cmocka_unit_test(waiting_for_tomorrow_is_no_attempt),
		cmocka_unit_test(retry_tries_what_is_down_too),
		cmocka_unit_test(a_retry_that_nobody_was_asked_for_changes_nothing),
		cmocka_unit_test(a_destination_without_a_word_of_the_sender_is_shown_as_it_is),
		cmocka_unit_test(what_is_to_leave_later_keeps_its_time),
		cmocka_unit_test(what_is_held_grows_no_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
