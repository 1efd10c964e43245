/* SPDX-License-Identifier: ISC
 *
 * backup_test.c: a mailbox as a listing, its names read again, marks that leap,
 * and new UIDVALIDITYs that keep all the rest, also after a crash half-way.
 */
#include "box.h"

#include "store/folderfile.h"
#include "store/restored.h"

struct seen {
	struct arena a;
	struct str dir[20], file[40], text[40], name[40];
	size_t ndirs, nfiles, nnames;
	int at_end;
};

static int on_file(void *arg, struct str path, struct str content)
{
	struct seen *s = arg;

	s->file[s->nfiles] = arena_str(&s->a, path);
	s->text[s->nfiles++] = arena_str(&s->a, content);
	return 0;
}

static int on_folder(void *arg, struct str dir)
{
	struct seen *s = arg;

	s->dir[s->ndirs++] = arena_str(&s->a, dir);
	return 0;
}

static int on_message(void *arg, struct str name)
{
	struct seen *s = arg;

	s->name[s->nnames++] = arena_str(&s->a, name);
	return 0;
}

static int on_end(void *arg)
{
	((struct seen *)arg)->at_end++;
	return 0;
}

static struct str file_of(const struct seen *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->nfiles; i++)
		if (str_eqc(s->file[i], path))
			return s->text[i];
	return STR("");
}

static void save(struct box *b, const char *text, uint32_t flags, const char *keyword, int64_t date)
{
	struct str k = str_of(keyword);
	struct store_save_options opt = { .folder = STR("INBOX"), .flags = flags, .keyword = &k,
		.nkeywords = keyword ? 1 : 0, .internaldate = date };
	struct store_save *w;
	uint32_t v, uid;

	assert_int_equal(store_save_begin(b->s, &opt, 0, &w), 0);
	assert_int_equal(store_save_write(w, text, strlen(text)), 0);
	assert_int_equal(store_save_commit(w, &v, &uid), 0);
}

static void fill(struct box *b)
{
	save(b, "Subject: a\r\n\r\n1\r\n", STORE_SEEN, NULL, 1000000000);
	save(b, "Subject: b\r\n\r\n2\r\n", STORE_FLAGGED | STORE_ANSWERED, "$Forwarded", 1000000001);
	save(b, "Subject: c\r\n\r\n3\r\n", 0, "Urgent", 1000000002);
}

static void list(struct box *b, struct seen *s)
{
	const struct store_listing l = { on_file, on_folder, on_message, on_end, s };

	*s = (struct seen){ .at_end = 0 };
	arena_init(&s->a);
	assert_int_equal(store_list(b->s, &l), 0);
}

