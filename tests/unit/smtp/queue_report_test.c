/* SPDX-License-Identifier: ISC
 *
 * queue_report_test.c: reports of the queue: who gets one, when, about whom, and
 * that a crash neither loses nor doubles one. (What stands in them: mail/report_test.c.)
 */
#include "queue.h"

#include <unistd.h>

#include "base/file.h"

#define FINE "250 2.0.0 250 2.0.0 fine"
#define LATER "450 4.2.1 450 4.2.1 not now"
#define NEVER "550 5.1.1 550 5.1.1 no such user"

static char text[200000];

/* The report that waits or is in hand: its text; NULL: there is none. */
static const char *report(void)
{
	struct message_row row[20];
	struct arena a;
	struct envelope e;
	uint64_t offset;
	size_t i, n;
	const char *found = NULL;
	int fd;

	box_settle();
	arena_init(&a);
	rows_begin(&box.q.rows);
	n = rows_range(&box.q.rows, 0, &a, row, ARRAY_LEN(row));
	for (i = 0; i < n; i++) {
		fd = message_open(&box.q, row[i].id, &a, &e, &offset);
		assert_true(fd >= 0);
		if (e.report) {
			ssize_t got = pread(fd, text, sizeof(text) - 1, (off_t)offset);

			assert_null(found); /* one at most */
			assert_true(got > 0 && (uint64_t)got == e.size);
			text[got] = '\0';
			found = text;
			assert_int_equal(e.sender.n, 0);
			assert_int_equal(e.nrcpt, 1);
			assert_int_equal(e.rcpt[0].notify, NOTIFY_NEVER);
			assert_true(str_eqc(e.rcpt[0].address, "bert@example.org"));
			assert_false(row[i].reports);
		}
		close(fd);
	}
	arena_done(&a);
	return found;
}

#define HAS(what) assert_non_null(strstr(text, what))
#define HAS_NOT(what) assert_null(strstr(text, what))

/* One message to the outside that is refused for good. */
static void refused(const struct box_message *m)
{
	box_open("");
	box_sender(5);
	assert_string_equal(box_put(m), "ok");
	box_result(box_job(), NEVER);
	assert_string_equal(box_state(m->id, 1), "gone");
	assert_false(box_file(m->id));
}

/* RFC 4865 5.1: what was asked for, and when the message came, not when it left */
static void a_report_tells_of_a_wish_to_leave_later(void **state)
{
	(void)state;
	refused(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net", .time = T0 - 3600,
		.future = "for;60" });
	assert_non_null(report());
	HAS("Future-Release-Request: for;60\r\n");
	HAS("Arrival-Date: Fri, 15 Jan 2027 07:00:00 +0000\r\n");
	box_close();
}

static void a_failure_is_reported_with_the_words_of_the_server(void **state)
{
	(void)state;
	refused(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net",
		.envid = "QQ1" });
	assert_non_null(report());
	HAS("Action: failed\r\n");
	HAS("Final-Recipient: rfc822;anna@example.net\r\n");
	HAS("Status: 5.1.1\r\n");
	HAS("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n");
	HAS("Remote-MTA: dns;mx.example.net\r\n");
	HAS("Original-Envelope-Id: QQ1\r\n");
	HAS("\r\nHello.\r\n");
	/* it goes out by itself */
	assert_string_equal(box_field(box_job(), "via"), "lmtp");
	box_result(&box.job[box.njobs - 1], FINE);
	assert_int_equal(box_files(), 0);
	box_close();
}

static void nobody_is_told_who_cannot_be_trusted_to_have_sent_it(void **state)
{
	(void)state;
	refused(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net",
		.unconfirmed = true });
	assert_null(report());
	assert_int_equal(box_files(), 0);
	box_close();
	refused(&(struct box_message){ .id = "m1", .sender = "", .rcpt = "anna@example.net" });
	assert_null(report());
	assert_int_equal(box_files(), 0);
	box_close();
}

