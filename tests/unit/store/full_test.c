/* SPDX-License-Identifier: ISC
 *
 * full_test.c: the disk takes nothing: what is there is read all the same, from
 * an index that is brought up to date in memory; no number is given twice.
 */
#include "box.h"

#include <sys/mount.h>

#include "store/record.h"

/* --- the overlay ------------------------------------------------------------ */

enum { KEYS = 300 };
struct model {
	int value[KEYS]; /* 0: none */
	bool dry, ran_dry;
	unsigned seed;
};

static size_t model_key(int i, unsigned char key[8])
{
	key[0] = 'Z';
	key[1] = (unsigned char)(i / 16);
	key[2] = (unsigned char)(i % 16);
	return i % 16 ? 3 : 2; /* some keys are the beginning of others */
}

static void change(struct burst *b, struct model *m, int n)
{
	unsigned char key[8];

	while (n--) {
		int i = (int)((m->seed = m->seed * 1103515245u + 12345u) >> 8) % KEYS;
		size_t len = model_key(i, key);

		if (m->seed >> 7 & 1) {
			m->value[i] = (int)(m->seed >> 4 & 0xffff) + 1;
			assert_int_equal(index_put(b, key, len, &m->value[i], (size_t)(m->value[i] < 256 ? 1 : 4)), 0);
		} else {
			m->value[i] = 0;
			assert_int_equal(index_del(b, key, len), 0);
		}
	}
}

static void compare(struct burst *b, const struct model *m)
{
	struct index_scan sc;
	unsigned char key[8], last[8];
	size_t len, nlast = 0, n;
	int i, rc, value, count = 0, want = 0;

	for (i = 0; i < KEYS; i++) {
		len = model_key(i, key);
		value = 0;
		rc = index_get(b, key, len, &value, 4, &n);
		assert_int_equal(rc, m->value[i] ? 0 : E_NOTFOUND);
		assert_int_equal(value, m->value[i]);
		want += m->value[i] != 0;
	}
	assert_int_equal(index_scan(b, "Z", 1, 1, &sc), 0);
	while ((rc = index_scan_next(&sc)) > 0) {
		assert_true(!nlast || overlay_cmp(str_make(last, nlast), str_make(sc.key, sc.nkey)) < 0);
		memcpy(last, sc.key, nlast = sc.nkey);
		count++;
	}
	assert_int_equal(rc, 0);
	index_scan_end(&sc);
	assert_int_equal(count, want);
}

static int model_burst(struct burst *b, void *arg)
{
	struct model *m = arg, copy;

	if (m->dry && !b->dry)
		return -ENOSPC;
	m->ran_dry = b->dry != NULL;
	if (!m->dry) {
		change(b, m, 200);
		compare(b, m);
		return 0;
	}
	copy = *m;
	compare(b, &copy);
	change(b, &copy, 400);
	compare(b, &copy);
	assert_int_equal(index_commit(b, 1), 0);
	return 0;
}

static int compare_burst(struct burst *b, void *arg)
{
	compare(b, arg);
	return 0;
}

static void test_a_dry_run_sees_its_own_work_and_leaves_none(void **state)
{
	struct box *b = *state;
	struct model m = { .seed = 1 };
	int i;

	assert_int_equal(burst_run(b->s, true, model_burst, &m), 0);
	assert_false(m.ran_dry);
	m.dry = true;
	for (i = 0; i < 20; i++) {
		m.seed = (unsigned)i;
		assert_int_equal(burst_read(b->s, model_burst, &m), 0);
		assert_true(m.ran_dry);
		assert_int_equal(burst_run(b->s, false, compare_burst, &m), 0);
	}
}

/* --- a full disk -------------------------------------------------------------- */

static int small_disk(void **state)
{
	struct box *b;
	int r = box_setup(state);

	b = *state;
	store_close(b->s);
	b->s = NULL;
	assert_int_equal(chdir("/"), 0);
	if (mount("tmpfs", b->dir, "tmpfs", 0, "size=2m,mode=700") == 0)
		box_reopen(b);
	return r;
}

static int small_disk_gone(void **state)
{
	struct box *b = *state;

	store_close(b->s);
	b->s = NULL;
	assert_int_equal(chdir("/"), 0);
	umount2(b->dir, MNT_DETACH);
	return box_teardown(state);
}

