/* SPDX-License-Identifier: ISC
 *
 * queue_test.c: the queue without sockets: what is answered when, states of
 * recipients, results, reports, fairness, clocks, and every half-done state
 * that a crash can leave behind.
 */
#include "queue.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define FINE "250 2.0.0 250 2.0.0 fine"
#define LATER "450 4.2.1 450 4.2.1 not now"
#define NEVER "550 5.1.1 550 5.1.1 no such user"
#define ONE { .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" }

static const struct box_message one = ONE;

/* --- put ---------------------------------------------------------------------------- */

static void ok_means_named_and_in_the_rows(void **state)
{
	(void)state;
	box_open("");
	box_ask_put(&one);
	assert_int_equal(box.nanswers, 0);
	queue_turn(&box.q);
	assert_string_equal(box.answer[0], "ok");
	assert_true(box_file("m1"));
	box_restart();
	assert_string_equal(box_state("m1", 1), "waiting");
	box_close();
}

static void many_puts_are_one_commit(void **state)
{
	char id[20];
	int i, before;

	(void)state;
	box_open("");
	before = sqlite3_total_changes(box.q.rows.db);
	for (i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "m%d", i);
		box_ask_put(&(struct box_message){ .id = id, .sender = "", .rcpt = "anna@example.net" });
	}
	queue_turn(&box.q);
	assert_int_equal(box.nanswers, 50);
	assert_int_equal(sqlite3_total_changes(box.q.rows.db) - before, 100);
	assert_int_equal(box_files(), 50);
	box_close();
}

static void an_id_is_taken_once(void **state)
{
	(void)state;
	box_open("");
	assert_string_equal(box_put(&one), "ok");
	assert_string_equal(box_put(&one), "exists");
	box_ask_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@example.net" });
	box_ask_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "b@example.net" });
	queue_turn(&box.q);
	assert_string_equal(box.answer[2], "ok");
	assert_string_equal(box.answer[3], "exists");
	assert_int_equal(box_files(), 2);
	box_close();
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
	int fd;

	(void)state;
	box_open("");
	fd = memfd_create("x", MFD_CLOEXEC);
	message_put(&box.q, STR("m1"), fd, &box, 1);
	fd = file_tmp(box.spool, ".", 0600); /* empty */
	message_put(&box.q, STR("m2"), fd, &box, 1);
	assert_string_equal(box_put(&one), "ok");
	fd = file_open(box.spool, "m1", O_RDWR, 0); /* has a name */
	message_put(&box.q, STR("m3"), fd, &box, 1);
	fd = file_tmp(box.spool, ".", 0600);
	message_put(&box.q, STR("../m4"), fd, &box, 1);
	queue_turn(&box.q);
	assert_string_equal(box.answer[0], "damaged");
	assert_string_equal(box.answer[1], "damaged");
	assert_string_equal(box.answer[2], "ok");
	assert_string_equal(box.answer[3], "damaged");
	assert_string_equal(box.answer[4], "damaged");
	assert_int_equal(box_files(), 1);
	box_close();
}

static void a_full_queue_gives_no_file(void **state)
{
	(void)state;
	box_open("[queue]\nmessages = 1\n");
	assert_string_equal(box_put(&one), "ok");
	assert_int_equal(message_file(&box.q), E_FULL);
	box_close();
}

/* The database may not grow any more, as on a disk without room. */
static void disk(bool full)
{
	char text[60];

	snprintf(text, sizeof(text), "PRAGMA max_page_count=%d", full ? 1 : 1000000);
	assert_int_equal(db_exec(box.q.rows.db, text), 0); /* never below what is used */
	if (!full)
		box.q.full_until = deadline_in(-1);
}

static void a_full_disk_refuses_and_heals(void **state)
{
	struct buf many;
	int i;

	(void)state;
	box_open("");
	assert_string_equal(box_put(&one), "ok");
	disk(true);
	buf_init(&many, 100000);
	for (i = 0; i < 500; i++)
		buf_fmt(&many, "%suser%d@example.net", i ? " " : "", i);
	assert_string_equal(box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = buf_cstr(&many) }), "full");
	assert_false(box_file("m2"));
	assert_true(box_file("m1"));
	assert_int_equal(message_file(&box.q), E_FULL);
	assert_int_equal(box.q.failed, 0);
	disk(false);
	assert_string_equal(box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = buf_cstr(&many) }), "ok");
	assert_string_equal(box_state("m2", 500), "waiting");
	buf_done(&many);
	box_close();
}

