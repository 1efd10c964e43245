/* SPDX-License-Identifier: ISC
 *
 * sandbox_test.c: all of the store works behind Landlock and seccomp, opened
 * before (imapd) or behind (lmtpd) them, a damaged index included.
 */
#include "box.h"

#include "base/sandbox.h"

static void work(struct box *b)
{
	struct store_view *v;
	struct store_copied copied;
	struct store_changes c;
	struct store_desc d;
	struct str kw = STR("Work");
	uint32_t *changed, index = 0;
	struct arena a;
	struct buf report;
	size_t n;
	bool gone;
	int fd;

	arena_init(&a);
	buf_init(&report, 10000);
	box_save(b, "INBOX", "one", 0);
	box_foreign(b, "new", "1700000000.M1P1.h", "two");
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 2);
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, STORE_SEEN, &kw, 1, &a, &changed, &n, &gone), 0);
	assert_int_equal(store_copy(v, &index, 1, STR("Archive"), true, &a, &copied), 0);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(store_describe(v, 0, STORE_WANT_BODY, &a, &d), 0);
	assert_int_equal(store_create(b->s, STR("A/B"), STR("")), 0);
	assert_int_equal(store_rename(b->s, STR("A"), STR("C")), 0);
	assert_int_equal(store_delete(b->s, STR("C/B")), 0);
	fd = open("index/data.mdb", O_RDWR);
	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
	c = box_sync(v, &a);
	assert_int_equal(v->n, 1);
	box_rm("index");
	box_save(b, "INBOX", "three", 0);
	c = box_sync(v, &a);
	assert_int_equal(v->n, 2);
	store_deselect(v);
	assert_int_equal(store_check(b->s, true, &report, &n), 0);
	buf_done(&report);
	arena_done(&a);
}

/* The assertions of a child show in its exit code alone. */
static void in_child(struct box *b, bool open_first)
{
	struct store_options o;
	int status;
	pid_t pid;

	store_close(b->s);
	b->s = NULL;
	pid = fork();
	if (pid == 0) {
		o = box_options(b->dir);
		o.notify = open_first;
		store_prepare();
		if (sandbox_prepare(SANDBOX_STORE))
			_exit(3);
		if (open_first && store_open(&o, &b->s))
			_exit(4);
		if (store_seal(&o.key, 1))
			_exit(5);
		if (!open_first && store_open(&o, &b->s))
			_exit(6);
		work(b);
		store_close(b->s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	box_reopen(b);
}

static void test_opened_before_the_sandbox(void **state)
{
	in_child(*state, true);
}

static void test_opened_in_the_sandbox(void **state)
{
	in_child(*state, false);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_opened_before_the_sandbox), T(test_opened_in_the_sandbox) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
