/* SPDX-License-Identifier: ISC
 *
 * Mailbox keys: names never lead out of the mail root (C12), and a key opens
 * one mailbox and no other.
 */
#include "auth/key.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void names_are_encoded_and_never_special(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} rows[] = {
		{ "anna", "anna" },
		{ "anna.b", "anna.b" },
		{ ".", "%2e" },
		{ "..", "%2e." },
		{ "../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd" },
		{ ".hidden", "%2ehidden" },
		{ "a/b", "a%2fb" },
		{ "a%2fb", "a%252fb" },
		{ "a b\t", "a%20b%09" },
		{ "a\x7f", "a%7f" },
		{ "\xc3\xa4", "\xc3\xa4" },
		{ "-rf", "-rf" },
		{ "", NULL },
	};
	char too_long[300];
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 1024);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&b);
		if (!rows[i].out) {
			assert_int_equal(key_name(str_of(rows[i].in), &b), E_SYNTAX);
			continue;
		}
		assert_int_equal(key_name(str_of(rows[i].in), &b), 0);
		assert_string_equal(buf_cstr(&b), rows[i].out);
	}
	memset(too_long, '/', sizeof(too_long));
	assert_int_equal(key_name(str_make(too_long, 86), &b), E_SYNTAX);
	assert_int_equal(key_name(STR("a\0b"), &b), 0);
	buf_done(&b);
}

static void a_missing_mailbox_is_made_once(void **state)
{
	char dir[] = "/tmp/mansio-key-XXXXXX", path[128];
	struct keys k = { .gid = -1 };
	struct stat st, again;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	k.mail = open(dir, O_PATH | O_DIRECTORY);
	fd = key_open(&k, STR("../x"), STR("example.org"));
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	close(fd);
	fd = key_open(&k, STR("../x"), STR("example.org"));
	assert_int_equal(fstat(fd, &again), 0);
	assert_true(st.st_ino == again.st_ino);
	close(fd);
	close(k.mail);
	snprintf(path, sizeof(path), "%s/example.org/%%2e.%%2fx", dir);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/example.org", dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	char dir[] = "/tmp/mansio-key-XXXXXX", path[128];
	struct keys k = { .gid = -1 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/example.org", dir);
	assert_int_equal(symlink("/tmp", path), 0);
	k.mail = open(dir, O_PATH | O_DIRECTORY);
	assert_true(key_open(&k, STR("x"), STR("example.org")) < 0);
	close(k.mail);
	unlink(path);
	rmdir(dir);
}

#define AUTH_ID 31001 /* like _auth */
#define MAIL_ID 31002 /* like _mail */

/* In the room: the key opens, its neighbour and the way up do not. */
static int room(int key)
{
	int fd;

	if (fchdir(key) != 0)
		return 10;
	fd = open("inside", O_CREAT | O_WRONLY, 0600);
	if (fd < 0)
		return 11;
	if (open("../other", O_RDONLY | O_DIRECTORY) >= 0 || open("..", O_RDONLY) >= 0)
		return 12;
	return 0;
}

static int separated(const char *dir)
{
	gid_t group = MAIL_ID;
	struct keys k = { .gid = MAIL_ID };
	struct stat st;
	int key, other;

	k.mail = open(dir, O_PATH | O_DIRECTORY);
	if (setgroups(1, &group) || setgid(AUTH_ID) || setuid(AUTH_ID))
		return 1;
	other = key_open(&k, STR("other"), STR("example.org"));
	key = key_open(&k, STR("anna"), STR("example.org"));
	if (other < 0 || key < 0 || fstat(key, &st) != 0)
		return 2;
	if ((st.st_mode & 07777) != 0070 || st.st_gid != MAIL_ID || st.st_uid != AUTH_ID)
		return 3;
	/* authd itself is locked out */
	if (openat(k.mail, "example.org/anna", O_RDONLY) >= 0)
		return 4;
	return 0;
}

/* Permission tests never run as uid 0: children drop it; the room inherits
 * the key, where in life it comes over a socket. */
static void a_key_opens_one_mailbox_for_the_group_alone(void **state)
{
	char dir[] = "/tmp/mansio-key-XXXXXX";
	int status, key, mail;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chown(dir, AUTH_ID, AUTH_ID), 0);
	pid = fork();
	if (pid == 0)
		_exit(separated(dir));
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	mail = open(dir, O_PATH | O_DIRECTORY);
	key = openat(mail, "example.org/anna", O_PATH | O_DIRECTORY);
	assert_true(key >= 0);
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(MAIL_ID) || setuid(MAIL_ID))
			_exit(20);
		_exit(room(key));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	unlinkat(key, "inside", 0);
	unlinkat(mail, "example.org/anna", AT_REMOVEDIR);
	unlinkat(mail, "example.org/other", AT_REMOVEDIR);
	unlinkat(mail, "example.org", AT_REMOVEDIR);
	close(key);
	close(mail);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_encoded_and_never_special),
		cmocka_unit_test(a_missing_mailbox_is_made_once),
		cmocka_unit_test(a_symbolic_link_is_not_followed),
		cmocka_unit_test(a_key_opens_one_mailbox_for_the_group_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
