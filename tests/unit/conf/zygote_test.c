/* SPDX-License-Identifier: ISC
 *
 * zygote_test.c: a zygote as a process of its own, with this test as its master,
 * its authd and its front.
 */
#include "conf/zygote.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"

#define WAIT_MS 10000

/* --- the zygote's side ------------------------------------------------------- */

static void reply(int link, const char *verb)
{
	struct ipc_msg m;

	ipc_init(&m, verb);
	ipc_send(link, &m);
	ipc_done(&m);
}

static int on_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	struct zygote_job *j;
	struct ipc_msg q;

	if (strcmp(from->name, "front") || !ipc_is(m, "work"))
		return E_PEER;
	j = zygote_job_new(z, from, m, "job");
	if (!j) {
		reply(from->fd, "full");
		return 0;
	}
	ipc_init(&q, "ask");
	ipc_set_u64(&q, "id", j->id);
	ipc_send(z->authd, &q);
	ipc_done(&q);
	return 0;
}

/* Writes how many descriptors it has besides the standard ones. */
static void work(struct zygote_child *c)
{
	int client = ipc_take_fd(&c->job->m, "client"), fd, n = 0;
	char text[20];

	for (fd = 3; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	snprintf(text, sizeof text, "%d", n);
	reply(c->link, "taken");
	file_write_all(client, text, strlen(text));
}

static int on_answer(struct zygote *z, struct ipc_msg *m)
{
	struct zygote_job *j;
	uint64_t id;

	if (ipc_get_u64(m, "id", UINT64_MAX, &id))
		return E_PEER;
	j = zygote_job_find(z, id);
	if (j)
		zygote_fork(z, j, ipc_is(m, "link") ? ZYGOTE_PARENT_LINK : 0, NULL, 0, work, NULL);
	return 0;
}

static void on_failed(struct zygote *z, struct zygote_job *j, int err)
{
	(void)z;
	reply(j->link, err == E_TIMEOUT ? "late" : "lost");
}

static void on_peer(struct zygote *z, const char *name, int fd)
{
	(void)z;
	(void)name;
	close(fd);
}

static const struct zygote_ops ops = { on_request, on_answer, on_failed, on_peer, NULL };

NORETURN static void be_zygote(int control)
{
	static char name[] = "test", *argv[] = { name, NULL };
	static struct zygote z;
	struct zygote_options opt = { .max_children = 2, .renew_after = 2 };

	if (dup2(control, PROGRAM_CONTROL_FD) < 0)
		_exit(2);
	zygote_start(&z, "test", &ops, 1, argv);
	zygote_init(&z, &opt);
	zygote_run(&z);
}

/* --- the test's side ----------------------------------------------------------- */

static int master, authd, front;
static pid_t zygote;

static void send_fd(int sock, const char *verb, const char *name, const char *fd_name, int fd)
{
	struct ipc_msg m;

	ipc_init(&m, verb);
	ipc_setc(&m, "name", name);
	ipc_set_u64(&m, "instance", 1);
	ipc_add_fd(&m, fd_name, fd);
	assert_int_equal(ipc_send(sock, &m), 0);
	ipc_done(&m);
}

/* A link of that kind, made by the master: our end. */
static int give_link(const char *verb, const char *name)
{
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	send_fd(master, verb, name, "fd", pair[1]);
	close(pair[1]);
	return pair[0];
}

static void expect(int sock, const char *verb, struct ipc_msg *out)
{
	do {
		assert_int_equal(ipc_recv_until(sock, out, deadline_in(WAIT_MS)), 0);
	} while (ipc_is(out, "status") && strcmp(verb, "status"));
	assert_true(ipc_is(out, verb));
}

static void expect_only(int sock, const char *verb)
{
	struct ipc_msg m;

	expect(sock, verb, &m);
	ipc_done(&m);
}

static void start_with(const char *settings)
{
	struct ipc_msg m;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	zygote = fork();
	assert_true(zygote >= 0);
	if (!zygote) {
		close(pair[0]);
		be_zygote(pair[1]);
	}
	close(pair[1]);
	master = pair[0];
	ipc_init(&m, "start");
	ipc_setc(&m, "name", "test");
	ipc_setc(&m, "settings", settings);
	assert_int_equal(ipc_send(master, &m), 0);
	ipc_done(&m);
	expect_only(master, "ready");
	authd = give_link("peer", "authd");
	front = give_link("client", "front");
}

static void start(void)
{
	start_with("[limit]\nhandover = 60s\n");
}

/* Hands one unit of work over; returns the client's end. */
static int hand_over(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	send_fd(front, "work", "x", "client", pair[1]);
	close(pair[1]);
	return pair[0];
}

static void answer(const char *verb)
{
	struct ipc_msg q, m;
	uint64_t id;

	expect(authd, "ask", &q);
	assert_int_equal(ipc_get_u64(&q, "id", UINT64_MAX, &id), 0);
	ipc_init(&m, verb);
	ipc_set_u64(&m, "id", id);
	assert_int_equal(ipc_send(authd, &m), 0);
	ipc_done(&m);
	ipc_done(&q);
}

/* What the child wrote until it ended. */
static void expect_text(int client, const char *text)
{
	char got[100];
	size_t n = 0;
	ssize_t r;

	while ((r = read(client, got + n, sizeof got - 1 - n)) > 0)
		n += (size_t)r;
	got[n] = '\0';
	assert_string_equal(got, text);
	close(client);
}

static void stop(void)
{
	int status;

	close(front);
	send_fd(master, "stop", "x", "none", authd);
	close(authd);
	assert_int_equal(waitpid(zygote, &status, 0), zygote);
	assert_int_equal(status, 0);
	close(master);
}

/* C28: a child has its client and its link, and nothing of the parent's */
static void a_child_has_only_its_own_descriptors(void **state)
{
	int one, two;

	(void)state;
	start();
	one = hand_over();
	answer("ok");
	expect_only(front, "taken");
	expect_text(one, "2");
	two = hand_over();
	answer("link");
	expect_only(front, "taken");
	expect_text(two, "3");
	expect_only(master, "renew"); /* after two forks */
	stop();
}

static void jobs_are_limited_and_have_a_deadline(void **state)
{
	int one, two, three;

	(void)state;
	start_with("[limit]\nhandover = 2s\n");
	one = hand_over();
	two = hand_over();
	three = hand_over();
	expect_only(front, "full");
	expect_text(three, "");
	expect_only(front, "late");
	expect_only(front, "late");
	expect_text(one, "");
	expect_text(two, "");
	stop();
}

static void the_end_of_authd_fails_the_jobs(void **state)
{
	int one, two;

	(void)state;
	start();
	one = hand_over();
	expect_only(authd, "ask");
	close(authd);
	expect_only(front, "lost");
	expect_text(one, "");
	authd = give_link("peer", "authd");
	two = hand_over();
	answer("ok");
	expect_only(front, "taken");
	expect_text(two, "2");
	stop();
}

static void a_client_that_breaks_the_rules_is_dropped_alone(void **state)
{
	struct ipc_msg m;
	int other, one;

	(void)state;
	start();
	other = give_link("client", "smtpd");
	reply(other, "work");
	assert_int_equal(ipc_recv_until(other, &m, deadline_in(WAIT_MS)), E_CLOSED);
	ipc_done(&m);
	close(other);
	one = hand_over();
	answer("ok");
	expect_only(front, "taken");
	expect_text(one, "2");
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_has_only_its_own_descriptors),
		cmocka_unit_test(jobs_are_limited_and_have_a_deadline),
		cmocka_unit_test(the_end_of_authd_fails_the_jobs),
		cmocka_unit_test(a_client_that_breaks_the_rules_is_dropped_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
