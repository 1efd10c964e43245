/* SPDX-License-Identifier: ISC
 *
 * spool_test.c: handing a message over: what reaches queued, and what each of its
 * answers means. queued is a child of the test that answers from a script.
 */
#include "net/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

/* One question, one answer: its verb and result; file: a descriptor goes along. */
struct script {
	const char *verb, *result;
	bool file, silent;
};

static void answer(int link, const struct script *script)
{
	struct ipc_msg q, a;
	int fd;

	if (ipc_recv(link, &q))
		_exit(3);
	if (script->silent) /* hangs, then dies with the link */
		pause();
	ipc_init(&a, script->verb);
	ipc_set(&a, "id", ipc_get(&q, "id"));
	ipc_setc(&a, "result", script->result);
	if (script->file) {
		fd = memfd_create("spool", MFD_CLOEXEC);
		ipc_add_fd(&a, "file", fd);
	}
	ipc_send(link, &a);
	ipc_done(&a);
	ipc_done(&q);
}

static pid_t queued(const struct script *script, int *link_out)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(ipc_pair(pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(pair[0]);
		if (script->verb || script->silent)
			answer(pair[1], script);
		_exit(0);
	}
	close(pair[1]);
	*link_out = pair[0];
	return pid;
}

static void end(pid_t pid, int link)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(link);
}

static void a_file(void **state)
{
	static const struct {
		struct script script;
		int err;
	} row[] = {
		{ { "file", NULL, true, false }, 0 },
		{ { "file", "full", false, false }, E_FULL },
		{ { "file", "busy", false, false }, E_TEMP },
		{ { "file", "ok", false, false }, E_PEER }, /* and no file */
		{ { "file", "nonsense", false, false }, E_PEER },
		{ { "put", NULL, true, false }, E_PEER },
		{ { NULL, NULL, false, true }, E_TIMEOUT },
		{ { NULL, NULL, false, false }, E_CLOSED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int link, fd = -1;
		pid_t pid = queued(&row[i].script, &link);

		assert_int_equal(spool_file(link, &fd, deadline_in(row[i].script.silent ? 20 : 10000)), row[i].err);
		assert_int_equal(fd >= 0, !row[i].err);
		fd_close(&fd);
		end(pid, link);
	}
	assert_int_equal(spool_file(-1, NULL, DEADLINE_NEVER), E_CLOSED);
}

static void a_put(void **state)
{
	static const struct {
		struct script script;
		int err;
	} row[] = {
		{ { "put", "ok", false, false }, 0 },
		{ { "put", "exists", false, false }, E_EXISTS },
		{ { "put", "full", false, false }, E_FULL },
		{ { "put", "busy", false, false }, E_TEMP },
		{ { "put", "damaged", false, false }, E_DAMAGED },
		{ { "put", NULL, false, false }, E_PEER }, /* nothing said is no promise */
		{ { "file", "ok", false, false }, E_PEER },
		{ { NULL, NULL, false, true }, E_TIMEOUT },
		{ { NULL, NULL, false, false }, E_CLOSED },
	};
	const struct str piece[] = { STR("head\n"), STR(""), STR("content\r\n") };
	char got[32] = "";
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int link, fd = memfd_create("spool", MFD_CLOEXEC);
		pid_t pid = queued(&row[i].script, &link);

		assert_int_equal(spool_put(link, fd, STR("abc"), piece, 3,
			deadline_in(row[i].script.silent ? 20 : 10000)), row[i].err);
		assert_int_equal(pread(fd, got, sizeof got, 0), 14);
		assert_string_equal(got, "head\ncontent\r\n");
		close(fd);
		end(pid, link);
	}
}

/* What cannot be written is not handed over. */
static void no_put_of_what_failed(void **state)
{
	const struct str piece[] = { STR("head\n") };
	int pair[2], fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct ipc_msg m;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ipc_pair(pair), 0);
	assert_int_equal(spool_put(pair[0], fd, STR("abc"), piece, 1, deadline_in(1000)), E_FULL);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(spool_put(pair[0], fd, STR("abc"), piece, 1, deadline_in(1000)), -EBADF);
	close(fd);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* no fsync there */
	assert_int_equal(spool_put(pair[0], fd, STR("abc"), piece, 1, deadline_in(1000)), -EINVAL);
	close(fd);
	assert_int_equal(ipc_try_recv(pair[1], &m), -EAGAIN);
	ipc_done(&m);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file),
		cmocka_unit_test(a_put),
		cmocka_unit_test(no_put_of_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
