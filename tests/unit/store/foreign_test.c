/* SPDX-License-Identifier: ISC
 *
 * foreign_test.c: other programs write the Maildir, and several of ours at
 * once: what they did is seen with the next call, and no message ever appears
 * below a UID that was shown.
 */
#include "box.h"

#include <signal.h>

static void test_new_mail_is_adopted(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	struct arena a;
	char path[600];

	arena_init(&a);
	v = box_select(b, "INBOX");
	box_foreign(b, "new", "1700000001.M1P1.host", "one");
	c = box_sync(v, &a);
	assert_true(c.exists);
	assert_int_equal(v->n, 1);
	assert_int_equal(v->recent, 1);
	box_find(b, "cur", "1700000001.M1P1.host,S=", path);
	assert_non_null(strstr(path, ",W="));
	assert_non_null(strstr(path, ",M=1."));
	/* mutt leaves files with flags in new/, maildrop none */
	box_foreign(b, "new", "1700000003.M2P1.host:2,S", "two");
	box_foreign(b, "new", "1700000002.M2P1.host", "two");
	c = box_sync(v, &a);
	assert_int_equal(v->n, 3);
	assert_int_equal(v->rec[1].internaldate, 1700000002);
	assert_int_equal(v->rec[2].flags & 31, STORE_SEEN);
	c = box_sync(v, &a);
	assert_false(c.exists);
	store_deselect(v);
	arena_done(&a);
}

/* Renames a message's file as in the tick of our own change: cur/ looks as the index knows it. */
static void rename_unseen(struct box *b, const char *flags)
{
	char from[600], to[610], dir[100];
	struct stat st;
	struct timespec ts[2];

	snprintf(dir, sizeof(dir), "%s/Maildir/cur", b->dir);
	assert_int_equal(stat(dir, &st), 0);
	box_find(b, "cur", ":2,", from);
	snprintf(to, sizeof(to), "%.*s:2,%s", (int)(strstr(from, ":2,") - from), from, flags);
	assert_int_equal(rename(from, to), 0);
	ts[0] = ts[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, dir, ts, 0), 0);
}

static void test_a_rename_that_nothing_shows_is_found(void **state)
{
	struct box *b = *state;
	struct store_copied copied;
	struct store_view *v;
	struct store_msg m;
	uint32_t index = 0;
	struct arena a;

	arena_init(&a);
	box_save(b, "INBOX", "one", 0);
	v = box_select(b, "INBOX");
	rename_unseen(b, "F");
	assert_int_equal(store_msg_open(v, 0, &m), 0);
	store_msg_close(&m);
	rename_unseen(b, "FS");
	assert_int_equal(store_copy(v, &index, 1, STR("Archive"), false, &a, &copied), 0);
	assert_int_equal(copied.n, 1);
	rename_unseen(b, "");
	assert_int_equal(store_copy(v, &index, 1, STR("Archive"), true, &a, &copied), 0);
	assert_int_equal(copied.n, 1);
	store_deselect(v);
	v = box_select(b, "Archive");
	assert_int_equal(v->n, 2);
	store_deselect(v);
	/* removed is removed */
	box_save(b, "INBOX", "two", STORE_DELETED);
	v = box_select(b, "INBOX");
	rename_unseen(b, "FT");
	assert_int_equal(store_expunge(v, NULL, 0), 0);
	store_deselect(v);
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 0);
	store_deselect(v);
	arena_done(&a);
}

static void test_many_files_in_one_tick(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	struct arena a;
	char name[64];
	uint32_t i;

	arena_init(&a);
	v = box_select(b, "INBOX");
	for (i = 1; i <= 200; i++) {
		snprintf(name, sizeof(name), "17000000%02u.M%uP1.host:2,", i % 50, i);
		box_foreign(b, i % 2 ? "new" : "cur", name, "x");
		c = box_sync(v, &a);
		assert_true(c.exists);
		assert_int_equal(v->n, i);
		assert_int_equal(v->rec[i - 1].uid, i);
	}
	store_deselect(v);
	arena_done(&a);
}

