/* SPDX-License-Identifier: ISC
 *
 * queue_ended_test.c: what ends by a word of this server (suppression list, queue bounce, queue remove): its row, its record, its
 * report; a turn that is undone says nothing of it; and which entry of the list the verbs mean.
 */
#include "queue.h"

#include <unistd.h>

#include "smtp/queue/records.h"

#define ACCOUNTING "[accounting]\nformat = json\n[queue]\nretry = 1h\n"
#define LATER "450 4.2.1 450 4.2.1 not now"
#define NEVER "550 5.1.1 550 5.1.1 no such user"

static int hookd = -1;
static struct ipc_msg record; /* the last one that was told */

static void open_with_records(void)
{
	int pair[2];

	box_open(ACCOUNTING);
	records_settings(box.conf);
	assert_int_equal(ipc_pair(pair), 0);
	records_link(pair[0]);
	hookd = pair[1];
}

/* The next record, and its event; "": there is none. */
static const char *told(void)
{
	struct ipc_msg ack;
	uint64_t n;

	ipc_done(&record);
	record = (struct ipc_msg){ 0 };
	if (ipc_try_recv(hookd, &record) < 0)
		return "";
	assert_int_equal(ipc_get_u64(&record, "n", UINT64_MAX, &n), 0);
	ipc_init(&ack, "ack");
	ipc_set_u64(&ack, "n", n);
	assert_int_equal(ipc_send(hookd, &ack), 0);
	ipc_done(&ack);
	records_read();
	assert_true(ipc_get(&record, "id").n > 0);
	return arena_cstr(&record.arena, ipc_get(&record, "event"));
}

#define FIELD(name, value) assert_true(str_eqc(ipc_get(&record, name), value))
#define NO_FIELD(name) assert_null(ipc_get(&record, name).p)

static void ended_here(const char *class, const char *attempts)
{
	FIELD("class", class);
	FIELD("attempts", attempts);
	NO_FIELD("code");
	NO_FIELD("remote");
	NO_FIELD("ip");
	NO_FIELD("tls");
}

static void close_with_records(void)
{
	assert_string_equal(told(), "");
	ipc_done(&record);
	record = (struct ipc_msg){ 0 };
	close(hookd);
	box_close();
}

static void put(const char *id, const char *rcpt)
{
	assert_string_equal(box_put(&(struct box_message){ .id = id, .sender = "bert@example.org", .rcpt = rcpt }), "ok");
	box.nanswers = 0;
	box_settle();
}

/* One that was deferred once. */
static void waits(const char *id, const char *rcpt)
{
	put(id, rcpt);
	box_result(box_job(), LATER);
	assert_string_equal(told(), "deferred");
	assert_string_equal(box_state(id, 1), "waiting");
}

static void mail_that_comes_for_a_suppressed_address(void **state)
{
	(void)state;
	open_with_records();
	box_sender(5);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", "moved", NULL), 0);
	put("m1", "A@x.example b@x.example");
	assert_int_equal(box_row("m1", 1)->code, 0);
	assert_int_equal(box_row("m1", 1)->last, 0); /* nothing was tried */
	assert_true(str_eqc(box_row("m1", 1)->status, "5.7.1"));
	assert_string_equal(told(), "bounced");
	ended_here("suppressed", "0");
	FIELD("recipient", "A@x.example");
	FIELD("status", "5.7.1");
	assert_true(str_ends(ipc_get(&record, "reply"), "the administrator of this server wants it so (moved)"));
	/* nobody hears of it: the record is the word */
	assert_string_equal(box_put(&(struct box_message){ .id = "m2", .sender = "", .rcpt = "a@x.example" }), "ok");
	assert_string_equal(box_state("m2", 1), "gone");
	assert_string_equal(told(), "bounced");
	close_with_records();
}

static void mail_that_waits_for_a_suppressed_address(void **state)
{
	(void)state;
	open_with_records();
	box_sender(5);
	waits("m1", "a@x.example");
	put("m2", "A@X.example");
	box_result(box_job(), NEVER);
	assert_string_equal(told(), "bounced");
	FIELD("class", "invalid");
	FIELD("code", "550");
	clock_set_unix(T0 + 3600);
	box_settle();
	assert_string_equal(told(), "bounced");
	ended_here("suppressed", "1");
	FIELD("message", "m1");
	FIELD("status", "5.1.1"); /* a server did say so */
	assert_true(str_search(ipc_get(&record, "reply"), STR("no such mailbox (550 5.1.1 no such user)")) > 0);
	assert_true(str_search(ipc_get(&record, "reply"), STR("mansio")) < 0);
	close_with_records();
}

