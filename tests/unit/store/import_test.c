/* SPDX-License-Identifier: ISC
 *
 * Messages that another server had: whose UIDs they get, when they do not, and what a second
 * run knows.
 */
#include "tests/unit/store/box.h"

#include "base/file.h"

static struct store_import *begin(struct box *b, uint32_t validity, uint32_t next, enum store_import_uids *uids)
{
	struct store_import_options o = { .folder = STR("INBOX"), .source = STR("test"), .special = STR(""),
		.uidvalidity = validity, .uidnext = next };
	struct store_import *im = NULL;

	assert_int_equal(store_import_begin(b->s, &o, &im, uids), 0);
	return im;
}

static void id_of(uint32_t n, char out[40])
{
	snprintf(out, 40, "I%030u", n);
}

/* Message n with this UID at the source; the UID it got. */
static uint32_t add(struct box *b, struct store_import *im, uint32_t n, uint32_t uid)
{
	struct str keyword = STR("$Work");
	struct store_import_message m = { .uid = uid, .flags = STORE_SEEN, .keyword = &keyword, .nkeywords = 1,
		.internaldate = 1000000000 + n, .uidl = STR("old-id"), .fd = store_import_file(b->s) };
	char id[40], text[64];
	int len = snprintf(text, sizeof(text), "Subject: %u\r\n\r\nx\r\n", n);

	id_of(n, id);
	m.id = str_of(id);
	m.size = m.wire = (uint64_t)len;
	assert_true(m.fd >= 0);
	assert_int_equal(file_write_all(m.fd, text, (size_t)len), 0);
	assert_int_equal(store_import_add(im, &m, 1), 0);
	return m.uid_out;
}

static bool known(struct store_import *im, uint32_t n)
{
	struct store_imported was;
	char id[40];

	id_of(n, id);
	return store_import_find(im, str_of(id), &was);
}

static void an_empty_folder_becomes_the_source(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im = begin(b, 4711, 100, &uids);
	struct store_view *v;
	struct buf uidl;

	assert_int_equal(uids, STORE_UIDS_KEPT);
	assert_int_equal(add(b, im, 1, 5), 5);
	assert_int_equal(add(b, im, 2, 50), 50);
	assert_int_equal(store_import_end(im, true), 0);
	v = box_select(b, "INBOX");
	assert_true(v->uidvalidity == 4711 && v->n == 2 && v->uidnext == 100);
	assert_true(v->rec[0].uid == 5 && v->rec[1].uid == 50 && v->rec[0].internaldate == 1000000001);
	assert_true((v->rec[0].flags & 31) == STORE_SEEN && v->nkeywords == 1);
	buf_init(&uidl, 100);
	assert_int_equal(store_pop3_uidl(v, 0, &uidl), 0);
	assert_string_equal(buf_cstr(&uidl), "old-id");
	buf_done(&uidl);
	store_deselect(v);
	assert_int_equal(box_save(b, "INBOX", "later", 0), 100);
	/* new folders have higher ones */
	assert_int_equal(store_create(b->s, STR("New"), STR("")), 0);
	v = box_select(b, "New");
	assert_true(v->uidvalidity > 4711);
	store_deselect(v);
}

static void a_rebuilt_index_has_the_same_numbers(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im = begin(b, 4711, 100, &uids);
	struct store_view *v;

	add(b, im, 1, 5);
	add(b, im, 2, 99);
	assert_int_equal(store_import_end(im, true), 0);
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_true(v->uidvalidity == 4711 && v->n == 2 && v->rec[0].uid == 5 && v->rec[1].uid == 99 && v->uidnext >= 100);
	store_deselect(v);
}

static void a_run_that_broke_off_goes_on_and_others_keep_out(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im = begin(b, 4711, 100, &uids);

	add(b, im, 1, 5);
	assert_int_equal(store_import_end(im, false), 0);
	box_reopen(b);
	im = begin(b, 4711, 101, &uids);
	assert_int_equal(uids, STORE_UIDS_KEPT);
	assert_true(known(im, 1) && !known(im, 2));
	assert_int_equal(store_import_lowest(im), 6);
	assert_int_equal(add(b, im, 2, 6), 6);
	assert_int_equal(store_import_end(im, false), 0);
	/* mail that comes now has a UID that the source never gave */
	assert_int_equal(box_save(b, "INBOX", "new", 0), 101);
	im = begin(b, 4711, 101, &uids);
	assert_int_equal(uids, STORE_UIDS_KEPT);
	assert_int_equal(add(b, im, 3, 7), 102);
	assert_int_equal(store_import_moved(im), 1);
	assert_int_equal(store_import_end(im, true), 0);
}