static void test_foreign_flag_change(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	struct str kw = STR("Work");
	uint32_t *changed, index = 0;
	char path[600], to[700];
	struct arena a;
	size_t n;
	bool gone;
	char *flags;

	arena_init(&a);
	box_save(b, "INBOX", "x", 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, 0, &kw, 1, &a, &changed, &n, &gone), 0);
	box_find(b, "cur", "M=1.", path);
	snprintf(to, sizeof(to), "%s", path);
	flags = strstr(to, ":2,");
	/* flags, our keyword letter, one that nobody defined, Dovecot's tail */
	snprintf(flags, 40, ":2,FSaz,k=1f");
	assert_int_equal(rename(path, to), 0);
	c = box_sync(v, &a);
	assert_int_equal(c.nchanged, 1);
	assert_int_equal(v->rec[0].uid, 1);
	assert_int_equal(v->rec[0].flags & 31, STORE_FLAGGED | STORE_SEEN);
	assert_int_equal(v->rec[0].keywords, 1);
	store_deselect(v);
	arena_done(&a);
}

static void copy_file(const char *from, const char *to)
{
	assert_int_equal(link(from, to), 0);
}

static void test_copies_get_a_uid_of_their_own(void **state)
{
	struct box *b = *state;
	struct store_view *v, *t;
	struct store_changes c;
	char path[600], to[900];
	struct arena a;

	arena_init(&a);
	box_save(b, "INBOX", "one", STORE_SEEN);
	box_save(b, "INBOX", "two", 0);
	v = box_select(b, "INBOX");
	box_find(b, "cur", "M=1.", path);
	/* cp within the folder: the UID twice */
	snprintf(to, sizeof(to), "%s/Maildir/cur/0copy%s", b->dir, strrchr(path, '/') + 1);
	copy_file(path, to);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 0);
	assert_int_equal(v->n, 3);
	assert_int_equal(v->rec[2].uid, 3);
	/* into another folder: a tag that is not its own; the letter means nothing there */
	snprintf(to, sizeof(to), "%s/Maildir/.Archive/cur/%sab", b->dir, strrchr(path, '/') + 1);
	copy_file(path, to);
	t = box_select(b, "Archive");
	assert_int_equal(t->n, 1);
	assert_int_equal(t->rec[0].uid, 1);
	assert_int_equal(t->rec[0].flags & 31, STORE_SEEN);
	assert_int_equal(t->rec[0].keywords, 0);
	assert_int_equal(store_rebuild(b->s), 0);
	c = box_sync(v, &a);
	assert_int_equal(v->n, 3);
	store_deselect(t);
	store_deselect(v);
	arena_done(&a);
}

static void test_rm_and_put_back(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	char path[600], aside[200];
	struct arena a;

	arena_init(&a);
	box_save(b, "INBOX", "one", 0);
	box_save(b, "INBOX", "two", 0);
	v = box_select(b, "INBOX");
	box_find(b, "cur", "M=1.", path);
	snprintf(aside, sizeof(aside), "%s/aside", b->dir);
	assert_int_equal(rename(path, aside), 0);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(c.expunged_uid[0], 1);
	/* A client was told that 1 is gone: it comes back as a new message. */
	assert_int_equal(rename(aside, path), 0);
	c = box_sync(v, &a);
	assert_true(c.exists);
	assert_int_equal(v->n, 2);
	assert_int_equal(v->rec[1].uid, 3);
	store_deselect(v);
	arena_done(&a);
}

static void test_uid_above_the_mark_is_foreign(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	char path[600], to[700], *m;

	box_save(b, "INBOX", "one", 0);
	box_find(b, "cur", "M=1.", path);
	snprintf(to, sizeof(to), "%s", path);
	m = strstr(to, ",M=1.");
	snprintf(m, 100, ",M=4000000000.%s", strstr(path, ",M=1.") + 5);
	assert_int_equal(rename(path, to), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 1);
	assert_int_equal(v->rec[0].uid, 2);
	store_deselect(v);
}

static void test_foreign_maildir_folder(void **state)
{
	struct box *b = *state;
	struct store_folder *f;
	struct store_view *v;
	struct arena a;
	size_t n, i;
	bool found = false;

	arena_init(&a);
	assert_int_equal(mkdir("Maildir/.Lists.dev", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Lists.dev/cur", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Lists.dev/new", 0700), 0);
	assert_int_equal(mkdir("Maildir/.Lists.dev/tmp", 0700), 0);
	assert_int_equal(mkdir("Maildir/.bad&name", 0700), 0);
	box_foreign(b, ".Lists.dev/cur", "1600000000.V1I2.old,S=35:2,RS", "x");
	assert_int_equal(store_folders(b->s, &a, &f, &n), 0);
	for (i = 0; i < n; i++) {
		found = found || str_eqc(f[i].name, "Lists/dev");
		assert_true(str_search(f[i].name, STR("bad")) < 0);
	}
	assert_true(found);
	v = box_select(b, "Lists/dev");
	assert_int_equal(v->n, 1);
	assert_int_equal(v->rec[0].flags & 31, STORE_SEEN | STORE_ANSWERED);
	store_deselect(v);
	arena_done(&a);
}

