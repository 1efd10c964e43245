/* SPDX-License-Identifier: ISC
 * What is kept, found and told: blocks, index lines, search, story, scope; damage. */
#include "trace/events.h"
#include "trace/query.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mansio-keep-XXXXXX";
static struct keep keep;
static struct flights *flights;
static int64_t now;

static void leave(void *arg, const struct record *r)
{
	struct fields e;

	(void)arg;
	assert_int_equal(fields_parse(r->text, &e), 0);
	keep_add(&keep, r, &e);
}

static void say(const char *program, const char *text)
{
	const struct record r = { .time = now += 1000, .level = strstr(text, "WARN") ? '2' : '1',
		.program = str_of(program), .text = str_of(text), .pid = 7 };
	struct fields e;

	assert_int_equal(fields_parse(r.text, &e), 0);
	keep_add(&keep, &r, &e);
	flights_event(flights, &r, &e);
}

/* A message on the straight way: mail, rcpt, delivered, accepted. */
static void message(const char *m, const char *from, const char *to, const char *subject)
{
	char text[400];

	snprintf(text, sizeof(text), "mail s=s%s m=%s from=%s helo=h", m, m, from);
	say("smtpd", text);
	snprintf(text, sizeof(text), "rcpt s=s%s m=%s to=%s", m, m, to);
	say("smtpd", text);
	snprintf(text, sizeof(text), "delivered s=s%s m=%s to=%s account=%s folder=INBOX uid=1", m, m, to, to);
	say("lmtpd", text);
	snprintf(text, sizeof(text), "accepted s=s%s m=%s from=%s rcpts=1 size=10 way=straight ms=3 mid=<%s@x> "
		"subject=\"%s\"", m, m, from, m, subject);
	say("smtpd", text);
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(chdir(dir), 0);
	unlink("trace.db");
	unlink("trace.db-wal");
	unlink("trace.db-shm");
	now = clock_unix_us();
	keep_init(&keep);
	assert_non_null(keep.db);
	flights = flights_new(leave, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	flights_free(flights);
	keep_done(&keep);
	return 0;
}

struct got {
	char ids[2000], states[400], words[400], to[400];
	uint64_t n, rcpts;
};

static void row(void *arg, const struct summary *x, struct arena *a)
{
	struct got *g = arg;
	struct buf b;

	buf_init(&b, 300);
	summary_words(x, a, &b);
	g->n++;
	g->rcpts = MAX(x->rcpts, (uint64_t)x->nrcpt);
	snprintf(g->ids + strlen(g->ids), sizeof(g->ids) - strlen(g->ids), "%.*s ", STRF(x->m));
	snprintf(g->states, sizeof(g->states), "%s", summary_state(x));
	snprintf(g->words, sizeof(g->words), "%.*s", STRF(buf_view(&b)));
	snprintf(g->to, sizeof(g->to), "%.*s", STRF(x->nrcpt ? x->rcpt[0].to : STR("")));
	buf_done(&b);
}

static struct got search(struct search q)
{
	struct got g = { .n = 0 };

	if (!q.limit)
		q.limit = 100;
	if (!q.scope.n)
		q.scope.all = true;
	assert_int_equal(search_run(&keep, &q, row, &g), 0);
	return g;
}

static struct scope scope_of(struct arena *a, const char *one)
{
	struct ipc_msg m;
	struct scope s;

	ipc_init(&m, "control");
	ipc_setc(&m, "scope", one);
	scope_read(&s, &m, a);
	ipc_done(&m);
	return s;
}

static void story_line(void *arg, int64_t time, struct str event, struct str program, struct str words,
	struct str detail)
{
	struct buf *out = arg;

	(void)time;
	buf_fmt(out, "%.*s %.*s: %.*s | %.*s\n", STRF(program), STRF(event), STRF(words), STRF(detail));
}

static const char *story(struct buf *out, const char *id, const struct scope *s)
{
	int r;

	buf_init(out, 100000);
	r = story_run(&keep, str_of(id), s, story_line, out);
	assert_true(r == 0 || r == E_NOTFOUND);
	return buf_cstr(out);
}

static void what_came_is_found_by_each_of_its_parts(void **state)
{
	struct got g;

	(void)state;
	message("m1", "tiro@rome.example", "anna@example.org", "About the Bridge");
	message("m2", "ben@example.org", "joanna@example.org", "Lunch");
	g = search((struct search){ .address = STR("anna@example.org") });
	assert_string_equal(g.ids, "m1 "); /* a whole address is not a part of another */
	assert_string_equal(g.states, "delivered");
	assert_string_equal(search((struct search){ .address = STR("anna") }).ids, "m2 m1 ");
	assert_string_equal(search((struct search){ .sender = STR("@rome.example") }).ids, "m1 ");
	assert_string_equal(search((struct search){ .subject = STR("bridge") }).ids, "m1 ");
	assert_string_equal(search((struct search){ .subject = STR("bridge"), .sender = STR("ben") }).ids, "");
	assert_string_equal(search((struct search){ .message_id = STR("m2@x") }).ids, "m2 ");
	assert_string_equal(search((struct search){ .until = now - 10 * 1000 * 1000 }).ids, "");
	assert_string_equal(search((struct search){ .limit = 1 }).ids, "m2 ");
	assert_string_equal(search((struct search){ .before = STR("m2") }).ids, "m1 ");
}

static void what_became_of_it_later_is_known(void **state)
{
	struct got g;
	int i;
	char m[16];

	(void)state;
	say("smtpd", "mail s=s1 m=q1 from=anna@example.org helo=h");
	say("smtpd", "rcpt s=s1 m=q1 to=far@away.example route=outside");
	say("queued", "queued s=s1 m=q1 from=anna@example.org rcpts=1 size=20");
	say("smtpd", "accepted s=s1 m=q1 from=anna@example.org rcpts=1 size=20 way=queue ms=2 subject=Out");
	assert_string_equal(search((struct search){ .subject = STR("out") }).states, "waiting");
	for (i = 0; i < 500; i++) { /* several blocks in between */
		snprintf(m, sizeof(m), "x%d", i);
		message(m, "tiro@rome.example", "ben@example.org", "noise");
	}
	assert_true(keep.next > 1);
	say("queued", "failed s=s1 m=q1 to=far@away.example via=smtp attempt=2 code=550 status=5.1.1 "
		"remote=mx.away.example reply=\"No such person\" age=3600 report=yes");
	g = search((struct search){ .subject = STR("out") });
	assert_string_equal(g.states, "failed");
	assert_non_null(strstr(g.words, "No such person"));
	assert_int_equal(search((struct search){ .subject = STR("noise"), .limit = 1000 }).n, 500);
	assert_int_equal(search((struct search){ .subject = STR("noise"), .state = STR("failed") }).n, 0);
}

static void a_forward_is_a_part_of_the_story(void **state)
{
	const struct scope all = { .all = true };
	struct arena a;
	struct scope s;
	struct buf b;
	const char *text;

	(void)state;
	say("smtpd", "mail s=s1 m=f1 from=tiro@rome.example helo=h");
	say("smtpd", "rcpt s=s1 m=f1 to=office@example.org");
	say("queued", "queued s=s1 m=f2 from=tiro@rome.example rcpts=1 size=20");
	say("lmtpd", "forwarded s=s1 m=f1 to=office@example.org target=friend@away.example as=f2");
	say("smtpd", "accepted s=s1 m=f1 from=tiro@rome.example rcpts=1 size=20 way=straight ms=2 subject=On");
	say("queued", "sent s=s1 m=f2 to=friend@away.example via=smtp attempt=1 code=250 remote=mx.away.example "
		"reply=\"2.0.0 Ok ip=\\\"x\" ip=192.0.2.9 age=1");
	assert_string_equal(search((struct search){ .subject = STR("on") }).states, "delivered");
	assert_string_equal(search((struct search){ .sender = STR("tiro") }).ids, "f1 f2 ");
	text = story(&b, "f1", &all);
	assert_non_null(strstr(text, "forwarded to friend@away.example as message f2"));
	assert_non_null(strstr(text, "Delivered to friend@away.example by mx.away.example"));
	/* what the server said is one value, whatever it looks like */
	assert_non_null(strstr(text, " remote=mx.away.example reply=\"2.0.0 Ok ip=\\\"x\" ip=192.0.2.9 age=1"));
	buf_done(&b);
	/* where somebody else's alias leads is not the sender's business */
	arena_init(&a);
	s = scope_of(&a, "tiro@rome.example");
	text = story(&b, "f1", &s);
	assert_non_null(strstr(text, "Delivered to office@example.org."));
	assert_null(strstr(text, "friend@"));
	buf_done(&b);
	assert_string_equal(story(&b, "f2", &s), "");
	buf_done(&b);
	assert_string_equal(search((struct search){ .scope = s }).ids, "f1 ");
	arena_done(&a);
}

static void a_refused_message_is_told_when_its_transaction_is_over(void **state)
{
	struct got g;

	(void)state;
	say("smtpd", "mail s=s1 m=r1 from=tiro@rome.example helo=h");
	say("smtpd", "refused s=s1 m=r1 code=550 status=5.1.1 to=nobody@example.org reply=\"no such mailbox here\"");
	assert_int_equal(search((struct search){ .address = STR("nobody") }).n, 0);
	say("front", "close s=s1 service=smtp peer=192.0.2.1 reason=quit in=1 out=2 seconds=3");
	g = search((struct search){ .address = STR("nobody") });
	assert_string_equal(g.states, "rejected");
	assert_non_null(strstr(g.words, "no such mailbox here"));
}

/* --- scope ------------------------------------------------------------------------------ */

static void to_three(void)
{
	say("smtpd", "mail s=s1 m=b1 from=tiro@rome.example helo=h peer=192.0.2.77");
	say("smtpd", "rcpt s=s1 m=b1 to=anna@example.org");
	say("smtpd", "rcpt s=s1 m=b1 to=secret@example.org");
	say("smtpd", "rcpt s=s1 m=b1 to=other@example.net");
	say("lmtpd", "delivered s=s1 m=b1 to=anna@example.org account=anna@example.org folder=INBOX uid=1");
	say("lmtpd", "delivered s=s1 m=b1 to=secret@example.org account=secret@example.org folder=Hidden uid=9");
	say("lmtpd", "delivered s=s1 m=b1 to=other@example.net account=other@example.net folder=INBOX uid=4");
	say("smtpd", "accepted s=s1 m=b1 from=tiro@rome.example rcpts=3 size=10 way=straight ms=1 subject=All");
	say("front", "close s=s1 service=smtp peer=192.0.2.77 reason=quit in=1 out=2 seconds=3");
}

static void who_got_it_sees_no_other_recipient(void **state)
{
	struct search q = { .limit = 10 };
	struct arena a;
	struct scope s;
	struct got g;
	struct buf b;
	const char *text;

	(void)state;
	to_three();
	arena_init(&a);
	s = q.scope = scope_of(&a, "Anna@example.org");
	g = search(q);
	assert_string_equal(g.ids, "b1 ");
	assert_string_equal(g.to, "anna@example.org");
	assert_int_equal(g.rcpts, 1);
	text = story(&b, "b1", &s);
	assert_non_null(strstr(text, "Delivered to anna@example.org: in the mailbox of anna@example.org"));
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "Hidden"));
	assert_null(strstr(text, "other@"));
	assert_null(strstr(text, "rcpts"));
	assert_null(strstr(text, "192.0.2.77"));
	buf_done(&b);
	s = scope_of(&a, "example.org");
	text = story(&b, "b1", &s);
	assert_non_null(strstr(text, "Hidden")); /* his domain */
	assert_null(strstr(text, "other@"));
	buf_done(&b);
	s = scope_of(&a, "nobody@example.com");
	assert_string_equal(story(&b, "b1", &s), "");
	q.scope = s;
	assert_int_equal(search(q).n, 0);
	buf_done(&b);
	arena_done(&a);
}

