/* SPDX-License-Identifier: ISC
 *
 * change.c: mailboxes to begin with, and the changes that are made to them.
 */
#include "tests/crash/crash.h"

#include <fcntl.h>
#include <unistd.h>

static int save_with(struct store *s, const char *folder, const char *subject, uint32_t flags,
	const struct str *keyword, size_t nkeywords, const char *id)
{
	struct store_save_options o = { .folder = str_of(folder), .flags = flags, .keyword = keyword,
		.nkeywords = nkeywords, .internaldate = id ? 0 : 1700000000, .delivery_id = str_of(id ? id : "") };
	struct store_save *w;
	uint32_t validity, uid;
	struct buf text;
	size_t at;
	int err;

	buf_init(&text, 2 * BIG);
	text_of(subject, &text);
	err = store_save_begin(s, &o, text.n, &w);
	for (at = 0; !err && at < text.n; at += 300000) {
		err = store_save_write(w, text.p + at, MIN((size_t)300000, text.n - at));
		if (err)
			store_save_abort(w);
	}
	buf_done(&text);
	return err ? err : store_save_commit(w, &validity, &uid);
}

static int save(struct store *s, const char *folder, const char *subject, uint32_t flags, const char *keyword,
	const char *id)
{
	struct str kw = str_of(keyword ? keyword : "");

	return save_with(s, folder, subject, flags, &kw, keyword ? 1 : 0, id);
}

static int with_view(struct store *s, const char *folder, int (*fn)(struct store_view *v, struct arena *a))
{
	struct store_view *v;
	struct arena a;
	int err = store_select(s, str_of(folder), false, &v);

	if (err)
		return err;
	arena_init(&a);
	err = fn(v, &a);
	store_deselect(v);
	arena_done(&a);
	return err;
}

static const uint32_t some[] = { 0, 2, 3 };

static int set_flags(struct store_view *v, struct arena *a, enum store_op op, uint32_t flags, const char *kw)
{
	struct str keyword = str_of(kw ? kw : "");
	uint32_t *changed;
	size_t n;
	bool gone;

	return store_set_flags(v, some, MIN(v->n, 3u), op, flags, &keyword, kw ? 1 : 0, a, &changed, &n, &gone);
}

static int flag_view(struct store_view *v, struct arena *a)
{
	return set_flags(v, a, STORE_ADD, STORE_FLAGGED | STORE_ANSWERED, NULL);
}

static int keyword_view(struct store_view *v, struct arena *a)
{
	return set_flags(v, a, STORE_ADD, 0, "Fresh");
}

static int copy_view(struct store_view *v, struct arena *a)
{
	struct store_copied c;

	return store_copy(v, some, 3, STR("Archive"), false, a, &c);
}

/* Done again: what is still there of the three. */
static int move_view(struct store_view *v, struct arena *a)
{
	struct store_copied c;
	uint32_t index[3], n = 0, i;

	for (i = 0; i < v->n; i++)
		if (v->rec[i].uid == 1 || v->rec[i].uid == 3 || v->rec[i].uid == 4)
			index[n++] = i;
	return n ? store_copy(v, index, n, STR("Archive"), true, a, &c) : 0;
}

static int mark_view(struct store_view *v, struct arena *a)
{
	return set_flags(v, a, STORE_ADD, STORE_DELETED, NULL);
}

static int expunge_view(struct store_view *v, struct arena *a UNUSED)
{
	return store_expunge(v, NULL, 0);
}

static int some_mail(struct store *s)
{
	static const char *const subject[] = { "one", "two", "three", "four", "five" };
	size_t i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_LEN(subject); i++)
		err = save(s, "INBOX", subject[i], i == 1 ? STORE_SEEN : 0, i == 2 ? "Work" : NULL, NULL);
	return err ? err : save(s, "Archive", "old", STORE_SEEN, NULL, NULL);
}

static int marked_mail(struct store *s)
{
	int err = some_mail(s);

	return err ? err : with_view(s, "INBOX", mark_view);
}

static int folder_tree(struct store *s);

static int folder_goal(struct store *s)
{
	int err = folder_tree(s);

	return err ? err : store_create(s, STR("Z"), STR(""));
}

static int folder_tree(struct store *s)
{
	int err = some_mail(s);

	if (!err)
		err = store_create(s, STR("A/B"), STR(""));
	if (!err)
		err = store_subscribe(s, STR("A/B"), true);
	if (!err)
		err = save(s, "A", "in a", STORE_FLAGGED, NULL, NULL);
	return err ? err : save(s, "A/B", "in a/b", 0, "Work", NULL);
}

