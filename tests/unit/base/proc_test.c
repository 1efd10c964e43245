/* SPDX-License-Identifier: ISC
 *
 * proc_test.c: start-up hygiene, titles, ends of children; and the clocks.
 */
#include "base/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define NEED(cond)                              \
	do {                                    \
		if (!(cond))                    \
			_exit(__LINE__ & 0xff); \
	} while (0)

static void in_child(void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("%s", proc_status_text(status));
}

static void hygiene(void)
{
	struct rlimit core;
	int four = dup2(1, 4), three = dup2(1, 3);

	NEED(three == 3 && four == 4);
	close(0);
	close(2);
	proc_init("a-name-longer-than-fifteen", 4);
	NEED(fcntl(0, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0 && fcntl(3, F_GETFD) >= 0);
	NEED(fcntl(4, F_GETFD) < 0);
	NEED(umask(0) == 077 && prctl(PR_GET_DUMPABLE) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	NEED(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
	NEED(strcmp(proc_name(), "a-name-longer-t") == 0);
	NEED(signal(SIGPIPE, SIG_IGN) == SIG_IGN);
}

static void test_hygiene(void **state)
{
	(void)state;
	in_child(hygiene);
}

static void with_parent(void)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	NEED(pipe(ready) == 0 && pipe(end) == 0);
	pid = fork();
	if (pid == 0) {
		if (proc_fork(true) == 0) {
			NEED(write(ready[1], "x", 1) == 1);
			pause();
		}
		NEED(read(ready[0], &byte, 1) == 1);
		_exit(0); /* takes the child along */
	}
	close(end[1]);
	NEED(waitpid(pid, NULL, 0) == pid);
	NEED(read(end[0], &byte, 1) == 0); /* no one holds the other end any more */
}

static void test_child_dies_with_its_parent(void **state)
{
	(void)state;
	in_child(with_parent);
}

static void test_ends_of_children(void **state)
{
	int status = 0;
	pid_t pid, got = 0;

	(void)state;
	assert_int_equal(proc_reap(&status), 0);
	pid = proc_fork(false);
	if (pid == 0)
		_exit(7);
	while (got == 0)
		got = proc_reap(&status);
	assert_int_equal(got, pid);
	assert_string_equal(proc_status_text(status), "exit 7");
	pid = proc_fork(false);
	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(proc_status_text(status), "signal 15 (Terminated)");
}

static void title(void)
{
	/* as the kernel lays them out: arguments, then environment */
	static char area[] = "prog\0-x\0A=1\0B=2222222222222222222222222222222222222222";
	char *argv[] = { area, area + 5, NULL }, *env[] = { area + 8, area + 12, NULL };

	environ = env;
	proc_title_init(2, argv);
	NEED(strcmp(getenv("A"), "1") == 0 && getenv("B")[0] == '2');
	proc_title("imapd %s", "a\033b");
	NEED(strcmp(area, "mansio: imapd a?b") == 0);
	proc_title("%s", "0123456789012345678901234567890123456789012345678901234567890123456789");
	NEED(memcmp(area, "mansio: 0123", 12) == 0 && strlen(area) < sizeof area);
	NEED(strcmp(getenv("A"), "1") == 0);
}

static void test_title_stays_in_its_place(void **state)
{
	(void)state;
	in_child(title);
}

static void test_signal_descriptor(void **state)
{
	static const int signals[] = { SIGUSR1, 0 };
	int fd = proc_signal_fd(signals);
	char info[128];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(read(fd, info, sizeof info), -1);
	raise(SIGUSR1);
	assert_int_equal(read(fd, info, sizeof info), 128);
	close(fd);
}

static void bug(void)
{
	close(2);
	signal(SIGILL, SIG_DFL); /* cmocka catches it */
	bug_at("file.c", 1, "never");
}

static void test_a_bug_ends_the_process(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		bug();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_clocks(void **state)
{
	int64_t before = clock_mono_ms();
	deadline d = deadline_in(100000);

	(void)state;
	assert_true(clock_mono_us() / 1000 >= before);
	assert_true(deadline_left(d) > 99000 && deadline_left(d) <= 100000);
	assert_false(deadline_passed(d));
	assert_int_equal(deadline_left(DEADLINE_NEVER), -1);
	assert_false(deadline_passed(DEADLINE_NEVER));
	assert_true(deadline_passed(deadline_in(0)));
	assert_true(deadline_passed(deadline_in(-5)));
	assert_int_equal(deadline_left(deadline_in(INT64_MAX)), INT32_MAX);
	clock_set_unix(1700000000);
	assert_int_equal(clock_unix(), 1700000000);
	clock_set_unix(0);
	assert_true(clock_unix() > 1700000000);
	assert_true(proc_cpu_ms() < 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hygiene),
		cmocka_unit_test(test_child_dies_with_its_parent),
		cmocka_unit_test(test_ends_of_children),
		cmocka_unit_test(test_title_stays_in_its_place),
		cmocka_unit_test(test_signal_descriptor),
		cmocka_unit_test(test_a_bug_ends_the_process),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
