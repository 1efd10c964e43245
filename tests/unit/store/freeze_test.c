/* SPDX-License-Identifier: ISC
 *
 * Views as text and back: what the client was shown, what it is owed, and what fits no more.
 */
#include "box.h"

static void freeze(struct store_view *v, struct buf *out)
{
	buf_init(out, STORE_FROZEN_MAX);
	assert_int_equal(store_view_freeze(v, out), 0);
	store_deselect(v);
}

static struct store_view *thaw(struct box *b, struct buf *text)
{
	struct store_view *v = NULL;

	assert_int_equal(store_view_thaw(b->s, buf_view(text), &v), 0);
	buf_done(text);
	return v;
}

static void expunge(struct box *b, uint32_t index)
{
	struct store_view *v = box_select(b, "INBOX");

	assert_int_equal(store_expunge(v, &index, 1), 0);
	store_deselect(v);
}

static void flag(struct box *b, uint32_t index, enum store_op op, uint32_t flags, const char *word)
{
	struct store_view *v = box_select(b, "INBOX");
	struct str keyword = str_of(word);
	struct arena a;
	uint32_t *changed;
	size_t n;
	bool gone;

	arena_init(&a);
	assert_int_equal(store_set_flags(v, &index, 1, op, flags, &keyword, word != NULL, &a, &changed, &n, &gone), 0);
	arena_done(&a);
	store_deselect(v);
}

static void fill(struct box *b, int n)
{
	char subject[20];
	int i;

	for (i = 1; i <= n; i++) {
		snprintf(subject, sizeof(subject), "s%d", i);
		box_save(b, "INBOX", subject, i % 2 ? STORE_SEEN : 0);
	}
}

static void test_nothing_happened(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct buf text;
	struct arena a;

	arena_init(&a);
	fill(b, 5);
	v = box_select(b, "INBOX");
	assert_int_equal(v->recent, 5);
	freeze(v, &text);
	v = thaw(b, &text);
	assert_int_equal(v->n, 5);
	assert_int_equal(v->recent, 5);
	assert_int_equal(v->uidnext, 6);
	assert_true(v->rec[0].flags & STORE_SEEN && v->rec[1].flags & STORE_RECENT);
	c = box_sync(v, &a);
	assert_false(c.nexpunged || c.nchanged || c.exists || c.keywords);
	store_deselect(v);
	arena_done(&a);
}

static void test_all_that_happened_is_told_once(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct buf text;
	struct arena a;

	arena_init(&a);
	fill(b, 6);
	v = box_select(b, "INBOX");
	freeze(v, &text);
	expunge(b, 1); /* UID 2 */
	expunge(b, 3); /* UID 5 */
	flag(b, 0, STORE_ADD, STORE_FLAGGED, "work");
	box_save(b, "INBOX", "new", 0);
	box_save(b, "INBOX", "gone at once", 0);
	expunge(b, 5);
	v = thaw(b, &text);
	assert_int_equal(v->n, 6);
	assert_int_equal(v->rec[1].uid, 2);
	assert_true(v->rec[1].flags & STORE_GONE && v->rec[4].flags & STORE_GONE);
	assert_true(v->rec[0].flags & STORE_FLAGGED); /* today's, though not told yet */
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 2);
	assert_int_equal(c.expunged[0], 2);
	assert_int_equal(c.expunged[1], 4);
	assert_int_equal(c.nchanged, 1);
	assert_int_equal(v->rec[c.changed[0]].uid, 1);
	assert_true(c.exists && c.keywords);
	assert_int_equal(v->n, 5);
	assert_int_equal(v->rec[4].uid, 7);
	c = box_sync(v, &a);
	assert_false(c.nexpunged || c.nchanged || c.exists || c.keywords);
	store_deselect(v);
	arena_done(&a);
}