static void what_the_admin_ends(void **state)
{
	(void)state;
	open_with_records();
	box_sender(5);
	waits("m1", "a@x.example");
	waits("m2", "a@x.example");
	assert_int_equal(box_verb("queue bounce", "message", "m1", NULL), 0);
	assert_string_equal(told(), "bounced");
	ended_here("admin", "1");
	FIELD("reply", REPLY_ADMIN);
	FIELD("status", "5.7.1");
	assert_int_equal(box_verb("queue remove", "message", "m2", NULL), 0);
	assert_string_equal(told(), "removed");
	ended_here("admin", "1");
	FIELD("message", "m2");
	NO_FIELD("status");
	assert_string_equal(box_state("m2", 1), "gone");
	close_with_records();
}

/* What the server said to the attempt is not why it ended. */
static void what_the_admin_ends_while_it_is_tried(void **state)
{
	struct box_job *first, *second;

	(void)state;
	open_with_records();
	box_sender(5);
	put("m1", "a@x.example");
	first = box_job();
	put("m2", "a@y.example");
	second = box_job();
	assert_int_equal(box_verb("queue bounce", "message", "m1", NULL), 0);
	assert_int_equal(box_verb("queue remove", "message", "m2", NULL), 0);
	assert_string_equal(told(), "");
	box_result(first, LATER);
	assert_string_equal(told(), "bounced");
	ended_here("admin", "1");
	FIELD("reply", REPLY_ADMIN);
	box_result(second, LATER);
	assert_string_equal(told(), "removed");
	ended_here("admin", "1");
	close_with_records();
}

/* An admin's retry that was answered from memory was no attempt, and leaves no record. */
static void a_wait_that_was_no_attempt(void **state)
{
	struct ipc_msg m;

	(void)state;
	open_with_records();
	box_sender(5);
	waits("m1", "a@x.example");
	assert_int_equal(box_verb("queue retry", "message", "m1", NULL), 0);
	ipc_init(&m, "result");
	ipc_set_u64(&m, "id", box_job()->id);
	ipc_setc(&m, "rcpt", "1 451 4.4.1 x cannot be reached");
	ipc_set_bool(&m, "memory", true);
	ipc_set_bool(&m, "done", true);
	assert_true(jobs_result(&box.q, &box, &m));
	ipc_done(&m);
	box_settle();
	assert_string_equal(box_state("m1", 1), "waiting");
	assert_int_equal(box_row("m1", 1)->attempts, 1);
	assert_string_equal(told(), "");
	close_with_records();
}

static void a_list_that_cannot_be_read_lets_nobody_through(void **state)
{
	struct suppress *s = &box.q.suppress;
	struct suppressed why;
	struct arena a;

	(void)state;
	box_open("");
	assert_int_equal(box_verb("suppression add", "address", "a@x.example", NULL), 0);
	suppress_done(s);
	box.q.rows.err = E_FULL; /* when it is read at the start */
	suppress_init(s, &box.q.rows);
	box.q.rows.err = 0;
	assert_true(suppressfilter_may(s->filter, STR("a@x.example")));
	arena_init(&a);
	rows_begin(&box.q.rows);
	assert_true(suppress_find(s, &box.q.rows, STR("a@x.example"), STR(""), &a, &why));
	arena_done(&a);
	box_close();
}

static void a_turn_that_is_undone_tells_nothing(void **state)
{
	struct buf many;
	int i;

	(void)state;
	open_with_records();
	assert_int_equal(box_verb("suppression add", "address", "user7@x.example", NULL), 0);
	buf_init(&many, 100000);
	for (i = 0; i < 500; i++)
		buf_fmt(&many, "%suser%d@x.example", i ? " " : "", i);
	assert_int_equal(db_exec(box.q.rows.db, "PRAGMA max_page_count=1"), 0);
	assert_string_equal(box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = buf_cstr(&many) }), "full");
	assert_string_equal(told(), "");
	assert_int_equal(db_exec(box.q.rows.db, "PRAGMA max_page_count=1000000"), 0);
	box.q.full_until = deadline_in(-1);
	assert_string_equal(box_put(&(struct box_message){ .id = "m1", .sender = "bert@example.org", .rcpt = buf_cstr(&many) }), "ok");
	assert_string_equal(told(), "bounced");
	FIELD("recipient", "user7@x.example");
	buf_done(&many);
	close_with_records();
}

static enum ours whose;
static char asked[100];

static int ours(uint64_t question, struct str address)
{
	snprintf(asked, sizeof(asked), "%.*s", STRF(address));
	assert_true(str_eq(tasks_asked(&box.q, question), address));
	tasks_ours(&box.q, question + 1, OURS_YES); /* to nobody */
	tasks_ours(&box.q, question, whose);
	assert_int_equal(tasks_asked(&box.q, question).n, 0);
	return 0;
}

static int nobody_there(uint64_t question, struct str address)
{
	(void)question;
	(void)address;
	return E_TEMP;
}

