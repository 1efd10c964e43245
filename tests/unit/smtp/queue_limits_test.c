/* SPDX-License-Identifier: ISC
 *
 * queue_limits_test.c: how much an account may send: windows, recipients that it knows, what is kept and what is refused.
 */
#include "queue.h"

#include <unistd.h>

#define ANNA "anna@example.org"

static const char *put(const char *id, const char *rcpt)
{
	return box_put(&(struct box_message){ .id = id, .sender = ANNA, .user = ANNA, .rcpt = rcpt });
}

/* In hand, or as soon as there is a place. */
static bool goes(const char *id, uint32_t number)
{
	const struct rcpt_row *x = box_row(id, number);

	return x && (x->state == RCPT_ACTIVE || (x->state == RCPT_WAITING && x->next <= clock_unix()));
}

static void windows(void **state)
{
	struct limits_window w = { 0 };

	(void)state;
	assert_int_equal(limits_window_take(&w, 2, 3600, T0), 0);
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 3599), 0);
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 3599), T0 + 3600); /* it began with the first */
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 3599), T0 + 3600);
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 3599), T0 + 7200);
	/* the second hour has two of them already, the third one */
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 3600), T0 + 7200);
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 7200), T0 + 10800);
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 10800), 0);
	/* all over: it begins anew */
	assert_int_equal(limits_window_take(&w, 2, 3600, T0 + 100000), 0);
	assert_int_equal(w.start, T0 + 100000);
	assert_int_equal(w.n, 1);
	/* a clock that is set back, or far ahead */
	assert_int_equal(limits_window_take(&w, 2, 3600, T0), 0);
	assert_int_equal(w.start, T0);
	assert_int_equal(limits_window_take(&w, 1000000000, 1, INT64_MAX / 2), 0);
	assert_int_equal(w.n, 1);
}

static void what_is_above_the_hour_waits_for_the_next(void **state)
{
	(void)state;
	box_open("[send]\naccount_messages_hour = 2\naccount_recipients_day = 4\n");
	box_sender(20);
	put("m1", "a@x.example");
	put("m2", "a@x.example bert@example.org");
	put("m3", "a@x.example bert@example.org");
	assert_true(goes("m2", 1));
	assert_string_equal(box_state("m3", 1), "throttled");
	assert_true(goes("m3", 2)); /* to a mailbox here: not counted */
	assert_int_equal(box_row("m3", 1)->next, T0 + 3600);
	/* the day has one left: of three recipients one waits for the hour, two for the day */
	put("m4", "a@x.example b@x.example c@x.example");
	assert_int_equal(box_row("m4", 1)->next, T0 + 3600);
	assert_int_equal(box_row("m4", 2)->next, T0 + 86400);
	/* who sends through nobody's account, or another's, is not counted with it */
	box_put(&(struct box_message){ .id = "m5", .sender = ANNA, .rcpt = "a@x.example" });
	box_put(&(struct box_message){ .id = "m6", .sender = "b@example.org", .user = "b@example.org", .rcpt = "a@x.example" });
	assert_true(goes("m5", 1));
	assert_true(goes("m6", 1));
	clock_set_unix(T0 + 3599);
	box_restart();
	assert_string_equal(box_state("m3", 1), "throttled");
	clock_set_unix(T0 + 3600);
	box_sender(20);
	assert_true(goes("m3", 1));
	assert_true(goes("m4", 1));
	assert_string_equal(box_state("m4", 2), "throttled");
	/* a retry of all that waits does not mean it; a release does */
	assert_int_equal(box_verb("queue retry", "all", "yes", NULL), 0);
	assert_string_equal(box_state("m4", 2), "throttled");
	assert_int_equal(box_verb2("queue release", "sender", ANNA, "state", "throttled", NULL), 0);
	assert_true(goes("m4", 2));
	box_close();
}

static void what_is_above_is_held_if_the_settings_say_so(void **state)
{
	(void)state;
	box_open("[send]\naccount_messages_hour = 2\naccount_over = hold\n");
	box_sender(20);
	put("m1", "a@x.example");
	put("m2", "a@x.example");
	put("m3", "a@x.example");
	assert_string_equal(box_state("m3", 1), "held");
	clock_set_unix(T0 + 3600);
	box_settle();
	assert_string_equal(box_state("m3", 1), "held");
	put("m4", "a@x.example"); /* what is held took nothing of the next hour */
	put("m5", "a@x.example");
	assert_true(goes("m5", 1));
	box_close();
}

static void too_many_new_recipients_are_held_and_known_ones_go_on(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("[send]\naccount_new_day = 2\n");
	box_sender(20);
	put("m1", "a@x.example B@x.example c@x.example");
	assert_true(goes("m1", 1));
	assert_true(goes("m1", 2));
	assert_string_equal(box_state("m1", 3), "held");
	put("m2", "A@X.example b@x.example");
	assert_true(goes("m2", 1));
	assert_true(goes("m2", 2));
	put("m3", "d@x.example");
	assert_string_equal(box_state("m3", 1), "held");
	assert_int_equal(box_verb("limit list", "address", ANNA, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "counts"), "new_day") && str_eqc(ipc_get(&row, "sent"), "2"));
	assert_true(str_eqc(ipc_get(&row, "known"), "2") && str_eqc(ipc_get(&row, "kept"), "2"));
	ipc_done(&row);
	/* the next day has room for others; what is held stays */
	clock_set_unix(T0 + 86400);
	box_restart();
	box_sender(20);
	put("m4", "e@x.example");
	assert_true(goes("m4", 1));
	assert_string_equal(box_state("m3", 1), "held");
	put("m5", "f@x.example");
	/* who is released is known from then on */
	assert_int_equal(box_verb("queue release", "message", "m3", NULL), 0);
	put("m6", "d@x.example");
	assert_true(goes("m6", 1));
	put("m7", "c@x.example");
	assert_string_equal(box_state("m7", 1), "held"); /* nobody released that one */
	assert_int_equal(box_verb("limit reset", "address", ANNA, NULL), 0);
	put("m8", "c@x.example");
	assert_true(goes("m8", 1));
	assert_int_equal(box_verb("limit reset", "address", "nobody@example.org", NULL), 67);
	box_close();
}