static void mail_of_our_own_keeps_the_folder_ours(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im;
	struct store_status st;

	box_save(b, "INBOX", "first", 0);
	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	im = begin(b, 4711, 100, &uids);
	assert_int_equal(uids, STORE_UIDS_TAKEN);
	assert_int_equal(add(b, im, 1, 5), 2);
	assert_int_equal(store_import_end(im, true), 0);
	assert_int_not_equal(st.uidvalidity, 4711);
}

static void the_same_uidvalidity_by_chance(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im;
	struct store_status st;

	box_save(b, "INBOX", "first", 0);
	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	im = begin(b, st.uidvalidity, 100, &uids);
	assert_int_equal(uids, STORE_UIDS_TAKEN);
	assert_int_equal(add(b, im, 1, 1), 2);
	assert_int_equal(store_import_end(im, true), 0);
}

static void what_is_gone_at_the_source_and_what_was_removed_here(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im = begin(b, 4711, 10, &uids);
	struct store_import_missing *gone;
	struct store_view *v;
	struct arena a;
	uint32_t first = 0;
	size_t n;

	add(b, im, 1, 1);
	add(b, im, 2, 2);
	add(b, im, 3, 3);
	assert_int_equal(store_import_end(im, true), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_expunge(v, &first, 1), 0);
	store_deselect(v);
	arena_init(&a);
	im = begin(b, 4711, 10, &uids);
	assert_true(known(im, 1)); /* removed here, but not to come back */
	assert_true(known(im, 3));
	store_import_missing(im, &a, &gone, &n);
	assert_true(n == 1 && gone[0].uid == 2);
	assert_int_equal(store_import_forget(im, gone[0].id), 0);
	assert_int_equal(store_import_end(im, true), 0);
	/* without the memory what is here is known by its name */
	box_rm("import");
	im = begin(b, 4711, 10, &uids);
	assert_true(!known(im, 1) && known(im, 2) && known(im, 3));
	store_import_missing(im, &a, &gone, &n);
	assert_int_equal(n, 0);
	assert_int_equal(store_import_end(im, false), 0);
	arena_done(&a);
}

static void a_torn_memory_is_read_as_far_as_it_is_whole(void **state)
{
	struct box *b = *state;
	enum store_import_uids uids;
	struct store_import *im = begin(b, 4711, 10, &uids);
	struct dirent *e;
	char path[600] = "";
	struct stat st;
	DIR *d;

	add(b, im, 1, 1);
	add(b, im, 2, 2);
	assert_int_equal(store_import_end(im, true), 0);
	d = opendir("import");
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			snprintf(path, sizeof(path), "import/%s", e->d_name);
	closedir(d);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
	im = begin(b, 4711, 10, &uids);
	assert_true(known(im, 1) && known(im, 2)); /* 2: by its name */
	assert_int_equal(add(b, im, 3, 3), 10); /* below UIDNEXT, which was told: not any more */
	assert_int_equal(store_import_end(im, true), 0);
	im = begin(b, 4711, 10, &uids);
	assert_true(known(im, 3));
	assert_int_equal(store_import_end(im, false), 0);
}

static void odd_arguments(void **state)
{
	struct box *b = *state;
	struct store_import_options o = { .folder = STR("../x"), .source = STR("test"), .special = STR("") };
	struct store_import_message m = { .id = STR("../../etc/passwd"), .fd = -1 };
	enum store_import_uids uids;
	struct store_import *im;

	assert_int_equal(store_import_begin(b->s, &o, &im, &uids), E_SYNTAX);
	im = begin(b, UINT32_MAX - 1, 5, &uids);
	assert_int_equal(uids, STORE_UIDS_KEPT);
	m.fd = store_import_file(b->s);
	m.uidl = STR("");
	assert_int_equal(store_import_add(im, &m, 1), E_SYNTAX);
	assert_int_equal(store_import_end(im, true), 0);
	/* a UIDVALIDITY that leaves none above it does not stop new folders */
	assert_int_equal(store_create(b->s, STR("New"), STR("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_folder_becomes_the_source, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(a_rebuilt_index_has_the_same_numbers, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(a_run_that_broke_off_goes_on_and_others_keep_out, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(mail_of_our_own_keeps_the_folder_ours, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(the_same_uidvalidity_by_chance, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(what_is_gone_at_the_source_and_what_was_removed_here, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(a_torn_memory_is_read_as_far_as_it_is_whole, box_setup, box_teardown),
		cmocka_unit_test_setup_teardown(odd_arguments, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