static void results_outlive_a_full_disk(void **state)
{
	struct box_job *j;
	struct buf many, reply;
	int i;

	(void)state;
	box_open("");
	buf_init(&many, 100000);
	buf_init(&reply, 10000);
	for (i = 0; i < 80; i++)
		buf_fmt(&many, "%suser%d@example.net", i ? " " : "", i);
	buf_puts(&reply, LATER);
	for (i = 0; i < 100; i++)
		buf_puts(&reply, " 0123456789");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = buf_cstr(&many) });
	j = box_job();
	disk(true);
	box_result(j, buf_cstr(&reply));
	assert_true(box.q.full_until > 0);
	rows_rollback(&box.q.rows);
	assert_string_equal(box_state("m1", 1), "active");
	rows_rollback(&box.q.rows);
	disk(false);
	box_settle();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_string_equal(box_state("m1", 80), "waiting");
	assert_int_equal(box_row("m1", 80)->attempts, 1);
	assert_null(box_job());
	buf_done(&many);
	buf_done(&reply);
	box_close();
}

/* --- jobs ---------------------------------------------------------------------------- */

static void a_new_message_is_tried_at_once_and_leaves_nothing(void **state)
{
	struct box_job *j;
	char text[100] = "";
	uint64_t offset;

	(void)state;
	box_open("");
	box_sender(5);
	assert_string_equal(box_put(&one), "ok");
	j = box_job();
	assert_non_null(j);
	assert_string_equal(box_field(j, "message"), "m1");
	assert_string_equal(box_field(j, "via"), "smtp");
	assert_string_equal(box_field(j, "sender"), "bert@example.org");
	assert_string_equal(box_field(j, "rcpt"), "1 anna@example.net");
	assert_int_equal(ipc_get_u64(&j->m, "offset", 10000, &offset), 0);
	assert_true(pread(j->fd, text, 99, (off_t)offset) > 0);
	assert_string_equal(text, "Subject: hello\r\n\r\nHello.\r\n");
	assert_string_equal(box_state("m1", 1), "active");
	box_result(j, FINE);
	assert_string_equal(box_state("m1", 1), "gone");
	assert_false(box_file("m1"));
	assert_int_equal(box.q.njobs, 0);
	dests_sweep(&box.q);
	assert_int_equal(box.q.dests.n, 0);
	box_close();
}

static void local_and_outside_go_apart(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@example.org b@example.net c@example.org" });
	assert_int_equal(box.njobs, 2);
	box_result(&box.job[0], FINE);
	box_result(&box.job[1], FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void a_failure_for_now_waits_its_time(void **state)
{
	struct box_job *j;

	(void)state;
	box_open("[queue]\nretry = 1m, 5m\n");
	box_sender(5);
	box_put(&one);
	box_result(box_job(), LATER);
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_null(box_job());
	clock_set_unix(T0 + 59);
	assert_null(box_job());
	clock_set_unix(T0 + 60);
	j = box_job();
	assert_non_null(j);
	box_result(j, LATER);
	assert_int_equal(box_row("m1", 1)->attempts, 2);
	assert_true(str_eqc(box_row("m1", 1)->reply, "450 4.2.1 not now"));
	assert_true(str_eqc(box_row("m1", 1)->remote, "mx.example.net"));
	clock_set_unix(T0 + 60 + 299);
	assert_null(box_job());
	clock_set_unix(T0 + 60 + 300);
	box_result(box_job(), FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void each_recipient_has_its_own_result(void **state)
{
	struct box_job *j;

	(void)state;
	box_open("");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@example.net b@example.net c@example.net" });
	j = box_job();
	box_result_one(j, 1, FINE, false);
	assert_string_equal(box_state("m1", 1), "gone");
	assert_string_equal(box_state("m1", 2), "active");
	box_result_one(j, 2, LATER, true);
	assert_string_equal(box_state("m1", 2), "waiting");
	/* nothing was said of the third: nothing is known, soon again */
	assert_string_equal(box_state("m1", 3), "waiting");
	assert_int_equal(box_row("m1", 3)->next, T0 + 5);
	box_close();
}

static void a_sender_that_dies_costs_little_time_and_no_loop(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&one);
	jobs_sender_gone(&box.q, &box);
	box_settle();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->next, T0 + 5);
	box_sender(5);
	clock_set_unix(T0 + 5);
	assert_non_null(box_job());
	jobs_sender_gone(&box.q, &box);
	box_settle();
	assert_int_equal(box_row("m1", 1)->next, T0 + 5 + 10);
	box_close();
}

static void a_late_word_of_a_forgotten_job_does_nothing(void **state)
{
	struct box_job *j;

	(void)state;
	box_open("");
	box_sender(5);
	box_put(&one);
	j = box_job();
	box.q.jobs.lh_first->until = deadline_in(-1);
	box_settle();
	assert_string_equal(box_state("m1", 1), "waiting");
	box_result(j, FINE);
	assert_string_equal(box_state("m1", 1), "waiting");
	box_close();
}

static void a_sender_that_breaks_the_rules_is_told_apart(void **state)
{
	static const char *const bad[] = { "2 250 2.0.0 x", "1 99 2.0.0 x", "1 250", "x 250 2.0.0 y", "", "1 250  x" };
	struct box_job *j;
	struct ipc_msg m;
	size_t i;

	(void)state;
	box_open("");
	box_sender(5);
	box_put(&one);
	j = box_job();
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ipc_init(&m, "result");
		ipc_set_u64(&m, "id", j->id);
		ipc_setc(&m, "rcpt", bad[i]);
		assert_false(jobs_result(&box.q, &box, &m));
		ipc_done(&m);
	}
	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", j->id);
	assert_false(jobs_result(&box.q, &m, &m)); /* of another sender */
	ipc_done(&m);
	box_close();
}

static void a_socket_that_is_full_costs_no_attempt(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box.job_error = -EAGAIN;
	box_put(&one);
	box_settle();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->attempts, 0);
	box.job_error = 0;
	box.q.sender[0].blocked = DEADLINE_NEVER;
	clock_set_unix(T0 + 1);
	assert_non_null(box_job());
	box_close();
}

