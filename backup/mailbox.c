/* SPDX-License-Identifier: ISC
 *
 * mailbox.c: one mailbox into the backup, while mail goes on.
 *
 *     list (under the lock, a moment) ─> known already? ─> read what is not ─> all there: lists, mailbox
 *                   ▲                                            │
 *                   └──────── a file was gone or renamed ◄───────┘   (the last time under the lock)
 *
 * A message file never changes, so what the snapshot before had under the same
 * name, with the same inode, time and size, is not read again. Listing again when a
 * file is gone makes the snapshot one moment of the mailbox: a message that was
 * moved to another folder meanwhile is not missing.
 *
 * Memory: the names of one mailbox, about 200 bytes a message, and one list of before.
 */
#include "backup/mailbox.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define ROUNDS 5
#define LIST_MAX ((size_t)64 << 20)

struct entry {
	uint32_t uid, folder;
	const char *name; /* "cur/…" */
	struct store_file file;
	struct object_id id;
	bool known;
};
struct small {
	struct str path, content;
};
/* One listing. */
struct view {
	struct arena a;
	struct entry *e;
	size_t n, cap;
	struct str *dir;
	size_t ndirs, dirs_cap;
	struct small *small;
	size_t nsmall, small_cap;
};
struct take {
	struct repo *r;
	struct store *s;
	struct kept_mailbox before;
	bool has_before;
	uint64_t rate, bytes_read, read;
	int64_t began;
	struct view now, last; /* this listing, the one before it */
	bool last_round;
	size_t missing;
};

static void view_init(struct view *v)
{
	*v = (struct view){ .n = 0 };
	arena_init(&v->a);
}

static void view_done(struct view *v)
{
	arena_done(&v->a);
	free(v->e);
	free(v->dir);
	free(v->small);
	view_init(v);
}

/* --- the listing ---------------------------------------------------------------------- */

static int on_file(void *arg, struct str path, struct str content)
{
	struct view *v = &((struct take *)arg)->now;

	if (v->nsmall == v->small_cap) {
		v->small_cap = v->small_cap * 2 + 16;
		v->small = mem_grow(v->small, v->small_cap, sizeof(*v->small));
	}
	v->small[v->nsmall++] = (struct small){ arena_str(&v->a, path), arena_str(&v->a, content) };
	return 0;
}

static int on_folder(void *arg, struct str dir)
{
	struct view *v = &((struct take *)arg)->now;

	if (v->ndirs == v->dirs_cap) {
		v->dirs_cap = v->dirs_cap * 2 + 16;
		v->dir = mem_grow(v->dir, v->dirs_cap, sizeof(*v->dir));
	}
	v->dir[v->ndirs++] = arena_str(&v->a, dir);
	return 0;
}

static int on_message(void *arg, struct str name)
{
	struct view *v = &((struct take *)arg)->now;

	if (v->n == v->cap) {
		v->cap = v->cap * 2 + 256;
		v->e = mem_grow(v->e, v->cap, sizeof(*v->e));
	}
	v->e[v->n++] = (struct entry){ .uid = store_list_uid(name), .folder = (uint32_t)v->ndirs - 1,
		.name = arena_str(&v->a, name).p };
	return 0;
}

static int entry_cmp(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->folder != b->folder)
		return a->folder < b->folder ? -1 : 1;
	/* those without a number come last */
	if (a->uid != b->uid)
		return a->uid - 1 < b->uid - 1 ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* --- what is known already --------------------------------------------------------------- */

static bool same(const struct entry *e, struct str name, const struct store_file *f)
{
	return e->file.inode == f->inode && e->file.size == f->size && e->file.mtime == f->mtime &&
		str_eq(store_list_base(str_of(e->name)), store_list_base(name));
}

static uint32_t list_number(uint32_t uid)
{
	return uid ? uid / LIST_UIDS : UINT32_MAX;
}

static const struct kept_list *list_before(const struct take *t, struct str dir, uint32_t number)
{
	size_t i, k;

	for (i = 0; t->has_before && i < t->before.nfolders; i++) {
		const struct kept_folder *f = &t->before.folder[i];

		for (k = 0; str_eq(f->dir, dir) && k < f->nlists; k++)
			if (f->list[k].number == number)
				return &f->list[k];
	}
	return NULL;
}