static void a_report_that_fails_is_the_end(void **state)
{
	(void)state;
	refused(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" });
	assert_non_null(report());
	box_result(box_job(), NEVER);
	assert_null(report());
	assert_int_equal(box_files(), 0);
	box_close();
}

static void notify_decides(void **state)
{
	struct box_message m = { .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" };

	(void)state;
	m.notify = NOTIFY_NEVER;
	refused(&m);
	assert_null(report());
	box_close();
	m.notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
	refused(&m);
	assert_null(report());
	box_close();
	m.notify = NOTIFY_FAILURE;
	refused(&m);
	assert_non_null(report());
	box_close();
}

static void success_is_reported_if_asked_for(void **state)
{
	struct box_message m = { .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net",
		.notify = NOTIFY_SUCCESS };
	struct ipc_msg r;
	struct box_job *j;

	(void)state;
	box_open("");
	box_sender(5);
	box_put(&m);
	box_result(box_job(), FINE);
	assert_non_null(report());
	HAS("Action: relayed\r\n");
	HAS_NOT("\r\nHello.\r\n"); /* the header only */
	box_close();
	m.rcpt = "anna@example.org";
	box_open("");
	box_sender(5);
	box_put(&m);
	box_result(box_job(), FINE);
	assert_non_null(report());
	HAS("Action: delivered\r\n");
	box_close();
	box_open("");
	box_sender(5);
	box_put(&m);
	box_result(box_job(), "250 2.1.5 250 2.1.5 Forwarded");
	assert_non_null(report());
	HAS("Action: expanded\r\n");
	box_close();
	/* the next server tells by itself */
	m.rcpt = "anna@example.net";
	box_open("");
	box_sender(5);
	box_put(&m);
	j = box_job();
	ipc_init(&r, "result");
	ipc_set_u64(&r, "id", j->id);
	ipc_setc(&r, "rcpt", "1 " FINE);
	ipc_setc(&r, "dsn", "1");
	ipc_set_bool(&r, "done", true);
	assert_true(jobs_result(&box.q, &box, &r));
	ipc_done(&r);
	assert_null(report());
	assert_int_equal(box_files(), 0);
	box_close();
}

static void failed_recipients_of_a_message_are_one_report(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org",
		.rcpt = "a@example.net b@example.net c@example.org" });
	assert_int_equal(box.njobs, 2); /* outside and here */
	box_result(&box.job[0], NEVER);
	assert_null(report()); /* an attempt is still in hand */
	box_result(&box.job[1], NEVER);
	assert_non_null(report());
	HAS("rfc822;a@example.net\r\n");
	HAS("rfc822;b@example.net\r\n");
	HAS("rfc822;c@example.org\r\n");
	box_close();
}

static void recipients_refused_before_are_reported_at_once(void **state)
{
	(void)state;
	box_open("");
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org",
		.rcpt = "a@example.org b@example.org", .refused = 550 });
	assert_non_null(report());
	HAS("rfc822;a@example.org\r\n");
	HAS("550 5.1.1 no such user here");
	HAS_NOT("b@example.org\r\nAction");
	assert_string_equal(box_state("m1", 1), "gone");
	assert_string_equal(box_state("m1", 2), "waiting");
	box_close();
	/* nobody may be told: it leaves no trace */
	box_open("");
	assert_string_equal(box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org",
		.rcpt = "a@example.org", .refused = 550, .unconfirmed = true }), "ok");
	assert_null(report());
	assert_int_equal(box_files(), 0);
	box_close();
}

static void a_delay_is_told_once(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\ndelay_warning = 2h\n");
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" });
	jobs_ready(&box.q, &box, false, 5); /* none for reports, which stay to be seen */
	box_result(box_job(), LATER);
	clock_set_unix(T0 + 3600);
	box_result(box_job(), LATER);
	assert_null(report());
	clock_set_unix(T0 + 7200);
	box_result(box_job(), LATER);
	assert_non_null(report());
	HAS("Action: delayed\r\n");
	HAS("Will-Retry-Until: ");
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_true(box_row("m1", 1)->delayed);
	clock_set_unix(T0 + 10800);
	box_result(box_job(), LATER);
	assert_non_null(report()); /* asserts that there is one */
	box_close();
}

