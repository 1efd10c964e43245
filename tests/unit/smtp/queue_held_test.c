/* SPDX-License-Identifier: ISC
 *
 * queue_held_test.c: what is held stays held: a queue.db that is lost, a queued that is killed while a sender has the message in
 * hand, a disk that is full; and what the list of suppressions means for it.
 */
#include "queue.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define ANNA "anna@example.org"

static void put(const char *id, const char *rcpt)
{
	assert_string_equal(box_put(&(struct box_message){ .id = id, .sender = ANNA, .user = ANNA, .rcpt = rcpt }), "ok");
}

static void verb(const char *name, const char *id)
{
	assert_int_equal(box_verb(name, "message", id, NULL), 0);
}

/* As if somebody had removed queue.db while no queued ran. */
static void lose_database(void)
{
	unlink("queue.db");
	unlink("queue.db-wal");
	unlink("queue.db-shm");
	box_restart();
	assert_false(box.q.rows.rebuild);
}

static void what_is_held_is_held_without_the_database(void **state)
{
	struct ipc_msg row = { 0 };
	int i;

	(void)state;
	box_open("");
	put("m1", "a@x.example b@y.example");
	put("m2", "a@x.example");
	put("m3", "a@x.example");
	put("m4", "bert@example.org");
	assert_int_equal(box_verb2("queue hold", "message", "m1", "domain", "y.example", NULL), 0);
	verb("queue hold", "m3");
	verb("queue hold", "m4");
	verb("queue release", "m3");
	for (i = 0; i < 2; i++) { /* once by its lines, once by those that were made of the rows */
		lose_database();
		assert_string_equal(box_state("m1", 1), "waiting");
		assert_string_equal(box_state("m1", 2), "held");
		assert_string_equal(box_state("m2", 1), "waiting");
		assert_string_equal(box_state("m3", 1), "waiting");
		assert_string_equal(box_state("m4", 1), "held");
	}
	assert_int_equal(box_verb("queue show", "message", "m4", &row), 0);
	assert_true(str_search(ipc_get(&row, "recipient"), STR("held since before the database")) >= 0);
	ipc_done(&row);
	verb("queue release", "m1");
	verb("queue release", "m4");
	lose_database();
	assert_string_equal(box_state("m1", 2), "waiting");
	assert_string_equal(box_state("m4", 1), "waiting");
	assert_int_equal(access("spool/.held", F_OK), -1); /* nothing is held: nothing is kept of it */
	box_close();
}

/* The limits count anew then, and would let so many go as a day may have. */
static void what_a_limit_or_a_setting_holds_is_held_without_the_database(void **state)
{
	char settings[] = "[send]\naccount_new_day = 2\n", path[64];

	(void)state;
	box_open("[send]\nhold_all = yes\n");
	put("m1", "a@x.example bert@example.org");
	snprintf(path, sizeof(path), "%s", box.path);
	queue_close(&box.q);
	close(box.spool);
	box_again(path, settings);
	put("m2", "c@x.example d@x.example e@x.example");
	assert_string_equal(box_state("m2", 3), "held");
	verb("queue remove", "m2");
	put("m3", "f@x.example g@x.example");
	assert_string_equal(box_state("m3", 1), "held");
	lose_database();
	assert_string_equal(box_state("m1", 1), "held");
	assert_string_equal(box_state("m1", 2), "held");
	assert_string_equal(box_state("m3", 1), "held");
	assert_string_equal(box_state("m3", 2), "held");
	box_close();
}

static void what_is_wanted_of_mail_in_hand_outlives_a_kill(void **state)
{
	(void)state;
	box_open("");
	box_sender(10);
	put("m1", "a@v.example");
	put("m2", "a@w.example");
	put("m3", "a@x.example");
	put("m4", "a@y.example");
	put("m5", "a@z.example");
	assert_string_equal(box_state("m5", 1), "active");
	verb("queue hold", "m1");
	verb("queue remove", "m2");
	verb("queue bounce", "m3");
	verb("queue hold", "m4");
	verb("queue release", "m4");
	box_restart();
	assert_string_equal(box_state("m1", 1), "held");
	assert_string_equal(box_state("m2", 1), "gone");
	assert_false(box_file("m2"));
	assert_string_equal(box_state("m3", 1), "gone"); /* and its sender has a report */
	assert_int_equal(box_files(), 4);
	assert_string_equal(box_state("m4", 1), "waiting");
	assert_string_equal(box_state("m5", 1), "waiting");
	box_restart(); /* once is enough */
	assert_string_equal(box_state("m1", 1), "held");
	verb("queue release", "m1");
	box_restart();
	assert_string_equal(box_state("m1", 1), "waiting");
	box_close();
}

/* ... and the loss of the database beside it. */
static void what_is_to_be_held_when_it_comes_back_is_held_without_the_database(void **state)
{
	(void)state;
	box_open("");
	box_sender(10);
	put("m1", "a@x.example");
	verb("queue hold", "m1");
	box_restart(); /* the lines are made of the rows */
	lose_database();
	assert_string_equal(box_state("m1", 1), "held");
	put("m2", "a@x.example");
	assert_string_equal(box_state("m2", 1), "waiting"); /* no sender now */
	box_sender(10);
	assert_string_equal(box_state("m2", 1), "active");
	verb("queue hold", "m2");
	lose_database();
	assert_string_equal(box_state("m2", 1), "held");
	box_close();
}