static void a_thousand_recipients_are_several_jobs(void **state)
{
	struct buf list;
	size_t i, n = 0;

	(void)state;
	box_open("");
	buf_init(&list, 100000);
	for (i = 0; i < 950; i++)
		buf_fmt(&list, "%su%zu@example.net", i ? " " : "", i);
	box_sender(40);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = buf_cstr(&list) });
	while (box.q.njobs > 0) {
		for (i = 0; i < box.njobs; i++)
			if (box.job[i].fd >= 0) {
				fd_close(&box.job[i].fd);
				n++;
				box_result(&box.job[i], FINE);
			}
	}
	assert_int_equal(n, 10);
	assert_int_equal(box_files(), 0);
	buf_done(&list);
	box_close();
}

/* --- load and fairness ----------------------------------------------------------------- */

static void put_to(int i, const char *domain)
{
	char id[20], rcpt[60];

	snprintf(id, sizeof(id), "m%d", i);
	snprintf(rcpt, sizeof(rcpt), "u@%s", domain);
	box_put(&(struct box_message){ .id = id, .sender = "", .rcpt = rcpt });
	box.nanswers = 0;
}

/* destinations that have not answered yet count as those that have */
#define ANSWERING "first = 100\nshare_new = 100\n"

static void immediate_attempts_stop_under_load_and_resume(void **state)
{
	int i;
	char domain[30];

	(void)state;
	box_open("[queue]\nactive = 3\n" ANSWERING);
	box_sender(100);
	for (i = 0; i < 10; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		put_to(i, domain);
	}
	box_settle();
	assert_int_equal(box.njobs, 3);
	assert_true(box.q.backlog[0]);
	for (i = 0; i < 10; i++) {
		assert_true((size_t)i < box.njobs);
		box_result(&box.job[i], FINE);
	}
	assert_int_equal(box.njobs, 10);
	assert_false(box.q.backlog[0]);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void one_destination_leaves_room_for_others(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\n" ANSWERING);
	for (i = 0; i < 300; i++) /* more than the window */
		put_to(i, "slow.example");
	put_to(1000, "fast.example");
	put_to(1001, "other.example");
	box_sender(8);
	/* a quarter of 8 places, the two others, and up to three quarters as nobody else waits */
	assert_string_equal(box_state("m1000", 1), "active");
	assert_string_equal(box_state("m1001", 1), "active");
	assert_int_equal(box.njobs, 8);
	put_to(1002, "new.example");
	assert_string_equal(box_state("m1002", 1), "waiting");
	/* the next place is its own, though 290 others have waited longer */
	box_result(&box.job[0], FINE);
	assert_string_equal(box_state("m1002", 1), "active");
	box_close();
}

static void alone_a_destination_gets_most_places(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\n" ANSWERING);
	for (i = 0; i < 50; i++)
		put_to(i, "big.example");
	box_sender(8);
	assert_int_equal(box.njobs, 6);
	put_to(100, "small.example");
	box_settle();
	assert_string_equal(box_state("m100", 1), "active");
	box_close();
}

static void all_of_a_great_backlog_is_delivered(void **state)
{
	char domain[30];
	size_t i;

	(void)state;
	box_open("");
	for (i = 0; i < 700; i++) {
		snprintf(domain, sizeof(domain), "d%zu.example", i % 3 ? 0 : i % 7);
		put_to((int)i, domain);
	}
	box_sender(10);
	for (i = 0; i < box.njobs; i++)
		box_result(&box.job[i], FINE);
	assert_int_equal(box.njobs, 700);
	assert_int_equal(box_files(), 0);
	box_close();
}

/* --- the admin ------------------------------------------------------------------------- */

static void all_is_held_if_the_settings_say_so(void **state)
{
	(void)state;
	box_open("[send]\nhold_all = yes\n");
	box_sender(5);
	box_put(&one);
	assert_null(box_job());
	assert_string_equal(box_state("m1", 1), "held");
	assert_int_equal(box_verb("queue release", "message", "m1", NULL), 0);
	assert_non_null(box_job());
	box_close();
}

static void verbs_change_what_they_name(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_put(&one);
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "x@example.com y@example.org" });
	assert_int_equal(box_verb("queue hold", "domain", "example.com", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "recipients"), "1"));
	assert_string_equal(box_state("m2", 1), "held");
	assert_string_equal(box_state("m2", 2), "waiting");
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_verb("queue release", "state", "held", NULL), 0);
	assert_string_equal(box_state("m2", 1), "waiting");
	assert_int_equal(box_verb("queue show", "message", "m2", &row), 0);
	assert_true(str_starts(ipc_get_nth(&row, "recipient", 1), "y@example.org: waiting"));
	assert_int_equal(box_verb("queue remove", "recipient", "X@EXAMPLE.COM", NULL), 0);
	assert_string_equal(box_state("m2", 1), "gone");
	assert_true(box_file("m2"));
	assert_int_equal(box_verb("queue remove", "sender", "<>", NULL), 0);
	assert_false(box_file("m2"));
	assert_int_equal(box_verb("queue retry", "message", "m2", NULL), 67);
	put_to(7, "a.example");
	put_to(8, "a.example");
	assert_int_equal(box_verb("queue list", "limit", "1", &row), 0);
	assert_int_equal(box_verb("queue remove", "domain", "a.example", NULL), 0);
	assert_int_equal(box_verb("queue retry", NULL, NULL, NULL), 64);
	assert_int_equal(box_verb("queue retry", "state", "nonsense", NULL), 64);
	assert_int_equal(box_verb("queue hold", "older", "1h", NULL), 67);
	assert_int_equal(box_verb("queue list", "older", "1h", NULL), 0);
	clock_set_unix(T0 + 3600);
	assert_int_equal(box_verb("queue hold", "older", "1h", NULL), 0);
	ipc_done(&row);
	box_close();
}

