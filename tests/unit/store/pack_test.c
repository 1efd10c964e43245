/* SPDX-License-Identifier: ISC
 *
 * pack_test.c: a view that begins with a pack, or is brought up to date by the
 * logs, is the one that reading all records gives; whatever was done to the
 * folder meanwhile, and whatever to the pack.
 */
#include "box.h"

#include "base/rand.h"

enum { MANY = 1200 };

static void fill_folder(struct box *b)
{
	char name[64];
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d.M%dP1.host:2,%s", 1700000000 + i, i, i % 3 ? "" : "S");
		box_foreign(b, "cur", name, "mail");
	}
}

/* Path of the only pack; "" if there is none. */
static void pack_name(char out[300])
{
	struct dirent *e;
	DIR *d = opendir("index");

	out[0] = 0;
	while (d && (e = readdir(d)))
		if (strlen(e->d_name) > 5 && strcmp(e->d_name + strlen(e->d_name) - 5, ".pack") == 0)
			snprintf(out, 300, "index/%s", e->d_name);
	if (d)
		closedir(d);
}

static void same_view(const struct store_view *a, const struct store_view *b)
{
	uint32_t i;

	assert_int_equal(a->n, b->n);
	assert_int_equal(a->uidnext, b->uidnext);
	assert_int_equal(a->uidvalidity, b->uidvalidity);
	assert_int_equal(a->highestmodseq, b->highestmodseq);
	for (i = 0; i < a->n; i++) {
		const struct store_rec *x = &a->rec[i], *y = &b->rec[i];

		assert_int_equal(x->uid, y->uid);
		assert_int_equal(x->flags & ~(uint32_t)STORE_RECENT, y->flags & ~(uint32_t)STORE_RECENT);
		assert_int_equal(x->keywords, y->keywords);
		assert_int_equal(x->modseq, y->modseq);
		assert_int_equal(x->internaldate, y->internaldate);
		assert_int_equal(x->savedate, y->savedate);
		assert_int_equal(x->size, y->size);
	}
}

/* With the pack as it is, and from the records alone. */
static void check_both_ways(struct box *b)
{
	struct store_view *with, *without;
	char path[300], aside[310];

	pack_name(path);
	with = box_select(b, "INBOX");
	snprintf(aside, sizeof(aside), "%s.aside", path);
	rename(path, aside);
	without = box_select(b, "INBOX");
	same_view(with, without);
	store_deselect(with);
	store_deselect(without);
	rename(aside, path);
}

static void flag_some(struct store_view *v, struct arena *a)
{
	static const char *const word[] = { "Work", "Later", "$Forwarded" };
	struct str kw = str_of(word[rand_u64() % 3]);
	uint32_t *index = arena_array(a, v->n, sizeof(*index)), *changed, i, n = 0;
	uint32_t step = rand_u64() % 4 ? (uint32_t)(rand_u64() % 400 + 1) : 2;
	size_t nchanged;
	bool gone;

	for (i = (uint32_t)(rand_u64() % 50); i < v->n; i += step)
		index[n++] = i;
	assert_int_equal(store_set_flags(v, index, n, rand_u64() % 2 ? STORE_ADD : STORE_CLEAR,
		(uint32_t)(rand_u64() % 32), &kw, rand_u64() % 3 == 0, a, &changed, &nchanged, &gone), 0);
}

static void something(struct box *b, struct store_view *v, struct arena *a)
{
	uint32_t index[3], i;

	switch (rand_u64() % 4) {
	case 0:
		box_save(b, "INBOX", "more", rand_u64() % 2 ? STORE_SEEN : 0);
		break;
	case 1:
		for (i = 0; i < 3; i++)
			index[i] = (uint32_t)(rand_u64() % (v->n / 3) + i * (v->n / 3));
		assert_int_equal(store_expunge(v, index, 3), 0);
		break;
	default:
		flag_some(v, a);
	}
}

static void test_a_view_is_the_same_with_a_pack_and_by_logs(void **state)
{
	struct box *b = *state;
	struct store_view *v, *other, *fresh;
	struct store_changes c;
	struct arena a;
	char path[300];
	int round, k;

	arena_init(&a);
	fill_folder(b);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, MANY);
	pack_name(path);
	assert_string_equal(path, "");
	box_sync(v, &a);
	pack_name(path);
	assert_string_not_equal(path, "");
	other = box_select(b, "INBOX");
	same_view(v, other);
	for (round = 0; round < 40; round++) {
		for (k = (int)(rand_u64() % 4); k >= 0; k--)
			something(b, v, &a);
		if (rand_u64() % 10 == 0) { /* not by us: a rename */
			char from[600], to[700];

			box_find(b, "cur", ":2,S", from);
			snprintf(to, sizeof(to), "%sT", from);
			assert_int_equal(rename(from, to), 0);
		}
		check_both_ways(b);
		fresh = box_select(b, "INBOX");
		c = box_sync(other, &a);
		c = box_sync(v, &a);
		assert_int_equal(c.nchanged == 0 || v->n, 1);
		same_view(v, fresh);
		same_view(other, fresh);
		store_deselect(fresh);
		arena_reset(&a);
	}
	store_deselect(v);
	store_deselect(other);
	arena_done(&a);
}

static void test_a_long_log_is_cut_and_the_view_still_right(void **state)
{
	struct box *b = *state;
	struct store_view *v, *old;
	uint32_t i, index, *changed;
	struct store_changes c;
	struct arena a;
	size_t n;
	bool gone;

	arena_init(&a);
	fill_folder(b);
	v = box_select(b, "INBOX");
	old = box_select(b, "INBOX");
	for (i = 0; i < 2100; i++) {
		index = i * 7 % MANY;
		assert_int_equal(store_set_flags(v, &index, 1, i / MANY % 2 ? STORE_CLEAR : STORE_ADD,
			STORE_FLAGGED, NULL, 0, &a, &changed, &n, &gone), 0);
		arena_reset(&a);
	}
	c = box_sync(old, &a);
	assert_true(c.nchanged > 100);
	same_view(v, old);
	check_both_ways(b);
	store_deselect(v);
	store_deselect(old);
	arena_done(&a);
}

static void test_a_damaged_pack_is_as_if_there_were_none(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct stat st;
	char path[300];
	unsigned char c;
	int round, fd;

	fill_folder(b);
	for (round = 0; round < 100; round++) {
		v = box_select(b, "INBOX"); /* writes a pack where there is none that fits */
		assert_int_equal(v->n, MANY);
		store_deselect(v);
		pack_name(path);
		assert_int_equal(stat(path, &st), 0);
		fd = open(path, O_RDWR);
		c = (unsigned char)rand_u64();
		if (round % 10 == 9)
			assert_int_equal(ftruncate(fd, (off_t)(rand_u64() % (uint64_t)st.st_size)), 0);
		else
			assert_int_equal(pwrite(fd, &c, 1, (off_t)(rand_u64() % (round % 3 ? 120 : (uint64_t)st.st_size))), 1);
		close(fd);
		check_both_ways(b);
	}
	box_rm("index");
	check_both_ways(b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_view_is_the_same_with_a_pack_and_by_logs),
		T(test_a_long_log_is_cut_and_the_view_still_right),
		T(test_a_damaged_pack_is_as_if_there_were_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