static void test_own_writes_cause_no_scan(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	struct arena a;
	char path[600];

	arena_init(&a);
	box_save(b, "INBOX", "one", 0);
	v = box_select(b, "INBOX");
	usleep(30000);
	c = box_sync(v, &a);
	/* A foreign change in the same instant as ours would hide behind our
	 * mtime; it is found when the instant is over. */
	box_save(b, "INBOX", "two", 0);
	box_find(b, "cur", "M=1.", path);
	unlink(path);
	usleep(60000);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(v->n, 1);
	store_deselect(v);
	arena_done(&a);
}

enum { SAVERS = 8, EACH = 40 };

static void saver(const char *dir)
{
	struct box b = { 0 };
	int i;

	snprintf(b.dir, sizeof(b.dir), "%s", dir);
	box_reopen(&b);
	for (i = 0; i < EACH; i++)
		box_save(&b, "INBOX", "x", 0);
	store_close(b.s);
	_exit(0);
}

static void test_no_uid_below_one_shown(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_changes c;
	uint32_t last = 0, i, n = 0;
	struct arena a;
	int status, left = SAVERS, rounds = 0;

	for (i = 0; i < SAVERS; i++)
		if (fork() == 0)
			saver(b->dir);
	arena_init(&a);
	v = box_select(b, "INBOX");
	while (left || v->n < SAVERS * EACH) {
		c = box_sync(v, &a);
		assert_int_equal(c.nexpunged, 0);
		for (i = n; i < v->n; i++) {
			assert_true(v->rec[i].uid > last);
			last = v->rec[i].uid;
		}
		n = v->n;
		if (rounds++ % 200 == 199)
			unlink("index/data.mdb");
		if (left && waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			left--;
		}
		arena_reset(&a);
		assert_true(rounds < 200000);
	}
	assert_int_equal(v->n, SAVERS * EACH);
	store_deselect(v);
	arena_done(&a);
}

/* Another program delivers while we do, and makes us add up all folders each time. */
static void intruder(const char *dir)
{
	char from[200], to[200];
	struct box b = { 0 };
	int i;

	snprintf(b.dir, sizeof(b.dir), "%s", dir);
	for (i = 0; i < 400; i++) {
		char name[40];

		snprintf(name, sizeof(name), "%d.foreign%d.host", 1700000000 + i, i);
		box_foreign(&b, "tmp", name, "foreign");
		snprintf(from, sizeof(from), "%s/Maildir/tmp/%s", dir, name);
		snprintf(to, sizeof(to), "%s/Maildir/new/%s", dir, name);
		if (rename(from, to) != 0)
			_exit(1);
		snprintf(to, sizeof(to), "%s/Maildir/stir", dir);
		mkdir(to, 0700);
		rmdir(to);
	}
	_exit(0);
}

static void test_no_uid_given_twice(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf report;
	int status, i, stored = 0;
	size_t n;
	pid_t pid = fork();

	if (pid == 0)
		intruder(b->dir);
	for (i = 0; i < 4000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		uint32_t uid;
		char id[20];

		snprintf(id, sizeof(id), "id%d", i);
		assert_int_equal(box_try_save(b, "INBOX", "ours", 0, id, &uid), 0);
		stored++;
	}
	if (i == 4000)
		waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, stored + 400);
	store_deselect(v);
	buf_init(&report, 100000);
	assert_int_equal(store_check(b->s, false, &report, &n), 0);
	assert_int_equal(n, 0);
	buf_done(&report);
}

/* Makes room in a folder that nobody opened since: before "over quota" it is looked at. */
static void test_quota_after_foreign_removal(void **state)
{
	struct box *b = *state;
	struct store_options o = box_options(b->dir);
	char path[600];
	uint32_t uid;

	o.quota_messages = 2;
	store_close(b->s);
	assert_int_equal(store_open(&o, &b->s), 0);
	assert_int_equal(box_try_save(b, "Archive", "x", 0, "id1", &uid), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "id2", &uid), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "id3", &uid), E_QUOTA);
	box_find(b, ".Archive/cur", "id1", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "id4", &uid), 0);
}