/* More keywords than a file's name can hold: the next one goes into mansio-extra. */
static int keyword_mail(struct store *s)
{
	struct str kw[28];
	char name[28][8];
	size_t i;
	int err = some_mail(s);

	for (i = 0; i < ARRAY_LEN(kw); i++) {
		snprintf(name[i], sizeof(name[i]), "k%zu", i);
		kw[i] = str_of(name[i]);
	}
	return err ? err : save_with(s, "INBOX", "many", 0, kw, ARRAY_LEN(kw), NULL);
}

static int foreign_mail(struct store *s)
{
	char path[200], text[200];
	int err = some_mail(s), i, fd, n;

	for (i = 0; !err && i < 3; i++) {
		snprintf(path, sizeof(path), "%s/Maildir/new/170000000%d.M1P1.host", dir, i);
		n = snprintf(text, sizeof(text), "Subject: foreign %d\n\nfrom outside\n", i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		err = fd < 0 || write(fd, text, (size_t)n) != n;
		close(fd);
	}
	return err;
}

static int deliver(struct store *s)
{
	int err = save(s, "INBOX", "delivered", 0, NULL, "Q1r1");

	return err == E_EXISTS ? 0 : err;
}

static int append(struct store *s)
{
	return save(s, "Drafts", "appended", STORE_DRAFT | STORE_SEEN, "Fresh", NULL);
}

static int append_big(struct store *s)
{
	return save(s, "Drafts", "big one", STORE_SEEN, NULL, NULL);
}

static int flag(struct store *s)
{
	return with_view(s, "INBOX", flag_view);
}

static int keyword(struct store *s)
{
	return with_view(s, "INBOX", keyword_view);
}

static int copy(struct store *s)
{
	return with_view(s, "INBOX", copy_view);
}

static int move(struct store *s)
{
	return with_view(s, "INBOX", move_view);
}

static int expunge(struct store *s)
{
	return with_view(s, "INBOX", expunge_view);
}

static int create(struct store *s)
{
	int err = store_create(s, STR("New/Below/Deep"), STR(""));

	return err == E_EXISTS ? 0 : err;
}

static int delete(struct store *s)
{
	int err = store_delete(s, STR("A/B"));

	return err == E_NOTFOUND ? 0 : err;
}

static int rename_tree(struct store *s)
{
	int err = store_rename(s, STR("A"), STR("Z/Y"));

	return err == E_NOTFOUND || err == E_EXISTS ? 0 : err;
}

static int rename_inbox(struct store *s)
{
	int err = store_rename(s, STR("INBOX"), STR("Moved"));

	return err == E_EXISTS ? 0 : err;
}

static int subscribe(struct store *s)
{
	int err = store_subscribe(s, STR("Archive"), false);

	return err ? err : store_subscribe(s, STR("Elsewhere"), true);
}

static int look(struct store *s)
{
	struct store_status st;

	return store_status(s, STR("INBOX"), &st);
}

static int nothing(struct store *s UNUSED)
{
	return 0;
}

const struct scenario scenarios[] = {
	{ "deliver", some_mail, deliver, 0 },
	{ "deliver-again", some_mail, deliver, BLIND },
	{ "append", some_mail, append, DOUBLES },
	{ "append-big", some_mail, append_big, DOUBLES },
	{ "store", some_mail, flag, 0 },
	{ "keyword", some_mail, keyword, 0 },
	{ "keyword-many", keyword_mail, keyword, 0 },
	{ "copy", some_mail, copy, DOUBLES | ATOMIC },
	{ "move", some_mail, move, TWICE | DOUBLES },
	{ "expunge", marked_mail, expunge, 0 },
	{ "create", some_mail, create, 0 },
	{ "delete", folder_tree, delete, WHOLE },
	{ "rename", folder_goal, rename_tree, WHOLE },
	{ "rename-below-new", folder_tree, rename_tree, 0 },
	{ "rename-inbox", folder_tree, rename_inbox, TWICE | ONCE },
	{ "subscribe", some_mail, subscribe, 0 },
	{ "first-open", NULL, nothing, OPENS },
	{ "open-and-look", some_mail, look, OPENS },
	{ "adopt", foreign_mail, look, OPENS },
	{ "rebuild", some_mail, store_rebuild, 0 },
	{ NULL, NULL, NULL, 0 },
};