/* By the list of the snapshot before: both are in the order of their UIDs. A list that cannot
 * be read is none: then the files are read. */
static void match_before(struct take *t, struct entry *e, size_t n)
{
	const struct kept_list *l = list_before(t, t->now.dir[e->folder], list_number(e->uid));
	struct kept_message *m;
	size_t nm, i, k = 0;
	struct arena a;
	struct buf b;

	if (!l)
		return;
	arena_init(&a);
	buf_init(&b, LIST_MAX);
	if (repo_get(t->r, &l->id, &b) == 0 && list_parse(buf_view(&b), &a, &m, &nm) == 0)
		for (i = 0; i < n; i++) {
			while (k < nm && store_list_uid(m[k].name) - 1 < e[i].uid - 1)
				k++;
			if (k < nm && !e[i].known) {
				struct store_file f = { m[k].inode, m[k].size, m[k].mtime };

				if (same(&e[i], m[k].name, &f) && repo_has(t->r, &m[k].id)) {
					e[i].id = m[k].id;
					e[i].known = true;
				}
			}
		}
	buf_done(&b);
	arena_done(&a);
}

/* By the round before: what was read then is not read again. */
static void match_last(struct take *t, struct entry *e)
{
	struct entry key = *e, *found;
	size_t i;

	for (i = 0; i < t->last.ndirs; i++)
		if (str_eq(t->last.dir[i], t->now.dir[e->folder]))
			break;
	if (i == t->last.ndirs || !t->last.n)
		return;
	key.folder = (uint32_t)i;
	found = bsearch(&key, t->last.e, t->last.n, sizeof(key), entry_cmp);
	/* another name with the same number: the flags changed */
	for (i = 0; !found && i < t->last.n; i++)
		if (t->last.e[i].folder == key.folder && t->last.e[i].uid == e->uid && e->uid)
			found = &t->last.e[i];
	if (found && found->known && same(e, str_of(found->name), &found->file)) {
		e->id = found->id;
		e->known = true;
	}
}

/* --- reading ------------------------------------------------------------------------------- */

static void slow_down(struct take *t, uint64_t bytes)
{
	int64_t due;

	t->bytes_read += bytes;
	if (!t->rate || t->last_round)
		return;
	due = t->began + (int64_t)((double)t->bytes_read * 1000 / (double)t->rate);
	while (due > clock_mono_ms()) {
		struct timespec ts = { .tv_nsec = 20000000 };

		nanosleep(&ts, NULL);
	}
}

static int read_entry(struct take *t, struct entry *e)
{
	int fd = store_list_open(t->s, t->now.dir[e->folder], str_of(e->name)), err;
	uint64_t size = 0;

	if (fd == -ENOENT) {
		t->missing++;
		return 0;
	}
	if (fd < 0)
		return fd;
	err = repo_put_fd(t->r, OBJECT_MESSAGE, fd, &e->id, &size);
	close(fd);
	if (err)
		return err;
	e->known = true;
	t->read++;
	slow_down(t, size);
	return 0;
}

static int know(struct take *t)
{
	struct view *v = &t->now;
	size_t i, k;
	int err = 0;

	if (v->n)
		qsort(v->e, v->n, sizeof(*v->e), entry_cmp);
	t->missing = 0;
	for (i = 0; i < v->n; i++) {
		struct entry *e = &v->e[i];

		err = store_list_stat(t->s, v->dir[e->folder], str_of(e->name), &e->file);
		if (err < 0 && err != -ENOENT)
			return err;
		if (!err && t->last.n)
			match_last(t, e);
	}
	for (i = 0; i < v->n; i = k) {
		for (k = i + 1; k < v->n && v->e[k].folder == v->e[i].folder &&
			list_number(v->e[k].uid) == list_number(v->e[i].uid); k++)
			;
		match_before(t, v->e + i, k - i);
	}
	for (i = 0, err = 0; !err && i < v->n; i++)
		if (!v->e[i].known)
			err = read_entry(t, &v->e[i]);
	return err;
}

/* The last round: what is not known is read while nothing can change. */
static int on_end(void *arg)
{
	struct take *t = arg;

	return t->last_round ? know(t) : 0;
}