static void who_sent_it_sees_each_fate_but_no_folder(void **state)
{
	struct arena a;
	struct scope s;
	struct buf b;
	const char *text;

	(void)state;
	to_three();
	arena_init(&a);
	s = scope_of(&a, "tiro@rome.example");
	text = story(&b, "b1", &s);
	assert_non_null(strstr(text, "Delivered to secret@example.org."));
	assert_null(strstr(text, "Hidden"));
	assert_null(strstr(text, "account="));
	buf_done(&b);
	/* the id of a session is no key for somebody narrowed */
	assert_string_equal(story(&b, "s1", &s), "");
	buf_done(&b);
	arena_done(&a);
}

static void anna_plus_something_is_anna(void **state)
{
	struct arena a;
	struct scope s;

	(void)state;
	arena_init(&a);
	s = scope_of(&a, "anna@example.org");
	assert_true(scope_has(&s, STR("ANNA+lists@example.org")));
	assert_false(scope_has(&s, STR("anna+@x@example.com")));
	assert_false(scope_has(&s, STR("joanna@example.org")));
	assert_false(scope_has(&s, STR("anna@example.org.example.com")));
	assert_false(scope_has(&s, STR("")));
	s = scope_of(&a, "example.org");
	assert_true(scope_has(&s, STR("x@Example.Org")));
	assert_false(scope_has(&s, STR("x@sub.example.org")));
	assert_false(scope_has(&s, STR("example.org")));
	arena_done(&a);
}

