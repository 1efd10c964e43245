/* SPDX-License-Identifier: ISC
 *
 * store_test.c: the door of the store: folders, saving, views, flags, moves.
 */
#include "box.h"

#include <sys/file.h>

static void test_first_open_makes_standard_folders(void **state)
{
	struct box *b = *state;
	struct store_folder *f;
	struct arena a;
	size_t n;

	arena_init(&a);
	assert_int_equal(store_folders(b->s, &a, &f, &n), 0);
	assert_int_equal(n, 6);
	assert_true(str_eqc(f[0].name, "INBOX"));
	assert_true(str_eqc(f[1].name, "Archive"));
	assert_true(str_eqc(f[1].special, "\\Archive"));
	assert_int_equal(f[1].flags, STORE_SUBSCRIBED);
	arena_done(&a);
}

static void test_save_and_read(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_desc d;
	struct store_msg m;
	struct arena a;
	struct buf out;

	assert_int_equal(box_save(b, "INBOX", "one", STORE_SEEN), 1);
	assert_int_equal(box_save(b, "INBOX", "two", 0), 2);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 2);
	assert_int_equal(v->recent, 2);
	assert_int_equal(v->uidnext, 3);
	assert_int_equal(v->rec[0].flags & 31, STORE_SEEN);
	assert_int_equal(store_msg_open(v, 1, &m), 0);
	assert_true(m.direct);
	assert_int_equal(store_msg_load(&m), 0);
	assert_int_equal(m.text.n, v->rec[1].size);
	assert_true(str_search(m.text, STR("Subject: two")) > 0);
	store_msg_close(&m);
	assert_int_equal(store_msg_open(v, 0, &m), 0);
	buf_init(&out, 100);
	assert_int_equal(store_msg_read(&m, 6, 13, &out), 0);
	assert_true(str_eqc(buf_view(&out), "a@example.org"));
	buf_done(&out);
	store_msg_close(&m);
	arena_init(&a);
	assert_int_equal(store_describe(v, 1, STORE_WANT_ENVELOPE, &a, &d), 0);
	assert_true(str_search(d.envelope, STR("\"two\"")) > 0);
	assert_true(str_search(d.headers, STR("Subject: two\r\n")) >= 0);
	assert_true(d.bodystructure.n > d.body.n);
	arena_done(&a);
	store_deselect(v);
	v = box_select(b, "INBOX");
	assert_int_equal(v->recent, 0);
	store_deselect(v);
}

static void test_bare_lf_is_sent_as_crlf(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_msg m;
	struct store_desc d;
	struct arena a;

	box_foreign(b, "new", "1700000000.M1P1.host", "lf");
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 1);
	assert_int_equal(v->rec[0].internaldate, 1700000000);
	assert_int_equal(store_msg_open(v, 0, &m), 0);
	assert_false(m.direct);
	assert_int_equal(store_msg_load(&m), 0);
	assert_true(str_eqc(m.text, "Subject: lf\r\n\r\nfrom outside\r\n"));
	assert_int_equal(m.text.n, v->rec[0].size);
	store_msg_close(&m);
	arena_init(&a);
	assert_int_equal(store_describe(v, 0, STORE_WANT_HEADERS, &a, &d), 0);
	assert_true(str_eqc(d.headers, "Subject: lf\r\n"));
	arena_done(&a);
	store_deselect(v);
}

