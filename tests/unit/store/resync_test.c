/* SPDX-License-Identifier: ISC
 *
 * resync_test.c: what a client that comes back is told, and conditions on changes of
 * flags (RFC 7162).
 */
#include "tests/unit/store/box.h"

/* "2,4:6" */
static void vanished(struct store_view *v, uint64_t since, const char *want)
{
	struct imapset set;
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, 10000);
	assert_int_equal(store_vanished(v, since, &a, &set), 0);
	imapset_print(&set, &b);
	assert_string_equal(buf_cstr(&b), want);
	buf_done(&b);
	arena_done(&a);
}

static void look(struct store_view *v, bool expunge, struct store_changes *out, struct arena *a)
{
	assert_int_equal(store_sync(v, expunge, a, out), 0);
}

static void test_vanished_since(void **state)
{
	struct box *b = *state;
	struct store_view *v, *w;
	struct store_changes c;
	uint32_t index[2] = { 1, 3 };
	uint64_t before, between;
	struct arena a;
	int i;

	arena_init(&a);
	for (i = 0; i < 6; i++)
		box_save(b, "INBOX", "x", 0);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	before = v->highestmodseq;
	vanished(v, before, "");
	assert_int_equal(store_expunge(v, index, 2), 0);
	look(v, true, &c, &a);
	between = v->highestmodseq;
	assert_true(between > before);
	index[0] = 2; /* now UID 5 */
	assert_int_equal(store_expunge(v, index, 1), 0);
	vanished(v, before, "2,4"); /* 5 is still shown */
	look(v, true, &c, &a);
	vanished(v, before, "2,4:5");
	vanished(v, between, "5");
	vanished(v, v->highestmodseq, "");
	vanished(v, INT64_MAX, "");
	vanished(v, 0, "2,4:5"); /* longer ago than is known: all that is not there */
	vanished(w, before, ""); /* shows them all */
	look(w, false, &c, &a);
	vanished(w, before, "");
	look(w, true, &c, &a);
	vanished(w, before, "2,4:5");
	store_deselect(w);
	store_deselect(v);
	/* The log is lost with the index; UIDs are reserved in blocks, so more is named than was ever given. */
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_true(v->highestmodseq > between);
	vanished(v, before, "2,4:5,7:256");
	vanished(v, between, "2,4:5,7:256");
	vanished(v, v->highestmodseq, "");
	store_deselect(v);
	arena_done(&a);
}

static void test_toldmodseq_stays_below_what_is_held_back(void **state)
{
	struct box *b = *state;
	struct store_view *v, *w;
	struct store_changes c;
	uint32_t index = 0, *changed;
	uint64_t before;
	struct arena a;
	size_t n;
	bool gone;

	arena_init(&a);
	box_save(b, "INBOX", "x", 0);
	box_save(b, "INBOX", "y", 0);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	before = v->toldmodseq;
	assert_int_equal(before, v->highestmodseq);
	assert_int_equal(store_expunge(w, &index, 1), 0);
	index = 1;
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, STORE_SEEN, NULL, 0, &a, &changed, &n, &gone), 0);
	look(v, false, &c, &a);
	assert_int_equal(v->toldmodseq, before);
	assert_true(v->highestmodseq >= before + 2);
	look(v, true, &c, &a);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(v->toldmodseq, v->highestmodseq);
	store_deselect(v);
	store_deselect(w);
	arena_done(&a);
}

static void test_a_modseq_alone_is_told_to_who_wants_it(void **state)
{
	struct box *b = *state;
	struct store_view *v, *w;
	struct store_changes c;
	uint32_t index = 0, *changed;
	struct arena a;
	size_t n;
	bool gone;
	int i;

	arena_init(&a);
	box_save(b, "INBOX", "x", 0);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	for (i = 0; i < 2; i++) {
		w->modseqs = i;
		assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, STORE_SEEN, NULL, 0, &a, &changed, &n, &gone), 0);
		assert_int_equal(store_set_flags(v, &index, 1, STORE_CLEAR, STORE_SEEN, NULL, 0, &a, &changed, &n, &gone), 0);
		look(w, true, &c, &a);
		assert_int_equal(c.nchanged, i);
		assert_int_equal(w->rec[0].modseq, v->rec[0].modseq);
	}
	store_deselect(v);
	store_deselect(w);
	arena_done(&a);
}

