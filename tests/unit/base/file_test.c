/* SPDX-License-Identifier: ISC
 *
 * file_test.c: nothing leaves the directory (C12), and the durable write
 * leaves nothing behind.
 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static int dir = -1;
static char dir_path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir_path, sizeof dir_path, "/tmp/mansio-file-XXXXXX");
	if (!mkdtemp(dir_path))
		return -1;
	dir = open(dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	fd_close(&dir);
	snprintf(command, sizeof command, "rm -rf '%s'", dir_path);
	return system(command);
}

static size_t entries(void)
{
	DIR *d = opendir(dir_path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void content_is(const char *path, const char *text)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(file_load(dir, path, &b), 0);
	assert_string_equal(buf_cstr(&b), text);
	buf_done(&b);
}

static void test_no_path_leaves_the_directory(void **state)
{
	static const char *const bad[] = { "/etc/passwd", "../x", "sub/../../x", "link/passwd", "link" };
	char secret[80];

	(void)state;
	assert_int_equal(file_mkdir(dir, "sub", 0700), 0);
	assert_int_equal(symlinkat("/etc", dir, "link"), 0);
	snprintf(secret, sizeof secret, "%s/sub", dir_path);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(file_open(dir, bad[i], O_RDONLY, 0) < 0);
		assert_true(file_open(dir, bad[i], O_RDWR | O_CREAT, 0600) < 0);
		assert_true(file_open_dir(dir, bad[i]) < 0);
		assert_true(file_open_path(dir, bad[i]) < 0);
		assert_true(file_tmp(dir, bad[i], 0600) < 0);
		if (strcmp(bad[i], "link") == 0)
			continue;
		assert_true(file_replace(dir, bad[i], STR("x"), 0600) < 0);
		assert_true(file_mkdir(dir, bad[i], 0700) < 0);
		assert_true(file_rename(dir, "sub", bad[i]) < 0);
		assert_true(file_rename(dir, bad[i], "stolen") < 0);
	}
	assert_true(file_unlink(dir, "../x") == -EXDEV);
	assert_int_equal(file_unlink(dir, "sub/.."), -EINVAL);
	assert_int_equal(file_open(dir, "link/x", O_RDONLY, 0), -ELOOP);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void test_replace_is_whole_and_leaves_nothing(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(dir, "a", STR("one"), 0640), 0);
	content_is("a", "one");
	assert_int_equal(file_replace(dir, "a", STR(""), 0600), 0);
	content_is("a", "");
	assert_int_equal(file_mkdir(dir, "sub", 0700), 0);
	assert_int_equal(file_replace(dir, "sub/b", STR("two"), 0600), 0);
	content_is("sub/b", "two");
	assert_int_equal(entries(), 2);
	/* a link in the last place is replaced, never followed */
	assert_int_equal(symlinkat("a", dir, "alias"), 0);
	assert_int_equal(file_replace(dir, "alias", STR("new"), 0600), 0);
	content_is("a", "");
	assert_int_equal(fstatat(dir, "alias", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(file_replace(dir, "sub", STR("x"), 0600), -EISDIR);
	assert_int_equal(file_replace(dir, "none/x", STR("x"), 0600), -ENOENT);
	assert_int_equal(entries(), 3);
}

static void test_read_limit(void **state)
{
	struct buf b;
	int fd;

	(void)state;
	assert_int_equal(file_replace(dir, "a", STR("0123456789"), 0600), 0);
	buf_init(&b, 10);
	assert_int_equal(file_load(dir, "a", &b), 0);
	assert_int_equal(b.n, 10);
	buf_done(&b);
	buf_init(&b, 9);
	assert_int_equal(file_load(dir, "a", &b), E_LIMIT);
	assert_int_equal(b.n, 0);
	buf_done(&b);
	buf_init(&b, 10);
	buf_c(&b, 'x');
	assert_int_equal(file_load(dir, "a", &b), E_LIMIT);
	assert_string_equal(buf_cstr(&b), "x");
	assert_int_equal(file_load(dir, "none", &b), -ENOENT);
	fd = file_open_dir(dir, ".");
	assert_int_equal(file_read_all(fd, &b), E_UNSUPPORTED);
	close(fd);
	buf_done(&b);
	/* no size is known beforehand */
	buf_init(&b, 100000);
	fd = open("/proc/self/status", O_RDONLY);
	assert_int_equal(file_read_all(fd, &b), 0);
	assert_true(b.n > 100);
	close(fd);
	buf_done(&b);
}

static void test_a_fifo_does_not_hang(void **state)
{
	struct buf b;

	(void)state;
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	buf_init(&b, 10);
	assert_int_equal(file_load(dir, "fifo", &b), E_UNSUPPORTED);
	buf_done(&b);
}

static void test_anonymous_file_is_published_by_link(void **state)
{
	char bytes[4];
	int fd;

	(void)state;
	assert_int_equal(file_mkdir(dir, "tmp", 0700), 0);
	assert_int_equal(file_mkdir(dir, "cur", 0700), 0);
	fd = file_tmp(dir, "tmp", 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, "mail", 4), 0);
	assert_int_equal(file_fsync(fd), 0);
	assert_int_equal(entries(), 2);
	assert_int_equal(file_link(fd, dir, "cur/m"), 0);
	assert_int_equal(file_link(fd, dir, "cur/m"), E_EXISTS);
	assert_int_equal(file_link(fd, dir, "../m"), -EXDEV);
	assert_int_equal(file_link(fd, dir, "none/m"), -ENOENT);
	assert_int_equal(file_fsync_dir(dir, "cur"), 0);
	content_is("cur/m", "mail");
	assert_int_equal(file_pread_all(fd, bytes, 4, 0), 0);
	assert_int_equal(file_pread_all(fd, bytes, 4, 1), E_DAMAGED);
	close(fd);
	assert_int_equal(file_unlink(dir, "cur/m"), 0);
	assert_int_equal(file_unlink(dir, "cur/m"), 0);
	assert_int_equal(file_unlink(dir, "none/m"), 0);
}