static void what_is_in_hand_is_changed_when_it_comes_back(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&one);
	assert_int_equal(box_verb("queue hold", "message", "m1", NULL), 0);
	assert_string_equal(box_state("m1", 1), "active");
	box_result(box_job(), LATER);
	assert_string_equal(box_state("m1", 1), "held");
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "x@example.com" });
	assert_int_equal(box_verb("queue remove", "message", "m2", NULL), 0);
	box_result(box_job(), LATER);
	assert_string_equal(box_state("m2", 1), "gone");
	assert_false(box_file("m2"));
	box_close();
}

static void sums_by_destination_count_what_is_in_hand(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_sender(1);
	put_to(1, "d.example");
	put_to(2, "d.example");
	assert_int_equal(box_verb("queue list", "by", "destination", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "destination"), "d.example"));
	assert_true(str_eqc(ipc_get(&row, "recipients"), "2"));
	assert_true(str_eqc(ipc_get(&row, "active"), "1"));
	assert_true(str_eqc(ipc_get(&row, "waiting"), "1"));
	put_to(3, "a.example");
	put_to(4, "d.example");
	assert_int_equal(box_verb("queue hold", "message", "m4", NULL), 0);
	assert_int_equal(box_verb("queue list", "by", "destination", &row), 0); /* the last row */
	assert_true(str_eqc(ipc_get(&row, "destination"), "d.example"));
	assert_true(str_eqc(ipc_get(&row, "recipients"), "3"));
	assert_true(str_eqc(ipc_get(&row, "held"), "1"));
	assert_true(str_eqc(ipc_get(&row, "waiting"), "1"));
	assert_int_equal(box_verb("queue remove", "message", "m3", NULL), 0);
	assert_int_equal(box_verb("queue remove", "message", "m4", NULL), 0);
	assert_int_equal(box_verb("queue list", "by", "sender", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "messages"), "2"));
	ipc_done(&row);
	box_close();
}