/* Changes between waking and the first sync are not lost either. */
static void test_what_happens_after_the_thaw_is_told(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct buf text;
	struct arena a;

	arena_init(&a);
	fill(b, 4);
	v = box_select(b, "INBOX");
	freeze(v, &text);
	expunge(b, 0);
	v = thaw(b, &text);
	expunge(b, 0); /* UID 2 */
	flag(b, 0, STORE_CLEAR, STORE_SEEN, NULL); /* UID 3 */
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 2);
	assert_int_equal(c.nchanged, 1);
	assert_int_equal(v->rec[c.changed[0]].uid, 3);
	store_deselect(v);
	arena_done(&a);
}

static void test_it_sleeps_again_and_again(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf text;
	struct arena a;
	int i;

	arena_init(&a);
	fill(b, 2);
	v = box_select(b, "INBOX");
	for (i = 0; i < 20; i++) {
		freeze(v, &text);
		box_save(b, "INBOX", "more", 0);
		expunge(b, 0);
		v = thaw(b, &text);
		assert_int_equal(box_sync(v, &a).nexpunged, 1);
		assert_int_equal(v->n, 2);
	}
	store_deselect(v);
	arena_done(&a);
}

static void test_untold_expunges_keep_it_awake(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct buf text;
	struct arena a;

	arena_init(&a);
	buf_init(&text, STORE_FROZEN_MAX);
	fill(b, 2);
	v = box_select(b, "INBOX");
	expunge(b, 0);
	assert_int_equal(store_sync(v, false, &a, &c), 0);
	assert_int_equal(store_view_freeze(v, &text), E_TEMP);
	box_sync(v, &a);
	assert_int_equal(store_view_freeze(v, &text), 0);
	store_deselect(v);
	buf_done(&text);
	arena_done(&a);
}

static void index_away(struct box *b)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/index", b->dir);
	box_rm(path);
}

static void test_a_new_index_is_no_news(void **state)
{
	struct box *b = *state;
	struct store_changes c;
	struct store_view *v;
	struct buf text;
	struct arena a;

	arena_init(&a);
	fill(b, 5);
	v = box_select(b, "INBOX");
	freeze(v, &text);
	index_away(b);
	v = thaw(b, &text);
	c = box_sync(v, &a);
	assert_false(c.nexpunged || c.nchanged || c.exists || c.keywords);
	freeze(v, &text);
	index_away(b);
	flag(b, 2, STORE_ADD, STORE_ANSWERED, NULL);
	v = thaw(b, &text);
	c = box_sync(v, &a);
	assert_true(c.nchanged >= 1 && c.nchanged <= 5); /* which one cannot be known any more: all may be told */
	v->modseqs = true;
	freeze(v, &text);
	index_away(b);
	v = thaw(b, &text);
	assert_true(v->modseqs);
	c = box_sync(v, &a);
	assert_int_equal(c.nchanged, 5); /* each has another MODSEQ now */
	store_deselect(v);
	arena_done(&a);
}

static void test_a_set_that_cannot_be_told_is_stale(void **state)
{
	struct box *b = *state;
	struct store_view *v = box_select(b, "INBOX");
	struct buf text;

	store_deselect(v);
	fill(b, 4);
	freeze(box_select(b, "INBOX"), &text);
	expunge(b, 1);
	index_away(b); /* and the log with it */
	assert_int_equal(store_view_thaw(b->s, buf_view(&text), &v), E_STALE);
	buf_done(&text);
}

static void test_another_folder_is_stale(void **state)
{
	struct box *b = *state;
	struct store_view *v = NULL;
	struct buf text;

	assert_int_equal(store_create(b->s, STR("Work"), STR("")), 0);
	freeze(box_select(b, "Work"), &text);
	assert_int_equal(store_delete(b->s, STR("Work")), 0);
	assert_int_equal(store_view_thaw(b->s, buf_view(&text), &v), E_STALE);
	assert_int_equal(store_create(b->s, STR("Work"), STR("")), 0);
	assert_int_equal(store_view_thaw(b->s, buf_view(&text), &v), E_STALE);
	assert_null(v);
	buf_done(&text);
}