/* --- what lasts --------------------------------------------------------------------------- */

static void what_was_committed_is_there_again(void **state)
{
	int i;
	char m[16];

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(m, sizeof(m), "k%d", i);
		message(m, "tiro@rome.example", "anna@example.org", "kept");
	}
	assert_int_equal(keep_commit(&keep), 0);
	message("late", "tiro@rome.example", "anna@example.org", "kept");
	/* the process dies here: nothing more is written */
	sqlite3_close_v2(keep.db);
	keep_init(&keep);
	assert_int_equal(search((struct search){ .subject = STR("kept"), .limit = 1000 }).n, 300);
}

static void a_damaged_database_is_put_aside(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	message("old", "tiro@rome.example", "anna@example.org", "old");
	keep_done(&keep);
	fd = open("trace.db", O_WRONLY);
	assert_int_equal(pwrite(fd, "this is no database at all", 26, 0), 26);
	close(fd);
	unlink("trace.db-wal");
	keep_init(&keep);
	assert_non_null(keep.db);
	assert_true(keep.aside);
	assert_int_equal(stat("trace.db.damaged", &st), 0);
	message("new", "tiro@rome.example", "anna@example.org", "new");
	assert_int_equal(keep_commit(&keep), 0);
	assert_string_equal(search((struct search){ .address = STR("anna") }).ids, "new ");
}