static void test_flags_and_keywords(void **state)
{
	struct box *b = *state;
	struct store_view *v, *w;
	struct store_changes c;
	struct str kw[2] = { STR("$Label1"), STR("Work") };
	uint32_t *changed, index[2] = { 0, 1 };
	char path[600];
	size_t n;
	struct arena a;
	bool gone;

	arena_init(&a);
	box_save(b, "INBOX", "one", 0);
	box_save(b, "INBOX", "two", STORE_SEEN);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	assert_int_equal(store_set_flags(v, index, 2, STORE_ADD, STORE_SEEN, kw, 0, &a, &changed, &n, &gone), 0);
	assert_int_equal(n, 1);
	assert_int_equal(changed[0], 0);
	assert_int_equal(store_set_flags(v, index, 1, STORE_ADD, STORE_FLAGGED, kw, 2, &a, &changed, &n, &gone), 0);
	assert_int_equal(v->nkeywords, 2);
	assert_int_equal(v->rec[0].keywords, 3);
	box_find(b, "cur", ":2,FSab", path);
	assert_true(path[0]);
	c = box_sync(w, &a);
	assert_int_equal(c.nchanged, 1);
	assert_true(c.keywords);
	assert_int_equal(w->rec[0].keywords, 3);
	assert_int_equal(w->rec[0].flags & 31, STORE_SEEN | STORE_FLAGGED);
	assert_int_equal(w->highestmodseq, v->highestmodseq);
	c = box_sync(v, &a);
	assert_int_equal(c.nchanged, 0);
	assert_int_equal(store_set_flags(v, index, 1, STORE_SET, 0, kw, 1, &a, &changed, &n, &gone), 0);
	assert_int_equal(v->rec[0].keywords, 1);
	assert_int_equal(v->rec[0].flags & 31, 0);
	store_deselect(v);
	store_deselect(w);
	arena_done(&a);
}

static void test_keywords_beyond_26_survive_the_index(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct str kw[70];
	uint32_t *changed, index = 0;
	size_t n;
	struct arena a;
	bool gone;
	int i;

	arena_init(&a);
	for (i = 0; i < 70; i++)
		kw[i] = str_of(arena_fmt(&a, "k%d", i));
	box_save(b, "INBOX", "one", 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, 0, kw, 64, &a, &changed, &n, &gone), 0);
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, 0, kw, 70, &a, &changed, &n, &gone), E_LIMIT);
	assert_int_equal(store_set_flags(v, &index, 1, STORE_CLEAR, 0, kw + 30, 2, &a, &changed, &n, &gone), 0);
	store_deselect(v);
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(v->rec[0].keywords, ~(UINT64_C(3) << 30));
	store_deselect(v);
	arena_done(&a);
}

static void test_expunge_sequence_numbers(void **state)
{
	struct box *b = *state;
	struct store_view *v, *w;
	struct store_changes c;
	uint32_t index[2] = { 1, 3 };
	struct arena a;
	int i;

	arena_init(&a);
	for (i = 0; i < 5; i++)
		box_save(b, "INBOX", "x", i == 4 ? STORE_DELETED : 0);
	v = box_select(b, "INBOX");
	w = box_select(b, "INBOX");
	assert_int_equal(store_expunge(v, index, 2), 0);
	assert_true(v->rec[1].flags & STORE_GONE);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 2);
	assert_int_equal(c.expunged[0], 2);
	assert_int_equal(c.expunged[1], 3);
	assert_int_equal(c.expunged_uid[1], 4);
	assert_int_equal(v->n, 3);
	assert_int_equal(store_expunge(v, NULL, 0), 0);
	assert_int_equal(store_sync(w, false, &a, &c), 0);
	assert_int_equal(c.nexpunged, 0);
	assert_int_equal(w->n, 5);
	assert_true(w->rec[4].flags & STORE_GONE);
	c = box_sync(w, &a);
	assert_int_equal(c.nexpunged, 3);
	assert_int_equal(w->n, 2);
	assert_int_equal(w->rec[1].uid, 3);
	store_deselect(v);
	store_deselect(w);
	arena_done(&a);
}