static int list_and_read(struct take *t)
{
	const struct store_listing l = { on_file, on_folder, on_message, on_end, t };
	int round, err = 0;

	for (round = 1; !err && round <= ROUNDS; round++) {
		t->last_round = round == ROUNDS;
		err = store_list(t->s, &l);
		if (!err && !t->last_round)
			err = know(t);
		if (err || !t->missing)
			return err;
		view_done(&t->last);
		t->last = t->now;
		view_init(&t->now);
	}
	return err ? err : E_TEMP;
}

/* --- writing down ---------------------------------------------------------------------------- */

static int put_list(struct take *t, const struct entry *e, size_t n, struct kept_list *out)
{
	struct buf b;
	size_t i;
	int err;

	buf_init(&b, LIST_MAX);
	list_head_print(&b);
	for (i = 0; i < n; i++) {
		struct kept_message m = { .id = e[i].id, .size = e[i].file.size, .inode = e[i].file.inode,
			.mtime = e[i].file.mtime, .name = str_of(e[i].name) };

		list_line_print(&m, &b);
	}
	*out = (struct kept_list){ .number = list_number(e->uid), .count = (uint32_t)n };
	err = b.err ? b.err : repo_put(t->r, OBJECT_LIST, buf_view(&b), &out->id);
	buf_done(&b);
	return err;
}

static int put_folder(struct take *t, const struct entry *e, size_t n, struct kept_folder *f)
{
	size_t i, k;
	int err = 0;

	f->list = arena_array(&t->now.a, n + 1, sizeof(*f->list));
	f->messages = n;
	for (i = 0; i < n; i++)
		f->bytes += e[i].file.size;
	for (i = 0; !err && i < n; i = k) {
		for (k = i + 1; k < n && list_number(e[k].uid) == list_number(e[i].uid); k++)
			;
		err = put_list(t, e + i, k - i, &f->list[f->nlists++]);
	}
	return err;
}

static int put_files(struct take *t, struct kept_mailbox *m)
{
	struct view *v = &t->now;
	size_t i;
	int err = 0;

	m->file = arena_array(&v->a, v->nsmall + 1, sizeof(*m->file));
	for (i = 0; !err && i < v->nsmall; i++) {
		m->file[i].path = v->small[i].path;
		m->file[i].size = v->small[i].content.n;
		err = repo_put(t->r, OBJECT_FILE, v->small[i].content, &m->file[i].id);
	}
	m->nfiles = v->nsmall;
	return err;
}

static int put_mailbox(struct take *t, struct str address, struct taken *out)
{
	struct kept_mailbox m = { .address = address };
	struct view *v = &t->now;
	struct buf b;
	size_t i, from = 0, to;
	int err = put_files(t, &m);

	m.folder = arena_array(&v->a, v->ndirs + 1, sizeof(*m.folder));
	for (i = 0; !err && i < v->ndirs; i++, from = to) {
		for (to = from; to < v->n && v->e[to].folder == i; to++)
			;
		m.folder[i].dir = v->dir[i];
		err = put_folder(t, v->e + from, to - from, &m.folder[i]);
		out->messages += m.folder[i].messages;
		out->bytes += m.folder[i].bytes;
	}
	m.nfolders = v->ndirs;
	if (err)
		return err;
	buf_init(&b, MAX((size_t)1 << 20, v->n * 100 + v->ndirs * 4096));
	mailbox_print(&m, &b);
	err = b.err ? b.err : repo_put(t->r, OBJECT_MAILBOX, buf_view(&b), &out->id);
	buf_done(&b);
	return err;
}

int mailbox_take(struct repo *r, struct store *s, struct str address, const struct object_id *before,
	uint64_t rate, struct taken *out)
{
	struct take t = { .r = r, .s = s, .rate = rate, .began = clock_mono_ms() };
	struct arena a;
	struct buf b;
	int err;

	*out = (struct taken){ .messages = 0 };
	arena_init(&a);
	buf_init(&b, LIST_MAX * 4);
	view_init(&t.now);
	view_init(&t.last);
	t.has_before = before && repo_get(r, before, &b) == 0 && mailbox_parse(buf_view(&b), &a, &t.before) == 0;
	r->why[0] = '\0';
	err = list_and_read(&t);
	if (!err)
		err = put_mailbox(&t, address, out);
	out->read = t.read;
	view_done(&t.now);
	view_done(&t.last);
	buf_done(&b);
	arena_done(&a);
	return err;
}