static void the_oldest_go_when_there_is_too_much(void **state)
{
	uint64_t all, left;
	int i;
	char m[16];

	(void)state;
	for (i = 0; i < 3000; i++) {
		snprintf(m, sizeof(m), "g%d", i);
		message(m, "tiro@rome.example", "anna@example.org", "grows");
	}
	assert_int_equal(keep_commit(&keep), 0);
	all = search((struct search){ .subject = STR("grows"), .limit = 5000 }).n;
	assert_int_equal(all, 3000);
	while (keep_expire(&keep, 86400, 86400, 1024 * 1024))
		;
	left = search((struct search){ .subject = STR("grows"), .limit = 5000 }).n;
	assert_in_range(left, 300, 2500);
	assert_string_equal(search((struct search){ .address = STR("anna"), .limit = 1 }).ids, "g2999 ");
	/* by age: nothing is that old, then everything is */
	assert_false(keep_expire(&keep, 86400, 86400, UINT64_MAX));
	now += (int64_t)3 * 86400 * 1000000;
	keep.wall = clock_unix() + 3 * 86400;
	clock_set_unix(clock_unix() + 3 * 86400);
	while (keep_expire(&keep, 86400, 86400, UINT64_MAX))
		;
	clock_set_unix(0);
	assert_true(search((struct search){ .subject = STR("grows"), .limit = 5000 }).n < 400); /* the open block */
}

static void a_clock_that_jumps_deletes_nothing(void **state)
{
	uint64_t before;
	int i;
	char m[16];

	(void)state;
	for (i = 0; i < 500; i++) {
		snprintf(m, sizeof(m), "j%d", i);
		message(m, "tiro@rome.example", "anna@example.org", "jump");
	}
	assert_int_equal(keep_commit(&keep), 0);
	before = search((struct search){ .subject = STR("jump"), .limit = 5000 }).n;
	clock_set_unix(clock_unix() + 365 * 86400);
	assert_false(keep_expire(&keep, 86400, 86400, UINT64_MAX));
	clock_set_unix(0);
	assert_int_equal(search((struct search){ .subject = STR("jump"), .limit = 5000 }).n, before);
}

/* --- the pieces -------------------------------------------------------------------------------- */