static void test_copy_and_move(void **state)
{
	struct box *b = *state;
	struct store_view *v, *t;
	struct store_copied copied;
	struct store_changes c;
	struct str kw[2] = { STR("Blue"), STR("Green") };
	uint32_t *changed, index[2] = { 0, 1 };
	struct store_desc d;
	size_t n;
	struct arena a;
	bool gone;

	arena_init(&a);
	box_save(b, "INBOX", "one", STORE_FLAGGED);
	box_save(b, "INBOX", "two", 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_set_flags(v, index, 1, STORE_ADD, 0, kw, 2, &a, &changed, &n, &gone), 0);
	assert_int_equal(store_copy(v, index, 2, STR("Nowhere"), false, &a, &copied), E_NOTFOUND);
	assert_int_equal(store_copy(v, index, 2, STR("Archive"), false, &a, &copied), 0);
	assert_int_equal(copied.n, 2);
	assert_int_equal(copied.to[1], 2);
	assert_int_equal(store_copy(v, index, 1, STR("Archive"), true, &a, &copied), 0);
	assert_int_equal(copied.to[0], 3);
	assert_int_equal(copied.from[0], 1);
	c = box_sync(v, &a);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(v->n, 1);
	t = box_select(b, "Archive");
	assert_int_equal(t->n, 3);
	assert_int_equal(t->rec[0].keywords, 3);
	assert_true(str_eqc(t->keyword[0], "Blue"));
	assert_true(str_eqc(t->keyword[1], "Green"));
	assert_int_equal(t->rec[2].flags & 31, STORE_FLAGGED);
	assert_int_equal(store_describe(t, 2, STORE_WANT_ENVELOPE, &a, &d), 0);
	assert_true(str_search(d.envelope, STR("\"one\"")) > 0);
	store_deselect(t);
	/* Into the same folder. */
	assert_int_equal(store_copy(v, index, 1, STR("INBOX"), false, &a, &copied), 0);
	assert_int_equal(copied.to[0], 3);
	c = box_sync(v, &a);
	assert_true(c.exists);
	assert_int_equal(v->n, 2);
	store_deselect(v);
	arena_done(&a);
}

static void test_folders(void **state)
{
	struct box *b = *state;
	struct store_folder *f;
	struct store_view *v;
	struct store_changes c;
	struct arena a;
	size_t n, i;
	bool there, found = false;

	arena_init(&a);
	assert_int_equal(store_create(b->s, STR("A/B.x/\xc3\xa9"), STR("")), 0);
	assert_int_equal(store_create(b->s, STR("A/B.x"), STR("")), E_EXISTS);
	assert_int_equal(store_create(b->s, STR("A/../B"), STR("")), E_SYNTAX);
	assert_int_equal(store_create(b->s, STR("A//B"), STR("")), E_SYNTAX);
	assert_int_equal(store_create(b->s, STR("A\n"), STR("")), E_SYNTAX);
	assert_int_equal(store_create(b->s, STR("inbox"), STR("")), E_EXISTS);
	assert_int_equal(store_delete(b->s, STR("INBOX")), E_DENIED);
	assert_int_equal(store_delete(b->s, STR("none")), E_NOTFOUND);
	box_save(b, "A/B.x/\xc3\xa9", "deep", 0);
	v = box_select(b, "A/B.x/\xc3\xa9");
	assert_int_equal(store_delete(b->s, STR("A")), 0);
	assert_int_equal(store_rename(b->s, STR("A"), STR("C/D")), 0);
	assert_int_equal(store_sync(v, true, &a, &c), E_STALE);
	store_deselect(v);
	assert_int_equal(store_folder_exists(b->s, STR("C/D/B.x/\xc3\xa9"), &there), 0);
	assert_true(there);
	v = box_select(b, "C/D/B.x/\xc3\xa9");
	assert_int_equal(v->n, 1);
	assert_int_equal(store_rename(b->s, STR("C/D"), STR("C/D/E")), E_SYNTAX);
	assert_int_equal(store_rename(b->s, STR("C"), STR("Sent")), E_EXISTS);
	assert_int_equal(store_delete(b->s, STR("C/D/B.x/\xc3\xa9")), 0);
	assert_int_equal(store_sync(v, true, &a, &c), E_STALE);
	store_deselect(v);
	assert_int_equal(store_subscribe(b->s, STR("Gone"), true), 0);
	assert_int_equal(store_folders(b->s, &a, &f, &n), 0);
	for (i = 0; i < n; i++)
		if (str_eqc(f[i].name, "Gone"))
			found = (f[i].flags & STORE_NONEXISTENT) && (f[i].flags & STORE_SUBSCRIBED);
		else if (str_eqc(f[i].name, "C/D"))
			assert_int_equal(f[i].flags, STORE_NOSELECT | STORE_HASCHILDREN);
	assert_true(found);
	arena_done(&a);
}

