/* SPDX-License-Identifier: ISC
 *
 * hibernate_test.c: a session falls asleep and is woken; the test is front. What a text
 * from there may do at most is BYE.
 */
#include "imap/session.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"

#define WAIT_MS 20000

static char home[] = "/tmp/mansio-asleep-XXXXXX";
static struct conf *conf;

/* What front holds of the session. */
static struct {
	int client, lease, notify;
	pid_t pid;
	struct buf seen;
	struct ipc_msg m; /* of the last sleep */
	struct handover h;
} f;

static void serve(struct handover *h, const char *user, int client, int lease, int notify)
{
	struct store_options opt = { .host = "test.example", .lock_timeout_ms = 10000, .notify = true,
		.notified = notify };
	struct stream st;
	struct store *store;

	opt.key = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	stream_init(&st, client, lease, (size_t)conf->imap_line_length + 2, 10000);
	if (stream_unread(&st, h->command) || store_open(&opt, &store))
		_exit(3);
	imap_session_run(&st, store, conf, h, str_of(user), NULL);
	store_close(store);
	stream_done(&st);
}

/* A room of its own for h, whose ticket authd has said to be this user's. */
static void room(struct handover *h, const char *user)
{
	int s[2], l[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(ipc_pair(l), 0);
	f.pid = fork();
	assert_true(f.pid >= 0);
	if (!f.pid) {
		close(s[0]);
		close(l[0]);
		serve(h, user, s[1], l[1], f.notify);
		_exit(0);
	}
	close(s[1]);
	close(l[1]);
	fd_close(&f.notify);
	f.client = s[0];
	f.lease = l[0];
	buf_reset(&f.seen);
}

static struct handover fresh(void)
{
	return (struct handover){ .id = STR("testsession1"), .service = STR("imaps"), .tag = STR("0"),
		.ticket = STR("t1"), .may_sleep = true };
}

static void say(const char *text)
{
	assert_int_equal(write(f.client, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads until the text is seen; "": until the end. */
static void expect(const char *text)
{
	char part[4096];
	ssize_t n;

	while (!*text || str_search(buf_view(&f.seen), str_of(text)) < 0) {
		struct pollfd p = { .fd = f.client, .events = POLLIN };

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		n = read(f.client, part, sizeof(part));
		if (n <= 0 && !*text)
			return;
		assert_true(n > 0);
		buf_add(&f.seen, part, (size_t)n);
	}
}

static bool saw(const char *text)
{
	return str_search(buf_view(&f.seen), str_of(text)) >= 0;
}

static void room_ends(void)
{
	int status;

	assert_int_equal(waitpid(f.pid, &status, 0), f.pid);
	assert_int_equal(status, 0);
	f.pid = 0;
	fd_close(&f.client);
	fd_close(&f.lease);
}

/* Takes the session from the room. */
static void take_sleeper(void)
{
	int fd;

	ipc_done(&f.m);
	assert_int_equal(ipc_recv_until(f.lease, &f.m, deadline_in(WAIT_MS)), 0);
	assert_true(ipc_is(&f.m, "sleep"));
	assert_int_equal(handover_parse(&f.m, &f.h), 0);
	f.notify = ipc_take_fd(&f.m, "notify");
	fd = ipc_take_fd(&f.m, "client");
	assert_true(f.notify >= 0 && fd >= 0);
	close(fd);
	room_ends();
}

static void fall_asleep(void)
{
	struct handover h = fresh();

	room(&h, "anna@example.org");
	say("a SELECT INBOX\r\nb IDLE\r\n");
	expect("+ idling");
	take_sleeper();
}

static void test_sleeps_and_goes_on(void **state)
{
	(void)state;
	fall_asleep();
	assert_true(str_eqc(f.h.tag, "b") && f.h.idle_left > 0 && f.h.look.n);
	assert_true(str_eqc(f.h.ticket, "t1") && str_eqc(f.h.id, "testsession1"));
	f.h.command = STR("DONE\r\nc NOOP\r\nd LOGOUT\r\n");
	room(&f.h, "anna@example.org");
	expect("");
	assert_true(saw("b OK Idle completed") && saw("c OK") && saw("d OK"));
	assert_false(saw("+ idling") || saw("Logged in"));
	room_ends();
}

static void test_sleeps_again_in_the_same_idle(void **state)
{
	int i;

	(void)state;
	fall_asleep();
	for (i = 0; i < 3; i++) {
		room(&f.h, "anna@example.org");
		take_sleeper();
		assert_int_equal(f.seen.n, 0);
		assert_true(str_eqc(f.h.tag, "b"));
	}
	fd_close(&f.notify);
}

static void test_another_accounts_text_is_refused(void **state)
{
	(void)state;
	fall_asleep();
	f.h.command = STR("DONE\r\nc FETCH 1:* FLAGS\r\n");
	room(&f.h, "ben@example.org");
	expect("");
	assert_true(str_starts(buf_view(&f.seen), "* BYE "));
	assert_false(saw("OK") || saw("FETCH"));
	room_ends();
}

static void test_hostile_texts_end_in_bye(void **state)
{
	static const char *const bad[] = { "x", "mansio 1 imap-asleep\n", "mansio 1 imap-asleep\nuser=anna@example.org\n",
		"mansio 1 other\nuser=anna@example.org\n", "mansio 2 imap-asleep\nuser=anna@example.org\n",
		"mansio 1 imap-asleep\nuser=anna@example.org\ncommands=1\nfetched=-1\nappended=0\nexpunged=0\n",
		"mansio 1 imap-asleep\nuser=anna@example.org\ncommands=1\nfetched=1\nappended=0\nexpunged=0\nview=1 2\n" };
	struct handover h = fresh();
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		h.state = str_of(bad[i]);
		h.command = STR("DONE\r\nc NOOP\r\n");
		f.notify = -1;
		room(&h, "anna@example.org");
		expect("");
		assert_true(str_starts(buf_view(&f.seen), "* BYE "));
		assert_false(saw("OK"));
		room_ends();
	}
}

static void test_without_a_mailbox(void **state)
{
	struct handover h = fresh();

	(void)state;
	room(&h, "anna@example.org");
	say("b IDLE\r\n");
	take_sleeper();
	assert_int_equal(f.h.look.n, 0);
	f.h.tag = STR_NONE; /* front has answered its DONE */
	f.h.command = STR("c CHECK\r\nd NOOP\r\ne LOGOUT\r\n");
	room(&f.h, "anna@example.org");
	expect("");
	assert_true(saw("c BAD") && saw("d OK") && !saw("b "));
	room_ends();
}

static void stays_awake(struct handover h)
{
	struct pollfd p;

	room(&h, "anna@example.org");
	say("b IDLE\r\n");
	expect("+ idling");
	p = (struct pollfd){ .fd = f.lease, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 3 * (int)conf->imap_hibernate_after), 0);
	say("DONE\r\nc LOGOUT\r\n");
	expect("c OK");
	room_ends();
}

static void test_reasons_to_stay_awake(void **state)
{
	struct handover h = fresh();

	(void)state;
	h.may_sleep = false;
	stays_awake(h);
	h.may_sleep = true;
	h.ticket = STR_NONE;
	stays_awake(h);
}

/* A notify socket that is none of ours is not used, and nothing is harmed. */
static void test_a_foreign_notify_socket(void **state)
{
	(void)state;
	fall_asleep();
	fd_close(&f.notify);
	f.notify = open("/dev/null", O_RDONLY | O_CLOEXEC);
	room(&f.h, "anna@example.org");
	take_sleeper();
	f.h.command = STR("DONE\r\nc LOGOUT\r\n");
	room(&f.h, "anna@example.org");
	expect("");
	assert_true(saw("b OK") && saw("c OK"));
	room_ends();
}

static int setup(void **state)
{
	struct buf errors;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	buf_init(&errors, 4096);
	if (!mkdtemp(home) || conf_parse(STR("[imap]\nhibernate_after = 100ms\n"), "test", &errors, &conf))
		return -1;
	buf_done(&errors);
	buf_init(&f.seen, 1 << 20);
	f.notify = f.client = f.lease = -1;
	ipc_init(&f.m, "none");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	ipc_done(&f.m);
	buf_done(&f.seen);
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleeps_and_goes_on), cmocka_unit_test(test_sleeps_again_in_the_same_idle),
		cmocka_unit_test(test_another_accounts_text_is_refused), cmocka_unit_test(test_hostile_texts_end_in_bye),
		cmocka_unit_test(test_without_a_mailbox), cmocka_unit_test(test_reasons_to_stay_awake),
		cmocka_unit_test(test_a_foreign_notify_socket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