static void an_address_of_ours_is_not_put_on_the_list(void **state)
{
	struct ipc_msg row = { 0 };
	struct queue_ops ops;

	(void)state;
	box_open("");
	ops = *box.q.ops;
	ops.ours = ours;
	box.q.ops = &ops;
	whose = OURS_YES;
	assert_int_equal(box_verb("suppression add", "address", "Anna@example.org", NULL), 64);
	assert_string_equal(asked, "anna@example.org");
	whose = OURS_UNKNOWN;
	assert_int_equal(box_verb("suppression add", "address", "a@x.example", NULL), 75);
	ops.ours = nobody_there;
	assert_int_equal(box_verb("suppression add", "address", "a@x.example", NULL), 75);
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_null(ipc_get(&row, "address").p);
	ops.ours = ours;
	whose = OURS_NO;
	assert_int_equal(box_verb("suppression add", "address", "a@x.example", NULL), 0);
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "address"), "a@x.example"));
	ops.ours = nobody_there; /* taking off asks nobody */
	assert_int_equal(box_verb("suppression remove", "address", "a@x.example", NULL), 0);
	ipc_done(&row);
	box_close();
}

/* The report that was made: its text. */
static const char *report(void)
{
	static char text[20000];
	struct box_job *j = box_job();
	ssize_t n;

	assert_non_null(j);
	assert_string_equal(box_field(j, "sender"), "");
	n = pread(j->fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static void the_report_says_whose_word_it_was(void **state)
{
	const char *text;

	(void)state;
	box_open("[queue]\nretry = 1h\n");
	box_sender(5);
	put("m1", "a@x.example");
	box_result(box_job(), LATER);
	assert_int_equal(box_verb("queue bounce", "message", "m1", NULL), 0);
	text = report();
	assert_non_null(strstr(text, "The administrator of this mail server has ended it.\r\n"));
	assert_non_null(strstr(text, "Status: 5.7.1\r\nDiagnostic-Code: x-mansio; returned by"));
	assert_null(strstr(text, "Remote-MTA"));
	box_result(&box.job[box.njobs - 1], "250 2.0.0 250 2.0.0 fine");
	assert_int_equal(box_verb("suppression add", "address", "b@x.example", NULL), 0);
	put("m2", "b@x.example");
	text = report();
	assert_non_null(strstr(text, "not delivered: this mail server does not send it.\r\n"));
	assert_non_null(strstr(text, "Status: 5.7.1\r\nDiagnostic-Code: x-mansio; mail to this address is stopped"));
	assert_null(strstr(text, "Last-Attempt-Date"));
	assert_null(strstr(text, "mansio suppression"));
	box_close();
}

static void an_entry_is_the_one_that_was_named(void **state)
{
	struct ipc_msg row = { 0 };
	char long_one[202] = "";

	(void)state;
	box_open("");
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "sender", "anna@example.org", &row), 64);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "sender", "anna", NULL), 64);
	assert_int_equal(box_verb2("suppression add", "address", "a b@x.example", "sender", "example.org", NULL), 64);
	memset(long_one, 'x', sizeof(long_one) - 1);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", long_one, NULL), 64);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "comment", "two\r\nlines", NULL), 64);
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_null(ipc_get(&row, "address").p);
	assert_int_equal(box_verb2("suppression add", "address", "a@x.example", "sender", "Example.org", NULL), 0);
	assert_int_equal(box_verb("suppression remove", "address", "a@x.example", NULL), 67); /* for all: there is none */
	assert_int_equal(box_verb2("suppression remove", "address", "a@x.example", "sender", "other.example", NULL), 67);
	assert_int_equal(box_verb("suppression add", "address", "a@x.example", NULL), 0);
	assert_int_equal(box_verb("suppression remove", "address", "A@x.example", NULL), 0);
	assert_int_equal(box_verb("suppression list", NULL, NULL, &row), 0);
	assert_true(str_eqc(ipc_get(&row, "sender"), "example.org"));
	assert_int_equal(box_verb2("suppression remove", "address", "a@x.example", "sender", "example.ORG", NULL), 0);
	/* one domain, two forms */
	assert_int_equal(box_verb("suppression add", "address", "a@b\xc3\xbc" "cher.example", NULL), 0);
	assert_int_equal(box_verb("suppression remove", "address", "a@xn--bcher-kva.example", NULL), 0);
	ipc_done(&row);
	box_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_that_comes_for_a_suppressed_address),
		cmocka_unit_test(mail_that_waits_for_a_suppressed_address),
		cmocka_unit_test(what_the_admin_ends),
		cmocka_unit_test(what_the_admin_ends_while_it_is_tried),
		cmocka_unit_test(a_wait_that_was_no_attempt),
		cmocka_unit_test(a_list_that_cannot_be_read_lets_nobody_through),
		cmocka_unit_test(a_turn_that_is_undone_tells_nothing),
		cmocka_unit_test(an_address_of_ours_is_not_put_on_the_list),
		cmocka_unit_test(the_report_says_whose_word_it_was),
		cmocka_unit_test(an_entry_is_the_one_that_was_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