static void test_uidvalidity_never_comes_again(void **state)
{
	struct box *b = *state;
	struct store_status one, two;

	assert_int_equal(store_create(b->s, STR("X"), STR("")), 0);
	assert_int_equal(store_status(b->s, STR("X"), &one), 0);
	assert_int_equal(store_delete(b->s, STR("X")), 0);
	assert_int_equal(store_create(b->s, STR("X"), STR("")), 0);
	assert_int_equal(store_status(b->s, STR("X"), &two), 0);
	assert_true(two.uidvalidity > one.uidvalidity);
}

static void test_rename_of_inbox_moves_its_messages(void **state)
{
	struct box *b = *state;
	struct store_status st;

	box_save(b, "INBOX", "one", 0);
	box_save(b, "INBOX", "two", 0);
	assert_int_equal(store_rename(b->s, STR("INBOX"), STR("Old/2026")), 0);
	assert_int_equal(store_status(b->s, STR("INBOX"), &st), 0);
	assert_int_equal(st.messages, 0);
	assert_int_equal(store_status(b->s, STR("Old/2026"), &st), 0);
	assert_int_equal(st.messages, 2);
	assert_int_equal(st.unseen, 2);
}

static void test_interrupted_rename_is_finished(void **state)
{
	struct box *b = *state;
	char path[200];
	bool there;
	int fd;

	assert_int_equal(store_create(b->s, STR("P/Q"), STR("")), 0);
	assert_int_equal(rename("Maildir/.P", "Maildir/.R"), 0);
	snprintf(path, sizeof(path), "%s/Maildir/mansio-rename", b->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, ".P\n.R\n", 6), 6);
	close(fd);
	box_reopen(b);
	assert_int_equal(store_folder_exists(b->s, STR("R/Q"), &there), 0);
	assert_true(there);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* A session that was open then changes folders: the rename is finished first, and what
 * stands in its way does not shut the mailbox. */
static void test_interrupted_rename_and_an_open_session(void **state)
{
	struct box *b = *state;
	struct store_folder *f;
	struct arena a;
	size_t n, i;
	bool there;
	int fd;

	arena_init(&a);
	assert_int_equal(store_create(b->s, STR("P/Q"), STR("")), 0);
	assert_int_equal(rename("Maildir/.P", "Maildir/.R"), 0);
	fd = open("Maildir/mansio-rename", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, ".P\n.R\n", 6), 6);
	close(fd);
	assert_int_equal(store_folders(b->s, &a, &f, &n), 0);
	for (i = 0; i < n; i++)
		assert_false(str_starts(f[i].name, "P"));
	assert_int_equal(store_create(b->s, STR("P/Q"), STR("")), 0);
	assert_int_equal(store_folder_exists(b->s, STR("R/Q"), &there), 0);
	assert_true(there);
	assert_int_not_equal(access("Maildir/mansio-rename", F_OK), 0);
	fd = open("Maildir/mansio-rename", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, ".P\n.R\n", 6), 6);
	close(fd);
	box_reopen(b); /* .P cannot become .R: both stay */
	assert_int_equal(store_folder_exists(b->s, STR("P/Q"), &there), 0);
	assert_true(there);
	arena_done(&a);
}

/* Killed between the directory and what is in it: CREATE may be said again, and the
 * first opening goes on. */
static void test_interrupted_creation(void **state)
{
	struct box *b = *state;
	struct store_folder *f;
	struct arena a;
	size_t n, i, special = 0;

	arena_init(&a);
	assert_int_equal(mkdir("Maildir/.Half", 0700), 0);
	assert_int_equal(store_create(b->s, STR("Half"), STR("")), 0);
	assert_int_equal(box_save(b, "Half", "x", 0), 1);
	assert_int_equal(unlink("Maildir/mansio-subscriptions"), 0);
	assert_int_equal(rmdir("Maildir/.Sent/cur"), 0);
	assert_int_equal(unlink("Maildir/.Sent/mansio-folder"), 0);
	assert_int_equal(truncate("Maildir/.Junk/mansio-folder", 0), 0);
	box_reopen(b);
	assert_int_equal(store_folders(b->s, &a, &f, &n), 0);
	for (i = 0; i < n; i++)
		special += f[i].special.n > 0;
	assert_int_equal(special, 5);
	assert_int_equal(box_save(b, "Sent", "x", 0), 1);
	assert_int_equal(box_save(b, "Junk", "x", 0), 1);
	arena_done(&a);
}