static void test_names_with_spaces_and_readonly(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf text;

	assert_int_equal(store_create(b->s, STR("A b/C \xc3\xa4 d"), STR("")), 0);
	assert_int_equal(store_select(b->s, STR("A b/C \xc3\xa4 d"), true, &v), 0);
	freeze(v, &text);
	v = thaw(b, &text);
	assert_true(str_eqc(v->name, "A b/C \xc3\xa4 d"));
	assert_true(v->readonly);
	store_deselect(v);
}

static void test_hostile_texts(void **state)
{
	static const char *const bad[] = { "", " ", "1", "2 1 1 1 1 1 1 1 1 1 0 - INBOX",
		"1 1 1 1 1 1 1 1 1 1 0 - ", "1 1 1 1 1 1 1 1 1 1 0 -", "1 1 1 1 1 1 1 1 1 1 4 - INBOX",
		"1 1 1 1 1 1 1 1 1 1 0  INBOX", "1 1 1 1 1 1 1 1 1 1 0 - ../x", "1 1 1 1 1 1 1 1 1 1 0 - a/../../b",
		"1 -1 1 1 1 1 1 1 1 1 0 - INBOX", "1 18446744073709551616 1 1 1 1 1 1 1 1 0 - INBOX",
		"1 1 1 1 1 1 1 4294967296 1 1 0 - INBOX", "1 1 1 1 1 1 1 1 1 1 0 x INBOX",
		"1 1 1 1 1 1 1 1 1 1 0 1:2,, INBOX", "1 1 1 1 1 1 1 1 1 1 0 - IN\nBOX" };
	struct box *b = *state;
	struct store_view *v = NULL;
	struct buf text;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(store_view_thaw(b->s, str_of(bad[i]), &v), E_SYNTAX);
	assert_int_equal(store_view_thaw(b->s, STR("1 1 1 1 1 1 1 1 1 1 0 - INBOX"), &v), E_STALE);
	assert_int_equal(store_view_thaw(b->s, STR("1 1 1 1 1 1 1 1 1 1 0 1:* INBOX"), &v), E_STALE);
	fill(b, 3);
	freeze(box_select(b, "INBOX"), &text);
	for (i = 0; i < text.n; i++) { /* one digit more or less anywhere is seen, or means the same */
		char was = text.p[i];

		if (was < '0' || was > '8')
			continue;
		text.p[i]++;
		if (store_view_thaw(b->s, buf_view(&text), &v) == 0) {
			assert_int_equal(v->n, 3);
			store_deselect(v);
		}
		text.p[i] = was;
	}
	buf_done(&text);
	assert_int_equal(store_view_thaw(b->s, STR("1 1 1 1 1 1 1 1 1 1 0 - Nowhere"), &v), E_STALE);
}

static void test_scattered_recent_is_too_much(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf text;
	uint32_t i;

	fill(b, 4);
	v = box_select(b, "INBOX");
	assert_int_equal(v->recent, 4);
	buf_init(&text, STORE_FROZEN_MAX);
	/* the set is written as ranges: one only here */
	assert_int_equal(store_view_freeze(v, &text), 0);
	assert_true(str_search(buf_view(&text), STR(" 1:4 INBOX")) > 0);
	buf_done(&text);
	/* a view with many holes does not fit the text */
	v->rec = mem_grow(v->rec, 4000, sizeof(*v->rec));
	for (i = 0; i < 4000; i++)
		v->rec[i] = (struct store_rec){ .uid = 100000 + 2 * i, .flags = STORE_RECENT };
	v->n = v->recent = 4000;
	buf_init(&text, 1 << 20);
	assert_int_equal(store_view_freeze(v, &text), E_LIMIT);
	assert_int_equal(text.n, 0);
	buf_done(&text);
	store_deselect(v);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nothing_happened), T(test_all_that_happened_is_told_once),
		T(test_what_happens_after_the_thaw_is_told), T(test_it_sleeps_again_and_again),
		T(test_untold_expunges_keep_it_awake), T(test_a_new_index_is_no_news),
		T(test_a_set_that_cannot_be_told_is_stale), T(test_another_folder_is_stale),
		T(test_names_with_spaces_and_readonly), T(test_hostile_texts), T(test_scattered_recent_is_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