/* --- recovery --------------------------------------------------------------------------- */

static void what_was_in_hand_is_due_after_a_crash(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&one);
	assert_string_equal(box_state("m1", 1), "active");
	clock_set_unix(T0 + 100);
	box_restart();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->next, T0 + 100);
	assert_int_equal(box_row("m1", 1)->attempts, 0);
	box_close();
}

static void a_lost_database_is_built_from_the_files(void **state)
{
	(void)state;
	box_open("");
	box_put(&one);
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "x@example.com y@example.org" });
	unlink("queue.db");
	unlink("queue.db-wal");
	unlink("queue.db-shm");
	close(file_open(box.spool, "m3", O_RDWR | O_CREAT, 0600)); /* not whole: kept, not queued */
	box_restart();
	assert_false(box.q.rows.rebuild);
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_string_equal(box_state("m2", 1), "waiting");
	assert_string_equal(box_state("m2", 2), "waiting");
	assert_string_equal(box_state("m3", 1), "gone");
	assert_false(box_file("m3"));
	assert_true(box_file("m3.damaged"));
	assert_int_equal(box.q.messages, 2);
	box_restart(); /* and from now on the rows count */
	assert_int_equal(box.q.messages, 2);
	box_close();
}

static void a_damaged_database_is_told(void **state)
{
	struct rows r;
	int fd;

	(void)state;
	box_open("");
	box_put(&one);
	queue_close(&box.q);
	fd = open("queue.db", O_WRONLY);
	assert_int_equal(pwrite(fd, "garbage garbage garbage", 23, 0), 23);
	close(fd);
	assert_int_equal(rows_open(&r), E_DAMAGED);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	rows_set_aside(fd, T0);
	close(fd);
	assert_int_equal(access("queue.db.damaged-1800000000", R_OK), 0);
	assert_int_equal(rows_open(&r), 0);
	assert_true(r.rebuild);
	rows_close(&r);
	assert_int_equal(queue_open(&box.q, box.conf, box.q.ops, box.spool), 0);
	box_close();
}

static void a_row_without_its_file_is_kept_and_shown(void **state)
{
	struct ipc_msg row = { 0 };

	(void)state;
	box_open("");
	box_put(&one);
	box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "x@example.com" });
	file_unlink(box.spool, "m1");
	box_restart();
	assert_string_equal(box_state("m1", 1), "damaged");
	assert_string_equal(box_state("m2", 1), "waiting");
	box_sender(5);
	assert_int_equal(box.njobs, 1);
	assert_int_equal(box_verb("queue list", "state", "damaged", &row), 0);
	assert_true(str_eqc(ipc_get(&row, "message"), "m1"));
	file_unlink(box.spool, "m2"); /* while it runs */
	box_result(box_job(), LATER);
	clock_set_unix(T0 + 1000);
	assert_null(box_job());
	assert_string_equal(box_state("m2", 1), "damaged");
	assert_int_equal(box_verb("queue remove", "message", "m1", NULL), 0);
	assert_string_equal(box_state("m1", 1), "gone");
	ipc_done(&row);
	box_close();
}

static void a_file_without_a_row_is_removed_in_time(void **state)
{
	int fd;

	(void)state;
	box_open("");
	fd = file_open(box.spool, "left1", O_RDWR | O_CREAT, 0600);
	close(fd);
	clock_set_unix(0); /* the age of a file is the disk's time */
	box_restart();
	assert_true(box_file("left1"));
	clock_set_unix(clock_unix() + 7200);
	box_restart();
	assert_false(box_file("left1"));
	box_close();
}