static struct store_flags_done set_if(struct store_view *v, uint32_t n, enum store_op op, uint32_t flags,
	const char *keyword, uint64_t since, struct arena *a)
{
	static const uint32_t index[] = { 0, 1, 2 };
	struct str kw = str_of(keyword);
	struct store_flags_done done;

	assert_int_equal(store_set_flags_if(v, index, n, op, flags, &kw, kw.n ? 1 : 0, since, a, &done), 0);
	return done;
}

static void test_conditions(void **state)
{
	struct box *b = *state;
	struct store_flags_done d;
	struct store_view *v, *w;
	uint64_t since;
	struct arena a;

	arena_init(&a);
	box_save(b, "INBOX", "x", 0);
	box_save(b, "INBOX", "y", 0);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	since = v->highestmodseq;
	/* Nothing happened: it is done. Once more: above the condition now. */
	d = set_if(v, 2, STORE_ADD, STORE_FLAGGED, "", since, &a);
	assert_int_equal(d.nchanged, 2);
	assert_int_equal(d.nmodified, 0);
	d = set_if(v, 2, STORE_CLEAR, STORE_FLAGGED, "", since, &a);
	assert_int_equal(d.nchanged, 0);
	assert_int_equal(d.nmodified, 2);
	assert_int_equal(d.modified[1], 1);
	d = set_if(v, 2, STORE_ADD, STORE_SEEN, "", 0, &a);
	assert_int_equal(d.nmodified, 2);
	/* w saw neither: another flag than the one that changed may be added, that one not */
	d = set_if(w, 1, STORE_ADD, STORE_SEEN, "", since, &a);
	assert_int_equal(d.nmodified, 0);
	assert_int_equal(d.nchanged, 1);
	assert_int_equal(w->rec[0].flags & 31, STORE_SEEN | STORE_FLAGGED);
	d = set_if(w, 2, STORE_CLEAR, STORE_FLAGGED, "", since, &a);
	assert_int_equal(d.nmodified, 2);
	assert_int_equal(w->rec[1].flags & 31, STORE_FLAGGED);
	assert_int_equal(w->rec[1].modseq, v->rec[1].modseq);
	/* and all flags together not at all; keywords count like flags */
	d = set_if(v, 1, STORE_SET, STORE_SEEN, "", v->rec[0].modseq, &a);
	assert_int_equal(d.nmodified, 1);
	d = set_if(v, 1, STORE_SET, STORE_SEEN, "$a", v->rec[0].modseq, &a);
	assert_int_equal(d.nmodified, 0);
	d = set_if(w, 1, STORE_ADD, 0, "$a", w->rec[0].modseq, &a);
	assert_int_equal(d.nmodified, 1);
	assert_int_equal(w->rec[0].keywords, 1);
	store_deselect(v);
	store_deselect(w);
	arena_done(&a);
}

static void test_deleted_size(void **state)
{
	struct box *b = *state;
	uint64_t size = 7, bytes, messages;
	struct store_status st;

	assert_int_equal(store_deleted_size(b->s, STR("INBOX"), &size), 0);
	assert_int_equal(size, 0);
	box_save(b, "INBOX", "x", STORE_DELETED);
	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	box_save(b, "INBOX", "some other", STORE_SEEN);
	assert_int_equal(store_deleted_size(b->s, STR("INBOX"), &size), 0);
	assert_int_equal(size, st.size);
	assert_int_equal(store_deleted_size(b->s, STR("Nowhere"), &size), E_NOTFOUND);
	store_quota(b->s, &bytes, &messages);
	assert_int_equal(bytes + messages, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_vanished_since), T(test_toldmodseq_stays_below_what_is_held_back),
		T(test_a_modseq_alone_is_told_to_who_wants_it), T(test_conditions), T(test_deleted_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