static void a_line_that_was_cut_off_spoils_no_other(void **state)
{
	int fd;

	(void)state;
	box_open("");
	put("m1", "a@x.example");
	put("m2", "a@x.example");
	verb("queue hold", "m2");
	fd = file_open(box.spool, ".held", O_WRONLY | O_APPEND, 0);
	assert_int_equal(file_write_all(fd, "hold m1 1", 9), 0);
	close(fd);
	lose_database();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_string_equal(box_state("m2", 1), "held");
	box_close();
}

/* While the files are looked through there are lines only, and a queued that dies then begins anew. */
static void lines_of_a_rebuild_that_broke_off_count(void **state)
{
	int fd;

	(void)state;
	box_open("");
	put("m1", "a@x.example");
	verb("queue hold", "m1");
	fd = file_open(box.spool, ".held", O_WRONLY | O_APPEND, 0);
	assert_int_equal(file_write_all(fd, "free m1", 7), 0); /* cut off */
	close(fd);
	queue_close(&box.q);
	unlink("queue.db");
	assert_int_equal(queue_open(&box.q, box.conf, box.q.ops, box.spool), 0);
	assert_true(box.q.rows.rebuild);
	rows_begin(&box.q.rows);
	held_note(&box.q, STR("m9"), 7, true);
	assert_int_equal(held_sync(&box.q, &box.q.turn.names), 0);
	rows_rollback(&box.q.rows);
	queue_close(&box.q); /* killed */
	assert_int_equal(queue_open(&box.q, box.conf, box.q.ops, box.spool), 0);
	assert_true(held_before(&box.q, STR("m9"), 7));
	assert_false(held_before(&box.q, STR("m9"), 1));
	box_settle();
	assert_string_equal(box_state("m1", 1), "held");
	box_close();
}

/* Held is held: the list counts when it is released, and the administrator hears of it before and then. */
static void the_list_counts_when_held_mail_is_released(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	put("m1", "a@x.example b@x.example");
	verb("queue hold", "m1");
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", "asked to", NULL), 0);
	box_sender(10);
	assert_string_equal(box_state("m1", 1), "held");
	assert_int_equal(box_verb("queue show", "message", "m1", &row), 0);
	assert_true(str_search(ipc_get(&row, "recipient"), STR("held, 0 attempts; on the suppression list: if it is released it is returned")) >= 0);
	assert_true(str_search(ipc_get_nth(&row, "recipient", 1), STR("suppression")) < 0);
	assert_int_equal(box_verb("queue release", "message", "m1", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "note"), "on the suppression list are 1 of them: they are returned, not sent"));
	box_settle();
	assert_string_equal(box_state("m1", 1), "failed"); /* its report is due */
	assert_string_equal(box_state("m1", 2), "active");
	ipc_done(&row);
	box_close();
}

/* It is told to who sends, and stands in the log, on the page and in a terminal. */
static void a_comment_fools_nobody(void **state)
{
	static const char *const bad[] = { "a\nb", "a\xc2\x85" "b", "\xe2\x80\xae" "b", "\xff", "\x1b[2J" };
	size_t i;

	(void)state;
	box_open("");
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", bad[i], NULL), 64);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", "er m\xc3\xb6" "chte nicht", NULL), 0);
	box_close();
}

/* What is not wholly a host and a port changes nothing. */
static void a_hop_is_host_and_port(void **state)
{
	static const char *const bad[] = { "foo", "foo:", "foo:0", "foo:65536", "foo:25x", ":25", "foo bar:25", "foo:25 ", "foo\n:25", "foo/x:25",
		"a..b:25", "-:25", "[192.0.2.1]:25", "[2001:db8::1]", "2001:db8::1:25", "[foo]:25", "foo:25:26", "f\xc3\xb6\xc3\xb6:25" };
	static const char *const good[] = { "foo:25", "Mail.Example.net:587", "192.0.2.1:25", "[2001:DB8::1]:25", "" };
	size_t i;

	(void)state;
	box_open("");
	put("m1", "a@x.example");
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		if (box_verb2("queue reroute", "message", "m1", "hop", bad[i], NULL) != 64)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(box_row("m1", 1)->hop.n, 0);
	}
	for (i = 0; i < ARRAY_LEN(good); i++)
		if (box_verb2("queue reroute", "message", "m1", "hop", good[i], NULL) != 0)
			fail_msg("refused: %s", good[i]);
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_is_held_without_the_database),
		cmocka_unit_test(what_a_limit_or_a_setting_holds_is_held_without_the_database),
		cmocka_unit_test(what_is_wanted_of_mail_in_hand_outlives_a_kill),
		cmocka_unit_test(what_is_to_be_held_when_it_comes_back_is_held_without_the_database),
		cmocka_unit_test(a_line_that_was_cut_off_spoils_no_other),
		cmocka_unit_test(lines_of_a_rebuild_that_broke_off_count),
		cmocka_unit_test(the_list_counts_when_held_mail_is_released),
		cmocka_unit_test(a_comment_fools_nobody),
		cmocka_unit_test(a_hop_is_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