static void fill(struct box *b, bool on)
{
	static const char block[4096] = "x";
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", b->dir);
	if (!on) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

static void lose_index(struct box *b)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/index/data.mdb", b->dir);
	assert_int_equal(unlink(path), 0);
}

static void check_readable(struct store_view *v, uint32_t n)
{
	struct store_desc d;
	struct store_msg m;
	struct arena a;
	uint32_t i;

	assert_int_equal(v->n, n);
	for (i = 0; i < n; i++) {
		arena_init(&a);
		assert_int_equal(v->rec[i].uid, i + 1);
		assert_int_equal(store_describe(v, i, STORE_WANT_ENVELOPE, &a, &d), 0);
		assert_true(str_search(d.envelope, STR("mail")) > 0);
		assert_int_equal(store_msg_open(v, i, &m), 0);
		assert_int_equal(store_msg_load(&m), 0);
		assert_true(str_starts(m.text, "From: a@example.org\r\n"));
		store_msg_close(&m);
		arena_done(&a);
	}
}

static void test_an_index_that_cannot_be_made_is_done_without(void **state)
{
	struct box *b = *state;
	struct store_status st;
	struct store_view *v;
	uint64_t bytes, count, modseq;
	uint32_t i, zero = 0, *changed, uidnext;
	size_t nchanged;
	struct arena a;
	bool gone;

	if (!b->s)
		skip();
	arena_init(&a);
	for (i = 1; i <= 40; i++)
		box_save(b, "INBOX", "mail", i % 2 ? STORE_SEEN : 0);
	lose_index(b);
	fill(b, true);
	box_reopen(b);
	v = box_select(b, "INBOX");
	check_readable(v, 40);
	assert_int_equal(v->rec[0].flags & 31, STORE_SEEN);
	assert_int_equal(v->rec[1].flags & 31, 0);
	modseq = v->highestmodseq;
	uidnext = v->uidnext;
	assert_true(uidnext > 40);
	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	assert_int_equal(st.messages, 40);
	assert_int_equal(st.unseen, 20);
	assert_int_equal(store_usage(b->s, &bytes, &count), 0);
	assert_int_equal(count, 40);
	assert_int_equal(store_set_flags(v, &zero, 1, STORE_ADD, STORE_FLAGGED, NULL, 0, &a, &changed,
		&nchanged, &gone), -ENOSPC);
	assert_int_equal(box_try_save(b, "INBOX", "no", 0, NULL, &i), -ENOSPC);
	box_sync(v, &a);
	check_readable(v, 40);
	fill(b, false);
	box_sync(v, &a);
	check_readable(v, 40);
	assert_true(v->highestmodseq > modseq); /* what the dry run told is told again, with a number */
	assert_int_equal(store_set_flags(v, &zero, 1, STORE_ADD, STORE_FLAGGED, NULL, 0, &a, &changed,
		&nchanged, &gone), 0);
	assert_true(box_save(b, "INBOX", "mail", 0) >= uidnext);
	store_deselect(v);
	arena_done(&a);
}

static void test_foreign_files_wait_for_room(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct arena a;
	char from[600], to[700];
	uint32_t i, next;

	if (!b->s)
		skip();
	arena_init(&a);
	for (i = 0; i < 20; i++)
		box_save(b, "INBOX", "mail", 0);
	box_foreign(b, "new", "1700000001.M1P1.host", "one");
	box_foreign(b, "cur", "1700000002.M2P1.host:2,S", "two");
	box_find(b, "cur", "M=7.", from);
	snprintf(to, sizeof(to), "%sF", from); /* a flag set by another program */
	assert_int_equal(rename(from, to), 0);
	box_find(b, "cur", "M=20.", from);
	assert_int_equal(unlink(from), 0);
	lose_index(b);
	fill(b, true);
	v = box_select(b, "INBOX");
	check_readable(v, 19);
	assert_int_equal(v->rec[6].flags & 31, STORE_FLAGGED);
	next = v->uidnext;
	fill(b, false);
	c = box_sync(v, &a);
	assert_int_equal(v->n, 21);
	assert_int_equal(v->rec[19].uid, next);
	assert_int_equal(v->rec[20].uid, next + 1);
	assert_true(c.nexpunged == 0);
	store_deselect(v);
	arena_done(&a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)
#define D(f) cmocka_unit_test_setup_teardown(f, small_disk, small_disk_gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_dry_run_sees_its_own_work_and_leaves_none),
		D(test_an_index_that_cannot_be_made_is_done_without), D(test_foreign_files_wait_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