static void test_named_temporary(void **state)
{
	struct buf name;
	int fd;

	(void)state;
	assert_int_equal(file_mkdir(dir, "tmp", 0700), 0);
	buf_init(&name, 100);
	fd = file_tmp_named(dir, "tmp", 0600, &name);
	assert_true(fd >= 0);
	assert_true(str_starts(buf_view(&name), "tmp/.tmp-"));
	assert_int_equal(file_write_all(fd, "x", 1), 0);
	assert_int_equal(file_rename(dir, buf_cstr(&name), "there"), 0);
	content_is("there", "x");
	close(fd);
	buf_done(&name);
	buf_init(&name, 5);
	assert_int_equal(file_tmp_named(dir, "tmp", 0600, &name), E_LIMIT);
	buf_done(&name);
	assert_int_equal(unlinkat(dir, "tmp", AT_REMOVEDIR), 0); /* nothing left in it */
}

static void test_only_what_a_write_left_is_temporary(void **state)
{
	static const char *const left[] = { "a.key.tmp-0123456789az", ".tmp-abcdefghijkl", "x.tmp-a.tmp-abcdefghijkl" };
	static const char *const ours[] = { "", "a.key", "tmp-abcdefghijkl", "a.tmp-", "a.tmp-b", "a.tmp-abcdefghijkl.key", "a.tmp-abcdefghijk",
		"a.tmp-abcdefghijklm", "a.tmp-ABCDEFGHIJKL", "a.tmp-abcdefgh.key", "a.tmp" };
	struct buf name;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < ARRAY_LEN(left); i++)
		assert_true(file_is_tmp(left[i]));
	for (i = 0; i < ARRAY_LEN(ours); i++)
		assert_false(file_is_tmp(ours[i]));
	buf_init(&name, 100);
	fd = file_tmp_named(dir, ".", 0600, &name); /* what is made has such a name */
	assert_true(fd >= 0 && file_is_tmp(buf_cstr(&name)));
	close(fd);
	assert_int_equal(file_unlink(dir, buf_cstr(&name)), 0);
	buf_done(&name);
}

static void test_mkdir_tells_what_is_there(void **state)
{
	(void)state;
	assert_int_equal(file_mkdir(dir, "d", 0700), 0);
	assert_int_equal(file_mkdir(dir, "d", 0700), E_EXISTS);
	assert_int_equal(file_mkdir(dir, "", 0700), -EINVAL);
	assert_int_equal(file_mkdir(dir, ".", 0700), -EINVAL);
	assert_int_equal(file_mkdir(dir, "d/..", 0700), -EINVAL);
}

static void test_lock_has_a_deadline(void **state)
{
	int one = file_open_dir(dir, "."), two = file_open_dir(dir, ".");

	(void)state;
	assert_int_equal(file_lock(one, true, DEADLINE_NEVER), 0);
	assert_int_equal(file_lock(two, false, deadline_in(20)), E_TIMEOUT);
	file_unlock(one);
	assert_int_equal(file_lock(two, false, deadline_in(20)), 0);
	assert_int_equal(file_lock(one, false, deadline_in(20)), 0);
	assert_int_equal(file_lock(one, true, deadline_in(0)), E_TIMEOUT);
	close(one);
	close(two);
	assert_int_equal(file_lock(-1, true, DEADLINE_NEVER), -EBADF);
}

/* A waiter gets the lock as soon as it is free, and an alarm that was set goes on. */
static void test_lock_wakes_at_once(void **state)
{
	int one = file_open_dir(dir, "."), two, ready[2];
	struct itimerval it = { { 0, 0 }, { 3600, 0 } };
	int64_t freed, got;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(file_lock(one, true, DEADLINE_NEVER), 0);
	pid = fork();
	if (pid == 0) {
		two = file_open_dir(dir, ".");
		setitimer(ITIMER_REAL, &it, NULL);
		if (file_lock(two, true, deadline_in(60000)))
			_exit(1);
		got = clock_mono_us();
		getitimer(ITIMER_REAL, &it);
		if (it.it_value.tv_sec < 3000 || it.it_interval.tv_usec)
			_exit(2);
		_exit(write(ready[1], &got, sizeof got) == sizeof got ? 0 : 3);
	}
	usleep(100000);
	freed = clock_mono_us();
	file_unlock(one);
	assert_int_equal(read(ready[0], &got, sizeof got), sizeof got);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(got >= freed && got < freed + 1000000);
	close(one);
	close(ready[0]);
	close(ready[1]);
}

static void test_descriptors_are_close_on_exec(void **state)
{
	int fd = file_open(dir, "x", O_RDWR | O_CREAT, 0600), none = -1;

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_nonblock(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&none);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_path_leaves_the_directory),
		T(test_replace_is_whole_and_leaves_nothing),
		T(test_read_limit),
		T(test_a_fifo_does_not_hang),
		T(test_anonymous_file_is_published_by_link),
		T(test_named_temporary),
		T(test_only_what_a_write_left_is_temporary),
		T(test_mkdir_tells_what_is_there),
		T(test_lock_has_a_deadline), T(test_lock_wakes_at_once),
		T(test_descriptors_are_close_on_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