static void a_run_of_held_mail_ends_with_try_later(void **state)
{
	(void)state;
	box_open("[send]\naccount_new_day = 1\naccount_held = 2\naccount_limits = news@example.org none\n");
	box_sender(20);
	put("m1", "a@x.example");
	assert_string_equal(put("m2", "b@x.example c@x.example"), "ok"); /* one message may go over it */
	assert_string_equal(put("m3", "d@x.example"), "limit");
	assert_null(box_row("m3", 1));
	assert_false(box_file("m3"));
	assert_string_equal(put("m4", "a@x.example"), "ok"); /* whom it knows */
	assert_string_equal(put("m5", "bert@example.org"), "ok");
	assert_string_equal(box_put(&(struct box_message){ .id = "m6", .sender = "b@example.org", .user = "b@example.org", .rcpt = "d@x.example" }), "ok");
	assert_string_equal(box_put(&(struct box_message){ .id = "m7", .sender = "n@example.org", .user = "news@example.org", .rcpt = "d@x.example e@x.example" }), "ok");
	assert_true(goes("m7", 2));
	assert_int_equal(box_verb("queue remove", "message", "m2", NULL), 0);
	assert_string_equal(put("m3", "d@x.example"), "ok");
	assert_string_equal(box_state("m3", 1), "held");
	box_close();
}

static void as_many_are_known_as_the_settings_allow_the_latest_ones(void **state)
{
	struct ipc_msg row = { 0 };
	char rcpt[600] = "";
	int i;

	(void)state;
	box_open("[send]\naccount_new_day = 100\naccount_known = 10\n");
	box_sender(20);
	for (i = 0; i < 10; i++)
		snprintf(rcpt + strlen(rcpt), sizeof(rcpt) - strlen(rcpt), "%sr%d@x.example", i ? " " : "", i);
	put("m1", rcpt);
	clock_set_unix(T0 + 8 * 86400);
	put("m2", "r0@x.example"); /* the oldest is written to again */
	put("m3", "new@x.example");
	assert_int_equal(box_verb("limit list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "known"), "9")); /* a tenth goes at once */
	ipc_done(&row);
	put("m4", "r0@x.example new@x.example");
	assert_int_equal(box_verb("limit list", "address", ANNA, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "sent"), "1") && str_eqc(ipc_get(&row, "known"), "9"));
	ipc_done(&row);
	/* who sends nothing is forgotten at last */
	clock_set_unix(T0 + 500 * INT64_C(86400));
	box_restart();
	assert_int_equal(box_verb("limit list", NULL, NULL, &row), 0);
	assert_false(ipc_get(&row, "known").p);
	ipc_done(&row);
	box_close();
}

static void a_turn_that_is_undone_counts_nothing(void **state)
{
	struct buf many;
	int i;

	(void)state;
	box_open("[send]\naccount_new_day = 1\n");
	buf_init(&many, 100000);
	for (i = 0; i < 300; i++)
		buf_fmt(&many, "%suser%d@x.example", i ? " " : "", i);
	assert_int_equal(db_exec(box.q.rows.db, "PRAGMA max_page_count=1"), 0);
	assert_string_equal(put("m1", buf_cstr(&many)), "full");
	assert_int_equal(db_exec(box.q.rows.db, "PRAGMA max_page_count=1000000"), 0);
	box.q.full_until = deadline_in(-1);
	put("m2", "b@x.example");
	assert_true(goes("m2", 1));
	buf_done(&many);
	box_close();
}

/* The rows are lost: what the files say is looked at as if it came now. */
static void a_queue_that_is_built_anew_holds_a_run_too(void **state)
{
	(void)state;
	box_open("[send]\naccount_new_day = 2\n");
	put("m1", "a@x.example b@x.example");
	put("m2", "c@x.example");
	unlink("queue.db");
	unlink("queue.db-wal");
	unlink("queue.db-shm");
	box_restart();
	assert_int_equal((box_row("m1", 1)->state == RCPT_HELD) + (box_row("m1", 2)->state == RCPT_HELD) + (box_row("m2", 1)->state == RCPT_HELD), 1);
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),
		cmocka_unit_test(what_is_above_the_hour_waits_for_the_next),
		cmocka_unit_test(what_is_above_is_held_if_the_settings_say_so),
		cmocka_unit_test(too_many_new_recipients_are_held_and_known_ones_go_on),
		cmocka_unit_test(a_run_of_held_mail_ends_with_try_later),
		cmocka_unit_test(as_many_are_known_as_the_settings_allow_the_latest_ones),
		cmocka_unit_test(a_turn_that_is_undone_counts_nothing),
		cmocka_unit_test(a_queue_that_is_built_anew_holds_a_run_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