static void fields_come_apart_and_back(void **state)
{
	static const char *const wrong[] = { "", " ", "e k", "e =v", "e k=\"x", "e k=\"x\"y", "e  k=v", "e k=v ", "\"e\"" };
	struct fields e;
	struct arena a;
	size_t i;

	(void)state;
	arena_init(&a);
	assert_int_equal(fields_parse(STR("mail s=1 t=\"a \\\"b\\\" \\x0d\\u{202e}\" e=\"\""), &e), 0);
	assert_true(str_eqc(e.event, "mail") && e.n == 3);
	assert_true(str_eqc(fields_text(&a, fields_raw(&e, "t")), "a \"b\" \r\xe2\x80\xae"));
	assert_true(fields_raw(&e, "e").p && !fields_raw(&e, "e").n);
	assert_null(fields_raw(&e, "x").p);
	for (i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(fields_parse(str_of(wrong[i]), &e), E_SYNTAX);
	arena_done(&a);
}

static void sentences_leave_out_what_is_missing(void **state)
{
	const struct event_def d = { .words = "[{a}, ]{b|none}[{c?} (again)]{d}." };
	struct fields e;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, 200);
	assert_int_equal(fields_parse(STR("x a=1 b=2 c=1 d=\"{a} [x]\""), &e), 0);
	event_words(&d, &e, &a, &b);
	assert_string_equal(buf_cstr(&b), "1, 2 (again){a} [x].");
	buf_reset(&b);
	assert_int_equal(fields_parse(STR("x a=\"\""), &e), 0);
	event_words(&d, &e, &a, &b);
	assert_string_equal(buf_cstr(&b), "none.");
	buf_done(&b);
	arena_done(&a);
}

static void sets_never_say_no_wrongly(void **state)
{
	struct block b;
	struct fields e;
	char text[200];
	int i;

	(void)state;
	block_init(&b);
	for (i = 0; i < 400; i++) {
		const struct record r = { .time = i, .level = BLOCK_INDEX, .program = STR("p"), .text = str_of(text) };

		snprintf(text, sizeof(text), "index m=\"id%d\" s=\"se%d\" to=\"Person%d@Example.org\"", i, i * 7, i);
		assert_int_equal(fields_parse(str_of(text), &e), 0);
		block_add(&b, &r, &e);
	}
	for (i = 0; i < 400; i++) {
		snprintf(text, sizeof(text), "id%d", i);
		assert_true(block_has_id(b.ids, block_id(str_of(text))));
		snprintf(text, sizeof(text), "person%d@example.org", i);
		assert_true(block_has_gram(b.grams, str_of(text)));
	}
	assert_false(block_has_gram(b.grams, STR("zzyzx")));
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "no%d", i);
		if (!block_has_id(b.ids, block_id(str_of(text))))
			break;
	}
	assert_true(i < 20);
	block_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_came_is_found_by_each_of_its_parts, begin, end),
		cmocka_unit_test_setup_teardown(what_became_of_it_later_is_known, begin, end),
		cmocka_unit_test_setup_teardown(a_forward_is_a_part_of_the_story, begin, end),
		cmocka_unit_test_setup_teardown(a_refused_message_is_told_when_its_transaction_is_over, begin, end),
		cmocka_unit_test_setup_teardown(who_got_it_sees_no_other_recipient, begin, end),
		cmocka_unit_test_setup_teardown(who_sent_it_sees_each_fate_but_no_folder, begin, end),
		cmocka_unit_test(anna_plus_something_is_anna),
		cmocka_unit_test_setup_teardown(what_was_committed_is_there_again, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_database_is_put_aside, begin, end),
		cmocka_unit_test_setup_teardown(the_oldest_go_when_there_is_too_much, begin, end),
		cmocka_unit_test_setup_teardown(a_clock_that_jumps_deletes_nothing, begin, end),
		cmocka_unit_test(fields_come_apart_and_back),
		cmocka_unit_test(sentences_leave_out_what_is_missing),
		cmocka_unit_test(sets_never_say_no_wrongly),
	};

	static const char *const files[] = { "trace.db", "trace.db-wal", "trace.db-shm", "trace.db.damaged", "trace.db.damaged-wal", "trace.db.damaged-shm" };
	size_t i;
	int code;

	if (!mkdtemp(dir))
		return 99;
	code = cmocka_run_group_tests(tests, NULL, NULL);
	if (chdir(dir) == 0)
		for (i = 0; i < ARRAY_LEN(files); i++)
			unlink(files[i]);
	rmdir(dir);
	return code;
}