static void a_message_with_results_half_told_goes_on_with_the_rest(void **state)
{
	struct box_job *j;

	(void)state;
	box_open("");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@example.net b@example.net" });
	j = box_job();
	box_result_one(j, 1, FINE, false);
	box_restart();
	assert_string_equal(box_state("m1", 1), "gone");
	assert_string_equal(box_state("m1", 2), "waiting");
	box_close();
}

/* --- clocks -------------------------------------------------------------------------------- */

static void a_jump_ahead_bounces_nothing(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\nretry = 1m, 5m, 15m\n");
	box_sender(5);
	box_put(&one);
	box_result(box_job(), LATER);
	clock_set_unix(T0 + 365 * 86400);
	box_result(box_job(), LATER);
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_null(box_job()); /* and no storm: it waits its time again */
	clock_set_unix(T0 + 60); /* set right */
	box_settle();
	assert_true(box_row("m1", 1)->next <= T0 + 60 + 900);
	for (i = 0; i < 3; i++) {
		clock_set_unix(clock_unix() + 900);
		box_result(box_job(), LATER);
		assert_string_equal(box_state("m1", 1), "waiting");
	}
	box_close();
}

static void a_message_from_the_future_gets_old_from_now_on(void **state)
{
	int i;

	(void)state;
	box_open("[queue]\nretry = 1m\nlifetime = 1h\ndelay_warning = 0\n");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "a@example.net", .time = T0 + 365 * 86400 });
	for (i = 0; i <= 60; i++) {
		assert_string_equal(box_state("m1", 1), "active");
		box_result(box_job(), LATER);
		clock_set_unix(clock_unix() + 60);
		box_settle();
	}
	assert_string_equal(box_state("m1", 1), "gone"); /* nobody to tell */
	box_close();
}

static void years_after_2038_are_years(void **state)
{
	(void)state;
	box_open("");
	clock_set_unix(INT64_C(5000000000));
	box_sender(5);
	box_put(&one);
	box_result(box_job(), LATER);
	assert_int_equal(box_row("m1", 1)->next, INT64_C(5000000060));
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ok_means_named_and_in_the_rows),
		cmocka_unit_test(many_puts_are_one_commit),
		cmocka_unit_test(an_id_is_taken_once),
		cmocka_unit_test(what_is_no_file_of_ours_is_refused),
		cmocka_unit_test(a_full_queue_gives_no_file),
		cmocka_unit_test(a_full_disk_refuses_and_heals),
		cmocka_unit_test(results_outlive_a_full_disk),
		cmocka_unit_test(a_new_message_is_tried_at_once_and_leaves_nothing),
		cmocka_unit_test(local_and_outside_go_apart),
		cmocka_unit_test(a_failure_for_now_waits_its_time),
		cmocka_unit_test(each_recipient_has_its_own_result),
		cmocka_unit_test(a_sender_that_dies_costs_little_time_and_no_loop),
		cmocka_unit_test(a_late_word_of_a_forgotten_job_does_nothing),
		cmocka_unit_test(a_sender_that_breaks_the_rules_is_told_apart),
		cmocka_unit_test(a_socket_that_is_full_costs_no_attempt),
		cmocka_unit_test(a_thousand_recipients_are_several_jobs),
		cmocka_unit_test(immediate_attempts_stop_under_load_and_resume),
		cmocka_unit_test(one_destination_leaves_room_for_others),
		cmocka_unit_test(alone_a_destination_gets_most_places),
		cmocka_unit_test(all_of_a_great_backlog_is_delivered),
		cmocka_unit_test(all_is_held_if_the_settings_say_so),
		cmocka_unit_test(verbs_change_what_they_name),
		cmocka_unit_test(what_is_in_hand_is_changed_when_it_comes_back),
		cmocka_unit_test(sums_by_destination_count_what_is_in_hand),
		cmocka_unit_test(what_was_in_hand_is_due_after_a_crash),
		cmocka_unit_test(a_lost_database_is_built_from_the_files),
		cmocka_unit_test(a_damaged_database_is_told),
		cmocka_unit_test(a_row_without_its_file_is_kept_and_shown),
		cmocka_unit_test(a_file_without_a_row_is_removed_in_time),
		cmocka_unit_test(a_message_with_results_half_told_goes_on_with_the_rest),
		cmocka_unit_test(a_jump_ahead_bounces_nothing),
		cmocka_unit_test(a_message_from_the_future_gets_old_from_now_on),
		cmocka_unit_test(years_after_2038_are_years),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