static void test_moved_message_keeps_its_delivery_id(void **state)
{
	struct box *b = *state;
	struct store_view *v = NULL;
	struct store_copied copied;
	uint32_t uid, index = 0;
	struct arena a;

	arena_init(&a);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_copy(v, &index, 1, STR("Junk"), true, &a, &copied), 0);
	store_deselect(v);
	assert_int_equal(store_rebuild(b->s), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), E_EXISTS);
	arena_done(&a);
}

static void test_delivery_id_is_stored_once(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct store_copied copied;
	uint32_t uid, index = 0;
	struct arena a;

	arena_init(&a);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), 0);
	assert_int_equal(uid, 1);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), E_EXISTS);
	assert_int_equal(uid, 1);
	assert_int_equal(box_try_save(b, "INBOX", "y", 0, "4f2Qr2", &uid), 0);
	assert_int_equal(box_try_save(b, "INBOX", "y", 0, "bad-id", &uid), E_SYNTAX);
	/* a folder that is not there is still told; where the delivery lies does not matter */
	assert_int_equal(box_try_save(b, "Nowhere", "y", 0, "4f2Qr3", &uid), E_NOTFOUND);
	assert_int_equal(box_try_save(b, "Junk", "y", 0, "4f2Qr2", &uid), E_EXISTS);
	/* The loss of the index does not forget it. */
	assert_int_equal(store_rebuild(b->s), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), E_EXISTS);
	v = box_select(b, "INBOX");
	assert_int_equal(v->n, 2);
	assert_int_equal(store_copy(v, &index, 1, STR("Junk"), true, &a, &copied), 0);
	store_deselect(v);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, "4f2Qr1", &uid), E_EXISTS);
	arena_done(&a);
}

/* Nothing changes while somebody reads: what he was told stays true until he is done. */
static void test_a_save_waits_for_readers(void **state)
{
	struct box *b = *state;
	struct store_options o = box_options(b->dir);
	char found[600];
	uint32_t uid;
	int reader;

	store_close(b->s);
	o.lock_timeout_ms = 50;
	assert_int_equal(store_open(&o, &b->s), 0);
	reader = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(reader, LOCK_SH), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, NULL, &uid), E_TEMP);
	box_find(b, "cur", "", found);
	assert_string_equal(found, "");
	close(reader);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, NULL, &uid), 0);
}

static void test_quota(void **state)
{
	struct box *b = *state;
	struct store_options o = box_options(b->dir);
	struct store_save_options so = { .folder = STR("INBOX") };
	struct store_save *w;
	uint64_t bytes, messages;
	uint32_t uid;

	store_close(b->s);
	o.quota_messages = 2;
	o.quota_bytes = 100000;
	assert_int_equal(store_open(&o, &b->s), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, NULL, &uid), 0);
	assert_int_equal(store_save_begin(b->s, &so, 200000, &w), E_QUOTA);
	assert_int_equal(box_try_save(b, "Sent", "x", 0, NULL, &uid), 0);
	assert_int_equal(store_usage(b->s, &bytes, &messages), 0);
	assert_int_equal(messages, 2);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, NULL, &uid), E_QUOTA);
	assert_int_equal(store_delete(b->s, STR("Sent")), 0);
	assert_int_equal(box_try_save(b, "INBOX", "x", 0, NULL, &uid), 0);
}

static void test_large_message_and_savedate(void **state)
{
	struct box *b = *state;
	struct store_save_options o = { .folder = STR("INBOX"), .internaldate = 1000000000 };
	static char block[100000];
	struct store_view *v;
	struct store_save *w;
	struct store_msg m;
	uint32_t validity, uid;
	int i;

	memset(block, 'x', sizeof(block));
	memcpy(block, "Subject: big\r\n\r\n", 16);
	memcpy(block + sizeof(block) - 2, "\r\n", 2);
	assert_int_equal(store_save_begin(b->s, &o, 0, &w), 0);
	for (i = 0; i < 30; i++)
		assert_int_equal(store_save_write(w, block, sizeof(block)), 0);
	assert_int_equal(store_save_commit(w, &validity, &uid), 0);
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(v->rec[0].size, 3000000);
	assert_int_equal(v->rec[0].internaldate, 1000000000);
	assert_true(v->rec[0].savedate > 1700000000);
	assert_int_equal(store_msg_open(v, 0, &m), 0);
	assert_int_equal(store_msg_load(&m), 0);
	assert_int_equal(m.text.n, 3000000);
	store_msg_close(&m);
	store_deselect(v);
}