static void test_listing_and_its_names(void **state)
{
	struct box *b = *state;
	struct store_listed_folder *f;
	struct store_listed m;
	struct store_file id;
	struct seen s;
	size_t i;
	int fd;

	fill(b);
	list(b, &s);
	assert_int_equal(s.ndirs, 6);
	assert_int_equal(s.nnames, 3);
	assert_int_equal(s.at_end, 1);
	assert_true(file_of(&s, "Maildir/mansio-subscriptions").n > 0);
	assert_int_equal(store_listed_folder(STR("Maildir"), file_of(&s, "Maildir/mansio-folder"),
		file_of(&s, "Maildir/mansio-extra"), &s.a, &f), 0);
	assert_true(str_eqc(store_listed_name(f), "INBOX"));
	for (i = 0; i < 3; i++) {
		assert_int_equal(store_listed_message(f, s.name[i], &m), 0);
		assert_int_equal(m.uid, store_list_uid(s.name[i]));
		assert_int_equal(m.internaldate, 1000000000 + m.uid - 1);
		assert_int_equal(m.flags, m.uid == 1 ? STORE_SEEN : m.uid == 2 ? STORE_FLAGGED | STORE_ANSWERED : 0);
		assert_int_equal(m.nkeywords, m.uid == 1 ? 0 : 1);
		if (m.uid > 1)
			assert_true(str_eqc(m.keyword[0], m.uid == 2 ? "$Forwarded" : "Urgent"));
		assert_int_equal(store_list_stat(b->s, STR("Maildir"), s.name[i], &id), 0);
		assert_int_equal(id.size, m.size);
		fd = store_list_open(b->s, STR("Maildir"), s.name[i]);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(store_list_open(b->s, STR("Maildir"), STR("cur/gone")), -ENOENT);
	assert_int_equal(store_listed_folder(STR("Maildir/../x"), STR(""), STR(""), &s.a, &f), E_SYNTAX);
	assert_int_equal(store_listed_message(f, STR("tmp/1.a.b"), &m), E_SYNTAX);
	arena_done(&s.a);
}

static void test_marks_leap_over_all_that_was_given(void **state)
{
	static const char text[] = "mansio-folder 1\nid 00f1e2d3c4b5a697\nuidvalidity 7\nuidnext 257\nmodseq 4097\nkeyword 0 a\nnew 1\n";
	struct folderfile f;
	struct arena a;
	struct buf b;
	int i;

	(void)state;
	arena_init(&a);
	buf_init(&b, 4096);
	assert_int_equal(store_leap(str_of(text), &b), 0);
	assert_int_equal(folderfile_parse(buf_view(&b), &a, &f), 0);
	assert_int_equal(f.uidvalidity, 7);
	assert_true(f.uidnext >= 1000257 && f.modseq > UINT64_C(1) << 40);
	assert_true(str_search(buf_view(&b), STR("new 1\n")) > 0);
	for (i = 0; i < 5000; i++) {
		struct str again = arena_str(&a, buf_view(&b));

		buf_reset(&b);
		if (store_leap(again, &b) == E_LIMIT)
			break;
		assert_int_equal(folderfile_parse(buf_view(&b), &a, &f), 0);
	}
	assert_true(i > 4000 && i < 5000);
	buf_done(&b);
	arena_done(&a);
}

static void check_inbox(struct box *b, uint32_t older_than)
{
	struct store_view *v;

	assert_int_equal(store_select(b->s, STR("INBOX"), true, &v), 0);
	assert_true(v->uidvalidity > older_than);
	assert_int_equal(v->n, 3);
	assert_int_equal(v->rec[0].uid, 1);
	assert_int_equal(v->rec[1].uid, 2);
	assert_int_equal(v->rec[1].flags & 31, STORE_FLAGGED | STORE_ANSWERED);
	assert_true(v->rec[1].keywords && v->rec[2].keywords && v->rec[1].keywords != v->rec[2].keywords);
	assert_int_equal(v->rec[2].internaldate, 1000000002);
	store_deselect(v);
}

static uint32_t uidvalidity(struct box *b)
{
	struct store_status st;

	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	return st.uidvalidity;
}

static void test_new_uidvalidities_keep_the_rest(void **state)
{
	struct box *b = *state;
	uint32_t old;

	fill(b);
	old = uidvalidity(b);
	assert_int_equal(store_restored(b->s), 0);
	check_inbox(b, old);
	old = uidvalidity(b);
	assert_int_equal(store_restored(b->s), 0);
	check_inbox(b, old);
}

/* A plan that was begun: one file has its new name already, the identity not, or the other way round. */
static void test_a_crash_half_way_is_finished_by_the_next_opening(void **state)
{
	struct box *b = *state;
	char plan[200], text[200];
	uint32_t old;
	int fd, n;

	fill(b);
	old = uidvalidity(b);
	n = snprintf(text, sizeof(text), "%u %u Maildir\n", old, old + 1000);
	snprintf(plan, sizeof(plan), "%s/" RESTORED_PLAN, b->dir);
	fd = open(plan, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
	box_reopen(b);
	assert_int_equal(access(plan, F_OK), -1);
	assert_int_equal(uidvalidity(b), old + 1000);
	check_inbox(b, old);
	/* the same plan once more: its first half is done */
	fd = open(plan, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, text, (size_t)n), n);
	close(fd);
	box_reopen(b);
	assert_int_equal(uidvalidity(b), old + 1000);
	check_inbox(b, old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_listing_and_its_names, box_setup, box_teardown),
		cmocka_unit_test(test_marks_leap_over_all_that_was_given),
		cmocka_unit_test_setup_teardown(test_new_uidvalidities_keep_the_rest, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(test_a_crash_half_way_is_finished_by_the_next_opening, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