/* The index is lost, and who builds it anew is killed: the UIDs stay. */
static void test_killed_while_rebuilding(void **state)
{
	enum { MANY = 5000 };
	struct box *b = *state;
	char from[300], to[300], name[600], tag[6] = "";
	struct store_view *v;
	uint32_t i;
	int round;
	pid_t pid;

	box_save(b, "INBOX", "x", 0);
	box_find(b, "cur", "M=1.", name);
	memcpy(tag, strstr(name, "M=1.") + 4, 5);
	for (i = 0; i < 3; i++)
		box_save(b, "INBOX", "x", 0);
	snprintf(from, sizeof(from), "%s/Maildir/tmp/one", b->dir);
	close(open(from, O_WRONLY | O_CREAT, 0600));
	/* mansio-folder's mark goes up as if they had been delivered */
	{
		struct buf t;
		char text[4096];
		int fd = open("Maildir/mansio-folder", O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		char *at;

		close(fd);
		assert_true(n > 0);
		text[n] = 0;
		at = strstr(text, "uidnext ");
		assert_non_null(at);
		buf_init(&t, 8192);
		buf_add(&t, text, (size_t)(at - text));
		buf_fmt(&t, "uidnext %d%s", MANY + 1, strchr(at, '\n'));
		fd = open("Maildir/mansio-folder", O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, t.p, t.n), (ssize_t)t.n);
		close(fd);
		buf_done(&t);
	}
	for (i = 5; i <= MANY; i++) {
		snprintf(to, sizeof(to), "%s/Maildir/cur/1700000000.x_%u.mx.example,S=0,M=%u.%s:2,", b->dir, i, i, tag);
		assert_int_equal(link(from, to), 0);
	}
	for (round = 0; round < 8; round++) {
		assert_int_equal(unlink("index/data.mdb"), 0);
		pid = fork();
		if (pid == 0) {
			struct box c = { 0 };

			snprintf(c.dir, sizeof(c.dir), "%s", b->dir);
			box_reopen(&c);
			box_select(&c, "INBOX");
			_exit(0);
		}
		usleep(3000 + (useconds_t)round * 2000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		v = box_select(b, "INBOX");
		assert_int_equal(v->n, MANY);
		for (i = 0; i < v->n; i++)
			assert_int_equal(v->rec[i].uid, i + 1);
		store_deselect(v);
	}
}

static void killed(const char *dir, int seed)
{
	struct box b = { 0 };
	struct store_view *v;
	uint32_t *changed, index = 0;
	struct arena a;
	size_t n;
	bool gone;
	int i;

	snprintf(b.dir, sizeof(b.dir), "%s", dir);
	box_reopen(&b);
	arena_init(&a);
	for (i = seed;; i++) {
		box_save(&b, "INBOX", "x", 0);
		v = box_select(&b, "INBOX");
		index = v->n - 1;
		store_set_flags(v, &index, 1, STORE_ADD, STORE_FLAGGED, NULL, 0, &a, &changed, &n, &gone);
		if (i % 3 == 0)
			store_expunge(v, &index, 1);
		store_deselect(v);
	}
}

static void test_killed_at_any_instant(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf report;
	uint32_t i, last;
	size_t n;
	int round;
	pid_t pid;

	buf_init(&report, 100000);
	for (round = 0; round < 25; round++) {
		pid = fork();
		if (pid == 0)
			killed(b->dir, round);
		usleep(4000 + (useconds_t)round * 977);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		v = box_select(b, "INBOX");
		for (i = 0, last = 0; i < v->n; last = v->rec[i++].uid)
			assert_true(v->rec[i].uid > last && v->rec[i].uid < v->uidnext);
		store_deselect(v);
		assert_int_equal(store_check(b->s, false, &report, &n), 0);
		if (n)
			print_message("%.*s", STRF(buf_view(&report)));
		assert_int_equal(n, 0);
	}
	buf_done(&report);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_new_mail_is_adopted), T(test_many_files_in_one_tick), T(test_a_rename_that_nothing_shows_is_found), T(test_foreign_flag_change),
		T(test_copies_get_a_uid_of_their_own), T(test_rm_and_put_back),
		T(test_uid_above_the_mark_is_foreign), T(test_foreign_maildir_folder),
		T(test_own_writes_cause_no_scan), T(test_no_uid_below_one_shown),
		T(test_killed_at_any_instant), T(test_no_uid_given_twice),
		T(test_quota_after_foreign_removal), T(test_killed_while_rebuilding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