static void what_is_too_old_is_given_up(void **state)
{
	(void)state;
	box_open("[queue]\nretry = 1h\ndelay_warning = 0\nlifetime = 2h\n");
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" });
	jobs_ready(&box.q, &box, false, 5);
	box_result(box_job(), LATER);
	clock_set_unix(T0 + 3600);
	box_result(box_job(), LATER);
	clock_set_unix(T0 + 7200);
	box_result(box_job(), LATER);
	assert_string_equal(box_state("m1", 1), "gone");
	assert_non_null(report());
	HAS("Action: failed\r\n");
	HAS("Status: 4.4.7\r\n");
	HAS("450 ");
	HAS("not now");
	box_close();
}

static void a_crash_neither_loses_nor_doubles_a_report(void **state)
{
	(void)state;
	box_open("");
	box_sender(5);
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" });
	/* the failure is committed, the report cannot be written yet */
	box.q.reports_after = deadline_in(1000000);
	box_result(box_job(), NEVER);
	assert_string_equal(box_state("m1", 1), "failed");
	assert_null(report());
	box_restart();
	assert_string_equal(box_state("m1", 1), "gone");
	assert_non_null(report());
	box_restart();
	assert_non_null(report());
	assert_int_equal(box_files(), 1);
	box_close();
}

static void ret_and_size_decide_what_is_returned(void **state)
{
	static char big[70000] = "Subject: big\r\n\r\n";
	struct box_message m = { .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" };

	(void)state;
	m.ret = RET_HDRS;
	refused(&m);
	assert_non_null(report());
	HAS("Subject: hello\r\n");
	HAS_NOT("\r\nHello.\r\n");
	box_close();
	m.ret = RET_FULL;
	memset(big + strlen(big), 'x', sizeof(big) - 1 - strlen(big));
	m.content = big;
	refused(&m);
	assert_non_null(report());
	HAS("Subject: big\r\n");
	HAS_NOT("xxxxxxxx");
	box_close();
}

static void the_admin_gives_a_message_back(void **state)
{
	(void)state;
	box_open("");
	box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = "anna@example.net" });
	assert_int_equal(box_verb("queue bounce", "message", "m1", NULL), 0);
	assert_non_null(report());
	HAS("administrator");
	assert_string_equal(box_state("m1", 1), "gone");
	box_put(&(struct box_message){ .id = "m2", .sender = "bert@example.org", .rcpt = "anna@example.net",
		.notify = NOTIFY_NEVER });
	assert_int_equal(box_verb("queue bounce", "message", "m2", NULL), 0);
	assert_non_null(report()); /* still the one */
	assert_false(box_file("m2"));
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_tells_of_a_wish_to_leave_later),
		cmocka_unit_test(a_failure_is_reported_with_the_words_of_the_server),
		cmocka_unit_test(nobody_is_told_who_cannot_be_trusted_to_have_sent_it),
		cmocka_unit_test(a_report_that_fails_is_the_end),
		cmocka_unit_test(notify_decides),
		cmocka_unit_test(success_is_reported_if_asked_for),
		cmocka_unit_test(failed_recipients_of_a_message_are_one_report),
		cmocka_unit_test(recipients_refused_before_are_reported_at_once),
		cmocka_unit_test(a_delay_is_told_once),
		cmocka_unit_test(what_is_too_old_is_given_up),
		cmocka_unit_test(a_crash_neither_loses_nor_doubles_a_report),
		cmocka_unit_test(ret_and_size_decide_what_is_returned),
		cmocka_unit_test(the_admin_gives_a_message_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