static void test_notify(void **state)
{
	struct box *b = *state;
	struct store_options o = box_options(b->dir);
	struct box other = *b;
	pid_t pid;
	int status;

	store_close(b->s);
	o.notify = true;
	assert_int_equal(store_open(&o, &b->s), 0);
	assert_true(store_notify_fd(b->s) >= 0);
	pid = fork();
	if (pid == 0) {
		uint32_t uid;

		other.s = NULL;
		box_reopen(&other);
		_exit(box_try_save(&other, "INBOX", "x", 0, NULL, &uid) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	{
		char text[64];
		ssize_t n = read(store_notify_fd(b->s), text, sizeof(text));

		assert_true(n > 5 && memcmp(text, "look ", 5) == 0);
	}
	store_notify_clear(b->s);
}

static void test_pop3_uidl(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	struct buf one, two;

	box_save(b, "INBOX", "x", 0);
	v = box_select(b, "INBOX");
	buf_init(&one, 100);
	buf_init(&two, 100);
	assert_int_equal(store_pop3_uidl(v, 0, &one), 0);
	store_deselect(v);
	assert_int_equal(store_rebuild(b->s), 0);
	v = box_select(b, "INBOX");
	assert_int_equal(store_pop3_uidl(v, 0, &two), 0);
	assert_true(one.n > 8 && str_eq(buf_view(&one), buf_view(&two)));
	store_deselect(v);
	buf_done(&one);
	buf_done(&two);
}

static void test_readonly_view_changes_nothing(void **state)
{
	struct box *b = *state;
	struct store_view *v;
	uint32_t index = 0, *changed;
	struct arena a;
	size_t n;
	bool gone;

	arena_init(&a);
	box_save(b, "INBOX", "x", 0);
	assert_int_equal(store_select(b->s, STR("INBOX"), true, &v), 0);
	assert_int_equal(v->recent, 1);
	assert_int_equal(store_expunge(v, NULL, 0), E_DENIED);
	assert_int_equal(store_set_flags(v, &index, 1, STORE_ADD, STORE_SEEN, NULL, 0, &a, &changed, &n, &gone), E_DENIED);
	store_deselect(v);
	v = box_select(b, "INBOX");
	assert_int_equal(v->recent, 1);
	store_deselect(v);
	arena_done(&a);
}

static void test_check_finds_and_mends(void **state)
{
	struct box *b = *state;
	struct buf report;
	size_t n;
	char path[600];

	buf_init(&report, 10000);
	box_save(b, "INBOX", "x", 0);
	assert_int_equal(store_check(b->s, false, &report, &n), 0);
	assert_int_equal(n, 0);
	box_find(b, "cur", "M=1.", path);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(store_check(b->s, false, &report, &n), 0);
	assert_int_equal(n, 1);
	assert_true(str_search(buf_view(&report), STR("10 bytes")) > 0);
	buf_done(&report);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_first_open_makes_standard_folders), T(test_save_and_read),
		T(test_bare_lf_is_sent_as_crlf), T(test_flags_and_keywords),
		T(test_keywords_beyond_26_survive_the_index), T(test_expunge_sequence_numbers),
		T(test_copy_and_move), T(test_folders), T(test_uidvalidity_never_comes_again),
		T(test_rename_of_inbox_moves_its_messages), T(test_interrupted_rename_is_finished),
		T(test_interrupted_rename_and_an_open_session), T(test_interrupted_creation),
		T(test_moved_message_keeps_its_delivery_id),
		T(test_delivery_id_is_stored_once), T(test_a_save_waits_for_readers), T(test_quota), T(test_large_message_and_savedate),
		T(test_notify), T(test_pop3_uidl), T(test_readonly_view_changes_nothing),
		T(test_check_finds_and_mends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
