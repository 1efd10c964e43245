/* SPDX-License-Identifier: ISC
 *
 * folders.c: Maildir++ names, creating, deleting, renaming, subscriptions.
 *
 * A level is modified UTF-7 (RFC 3501 5.1.3) on disk, and a '.' inside a level
 * is "&AC4-" there: '.' separates the levels. A directory to which no name
 * leads (broken encoding) is not shown; store_check names it.
 *
 * A rename with children is many renames: Maildir/mansio-rename holds both
 * names from before the first until after the last, and whoever opens the
 * mailbox next finishes it.
 */
#include "store/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/table.h"
#include "store/cache.h"

#define RENAME_PATH "Maildir/mansio-rename"
#define SUBSCRIPTIONS_PATH "Maildir/mansio-subscriptions"
#define SUBSCRIPTIONS_MAX (4 << 20)
#define FOLDERS_MAX 10000
#define DELETED_PREFIX "mansio-deleted-"

/* ".A.B" of "Maildir/.A.B" */
static const char *leaf(const char *dir)
{
	return dir + strlen("Maildir/");
}

/* --- names ------------------------------------------------------------------ */

static int level_to_disk(struct str level, struct buf *out)
{
	size_t before = out->n;

	if (!level.n || str_eqc(level, ".") || str_eqc(level, "..") || str_has_ctl(level) ||
		!str_is_utf8(level))
		return E_SYNTAX;
	while (level.p) {
		struct str piece = str_cut(&level, '.');

		mutf7_encode(piece, out);
		if (level.p)
			buf_puts(out, "&AC4-");
	}
	return out->err || out->n - before > 255 ? E_SYNTAX : 0;
}

int folders_dir(struct str name, char out[STORE_DIR_SIZE])
{
	struct buf b;
	int err = 0;

	if (str_ieqc(name, "INBOX")) {
		snprintf(out, STORE_DIR_SIZE, "Maildir");
		return 0;
	}
	buf_init(&b, STORE_DIR_SIZE * 2);
	if (!name.n || name.n > 4096)
		err = E_SYNTAX;
	while (!err && name.p) {
		buf_c(&b, '.');
		err = level_to_disk(str_cut(&name, '/'), &b);
	}
	if (!err && (b.err || b.n > 255))
		err = E_SYNTAX;
	if (!err)
		snprintf(out, STORE_DIR_SIZE, "Maildir/%.*s", (int)b.n, b.p);
	buf_done(&b);
	return err;
}

static int level_to_name(struct str level, struct buf *out)
{
	struct str dot = STR("&AC4-");
	ssize_t at;
	int err;

	while ((at = str_search(level, dot)) >= 0) {
		err = at ? mutf7_decode(str_sub(level, 0, (size_t)at), out) : 0;
		if (err)
			return err;
		buf_c(out, '.');
		level = str_from(level, (size_t)at + dot.n);
	}
	return level.n ? mutf7_decode(level, out) : 0;
}

int folders_name(struct str dir, struct arena *a, struct str *out)
{
	char back[STORE_DIR_SIZE];
	struct str rest = str_from(dir, 1);
	struct buf b;
	int err = dir.n > 1 && dir.p[0] == '.' ? 0 : E_SYNTAX;

	buf_init(&b, 4096);
	while (!err && rest.p) {
		err = level_to_name(str_cut(&rest, '.'), &b);
		if (rest.p)
			buf_c(&b, '/');
	}
	if (!err && (b.err || folders_dir(buf_view(&b), back) != 0 ||
			    !str_eqc(dir, back + MIN(strlen(back), strlen("Maildir/")))))
		err = E_SYNTAX;
	if (!err)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return err ? E_SYNTAX : 0;
}

/* --- listing ------------------------------------------------------------------- */

int folders_dirs(struct store *s, struct arena *a, struct str **out, size_t *n_out)
{
	size_t n = 0, cap = 64;
	struct str *dir = arena_array(a, cap, sizeof(*dir)), name, *more;
	struct dirent *e;
	DIR *d;
	int fd = file_open_dir(s->dir, "Maildir");

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	dir[n++] = STR("Maildir");
	while (errno = 0, (e = readdir(d))) {
		if (e->d_name[0] != '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) ||
			folders_name(str_of(e->d_name), a, &name) != 0)
			continue;
		if (n == cap) {
			more = arena_array(a, cap * 2, sizeof(*dir));
			memcpy(more, dir, n * sizeof(*dir));
			dir = more;
			cap *= 2;
		}
		dir[n++] = str_of(arena_fmt(a, "Maildir/%s", e->d_name));
	}
	closedir(d);
	*out = dir;
	*n_out = n;
	return 0;
}

static int load_subscriptions(struct store *s, struct buf *b)
{
	int err = file_load(s->dir, SUBSCRIPTIONS_PATH, b);

	return err == -ENOENT ? 0 : err;
}

static int by_name(const void *pa, const void *pb)
{
	const struct store_folder *a = pa, *b = pb;
	bool ia = str_eqc(a->name, "INBOX"), ib = str_eqc(b->name, "INBOX");

	return ia != ib ? (ia ? -1 : 1) : str_cmp(a->name, b->name);
}

struct folder_list {
	struct arena *a;
	struct table seen;
	struct store_folder *f;
	size_t n, cap;
};

static struct store_folder *list_add(struct folder_list *l, struct str name, unsigned flags)
{
	uintptr_t at = (uintptr_t)table_get(&l->seen, name);

	if (at)
		return &l->f[at - 1];
	if (l->n == l->cap) {
		struct store_folder *more = arena_array(l->a, l->cap * 2 + 64, sizeof(*more));

		if (l->n)
			memcpy(more, l->f, l->n * sizeof(*more));
		l->f = more;
		l->cap = l->cap * 2 + 64;
	}
	l->f[l->n] = (struct store_folder){ .name = name, .flags = flags, .special = STR("") };
	table_set(&l->seen, name, (void *)(uintptr_t)(l->n + 1));
	return &l->f[l->n++];
}

/* Levels above a folder, which exist at least as names. */
static void list_parents(struct folder_list *l, struct str name)
{
	ssize_t at;

	while ((at = str_rfind(name, '/')) > 0) {
		name = str_sub(name, 0, (size_t)at);
		list_add(l, name, STORE_NOSELECT)->flags |= STORE_HASCHILDREN;
	}
}

static int list_folders(struct store *s, struct folder_list *l)
{
	struct folderfile ff;
	struct str *dir, name;
	size_t n, i;
	int err = folders_dirs(s, l->a, &dir, &n);

	for (i = 0; !err && i < n; i++) {
		if (i == 0)
			name = STR("INBOX");
		else if (folders_name(str_from(dir[i], 8), l->a, &name) != 0)
			continue;
		list_add(l, name, 0);
	}
	for (i = 0; !err && i < n; i++) {
		struct store_folder *f;

		if (i == 0)
			name = STR("INBOX");
		else if (folders_name(str_from(dir[i], 8), l->a, &name) != 0)
			continue;
		f = list_add(l, name, 0);
		if (folderfile_load(s->dir, dir[i].p, l->a, &ff) == 0)
			f->special = ff.special.n ? ff.special : STR("");
		list_parents(l, name);
	}
	return err;
}

int store_folders(struct store *s, struct arena *a, struct store_folder **out, size_t *n_out)
{
	struct folder_list l = { .a = a };
	struct buf subs;
	struct str rest;
	int err = store_lock(s, false);

	if (err)
		return err;
	table_init(&l.seen);
	buf_init(&subs, SUBSCRIPTIONS_MAX);
	err = list_folders(s, &l);
	if (!err)
		err = load_subscriptions(s, &subs);
	store_unlock(s);
	rest = arena_str(a, buf_view(&subs));
	while (!err && rest.p && rest.n) {
		struct str line = str_cut(&rest, '\n');

		if (line.n)
			list_add(&l, line, STORE_NONEXISTENT)->flags |= STORE_SUBSCRIBED;
	}
	if (!err) {
		qsort(l.f, l.n, sizeof(*l.f), by_name);
		*out = l.f;
		*n_out = l.n;
	}
	buf_done(&subs);
	table_done(&l.seen);
	return err;
}

static bool dir_exists(struct store *s, const char *dir)
{
	struct stat st;

	return fstatat(s->dir, dir, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int store_folder_exists(struct store *s, struct str name, bool *out)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (!err)
		*out = dir_exists(s, dir);
	return err;
}

/* --- making and subscribing ------------------------------------------------------- */

int folders_make(struct store *s, struct str name, struct str special)
{
	static const char *const sub[] = { "tmp", "new", "cur" };
	char dir[STORE_DIR_SIZE], path[STORE_DIR_SIZE + 8];
	struct folderfile ff;
	struct arena a;
	size_t i;
	int err = folders_dir(name, dir);

	if (err)
		return err;
	err = file_mkdir(s->dir, dir, 0700);
	if (err == E_EXISTS && strcmp(dir, "Maildir") != 0)
		return err;
	if (err == E_EXISTS)
		err = 0;
	for (i = 0; !err && i < ARRAY_LEN(sub); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, sub[i]);
		err = file_mkdir(s->dir, path, 0700);
		if (err == E_EXISTS)
			err = 0;
	}
	arena_init(&a);
	if (!err && folderfile_load(s->dir, dir, &a, &ff) != 0)
		err = folder_identify(s, dir, special, &a, &ff);
	arena_done(&a);
	if (!err)
		err = file_fsync_dir(s->dir, dir);
	return err ? err : file_fsync_dir(s->dir, "Maildir");
}

/* Lines of names; the exclusive lock is held. */
static int subscribe_locked(struct store *s, const struct str *name, size_t n, bool on)
{
	struct buf old, new;
	struct str rest;
	size_t i;
	int err;

	buf_init(&old, SUBSCRIPTIONS_MAX);
	buf_init(&new, SUBSCRIPTIONS_MAX);
	err = load_subscriptions(s, &old);
	rest = buf_view(&old);
	while (!err && rest.p && rest.n) {
		struct str line = str_cut(&rest, '\n');
		bool drop = !line.n;

		for (i = 0; i < n; i++)
			drop = drop || str_eq(line, name[i]);
		if (!drop) {
			buf_str(&new, line);
			buf_c(&new, '\n');
		}
	}
	for (i = 0; on && i < n; i++) {
		buf_str(&new, name[i]);
		buf_c(&new, '\n');
	}
	if (!err)
		err = new.err ? new.err : file_replace(s->dir, SUBSCRIPTIONS_PATH, buf_view(&new), 0600);
	buf_done(&old);
	buf_done(&new);
	return err;
}

int store_subscribe(struct store *s, struct str name, bool on)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (str_ieqc(name, "INBOX"))
		name = STR("INBOX");
	if (!err)
		err = store_lock(s, true);
	if (err)
		return err;
	err = subscribe_locked(s, &name, 1, on);
	store_unlock(s);
	return err;
}

int folders_standard(struct store *s)
{
	static const struct { struct str name, special; } standard[] = {
		{ { "INBOX", 5 }, { "", 0 } }, { { "Drafts", 6 }, { "\\Drafts", 7 } },
		{ { "Sent", 4 }, { "\\Sent", 5 } }, { { "Junk", 4 }, { "\\Junk", 5 } },
		{ { "Trash", 5 }, { "\\Trash", 6 } }, { { "Archive", 7 }, { "\\Archive", 8 } },
	};
	struct str names[ARRAY_LEN(standard)];
	struct stat st;
	size_t i;
	int err = 0;

	/* The subscriptions are written last: with them the first opening is done. */
	if (fstatat(s->dir, SUBSCRIPTIONS_PATH, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	for (i = 0; !err && i < ARRAY_LEN(standard); i++) {
		names[i] = standard[i].name;
		err = folders_make(s, standard[i].name, standard[i].special);
		if (err == E_EXISTS)
			err = 0;
	}
	return err ? err : subscribe_locked(s, names, ARRAY_LEN(names), true);
}

/* E_LIMIT when there are too many already. */
static int check_count(struct store *s)
{
	struct arena a;
	struct str *dir;
	size_t n;
	int err;

	arena_init(&a);
	err = folders_dirs(s, &a, &dir, &n);
	arena_done(&a);
	return err ? err : n >= FOLDERS_MAX ? E_LIMIT : 0;
}

/* Parents first; what is there already stays. The last must be new. */
static int create_locked(struct store *s, struct str name, struct str special)
{
	size_t i;
	int err = check_count(s);

	for (i = 0; !err && i < name.n; i++)
		if (name.p[i] == '/') {
			err = folders_make(s, str_sub(name, 0, i), STR(""));
			if (err == E_EXISTS)
				err = 0;
		}
	return err ? err : folders_make(s, name, special);
}

int store_create(struct store *s, struct str name, struct str special)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (err)
		return err;
	if (strcmp(dir, "Maildir") == 0)
		return E_EXISTS;
	err = store_lock(s, true);
	if (err)
		return err;
	err = dir_exists(s, dir) ? E_EXISTS : create_locked(s, name, special);
	store_unlock(s);
	if (!err)
		notify_send(s, 0);
	return err;
}

/* --- deleting ---------------------------------------------------------------------- */

/* Empties and removes a directory, two levels deep (cur, new, tmp). */
static int remove_tree(int parent, const char *name, int depth)
{
	int fd = file_open_dir(parent, name), err = 0;
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		err = errno == EISDIR && depth > 0 ? remove_tree(fd, e->d_name, depth - 1) : -errno;
		if (err)
			break;
	}
	closedir(d);
	if (!err && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		err = -errno;
	return err;
}

void folders_remove_deleted(struct store *s, const char *name)
{
	int fd = file_open_dir(s->dir, "Maildir");

	if (fd < 0)
		return;
	remove_tree(fd, name, 4);
	close(fd);
}

static int delete_locked(struct store *s, const char *dir, uint64_t *id_out)
{
	char aside[64], random[13];
	struct folderfile ff;
	struct arena a;
	int err;

	arena_init(&a);
	*id_out = folderfile_load(s->dir, dir, &a, &ff) == 0 ? ff.id : 0;
	arena_done(&a);
	rand_id(random, 12);
	snprintf(aside, sizeof(aside), "Maildir/" DELETED_PREFIX "%s", random);
	err = file_rename(s->dir, dir, aside);
	if (!err)
		err = file_fsync_dir(s->dir, "Maildir");
	if (!err)
		folders_remove_deleted(s, leaf(aside));
	return err;
}

static int forget_burst(struct burst *b, void *arg)
{
	return folder_forget(b, *(uint64_t *)arg);
}

int store_delete(struct store *s, struct str name)
{
	char dir[STORE_DIR_SIZE];
	uint64_t id = 0;
	int err = folders_dir(name, dir);

	if (err)
		return err;
	if (strcmp(dir, "Maildir") == 0)
		return E_DENIED;
	err = store_lock(s, true);
	if (err)
		return err;
	err = dir_exists(s, dir) ? delete_locked(s, dir, &id) : E_NOTFOUND;
	store_unlock(s);
	if (!err && id) {
		cache_remove(s, id);
		err = burst_run(s, true, forget_burst, &id);
		notify_send(s, id);
	}
	return err;
}

/* --- renaming ----------------------------------------------------------------------- */

/* Renames every directory at or below `from`. Safe to run again. */
static int rename_dirs(struct store *s, const char *from, const char *to)
{
	char target[2 * STORE_DIR_SIZE];
	size_t n = strlen(from), len, i;
	struct str *dir;
	struct arena a;
	int err;

	arena_init(&a);
	err = folders_dirs(s, &a, &dir, &len);
	for (i = 1; !err && i < len; i++) {
		const char *d = dir[i].p;

		if (strncmp(d, from, n) != 0 || (d[n] && d[n] != '.'))
			continue;
		snprintf(target, sizeof(target), "%s%s", to, d + n);
		err = file_rename(s->dir, d, target);
	}
	arena_done(&a);
	return err ? err : file_fsync_dir(s->dir, "Maildir");
}

int folders_resume_rename(struct store *s)
{
	char from[STORE_DIR_SIZE], to[STORE_DIR_SIZE];
	struct str rest, a, b;
	struct buf text;
	int err;

	buf_init(&text, 4096);
	err = file_load(s->dir, RENAME_PATH, &text);
	rest = buf_view(&text);
	a = str_cut(&rest, '\n');
	b = str_cut(&rest, '\n');
	if (!err && a.n > 1 && b.n > 1 && rest.p && a.p[0] == '.' && b.p[0] == '.' && a.n < 256 &&
		b.n < 256 && str_find(a, '/') < 0 && str_find(b, '/') < 0) {
		snprintf(from, sizeof(from), "Maildir/%.*s", STRF(a));
		snprintf(to, sizeof(to), "Maildir/%.*s", STRF(b));
		err = rename_dirs(s, from, to);
	}
	if (!err)
		err = file_unlink(s->dir, RENAME_PATH);
	if (!err)
		err = file_fsync_dir(s->dir, "Maildir");
	buf_done(&text);
	return err == -ENOENT ? 0 : err;
}

/* Is there anything to rename, and does nothing stand in the way? */
static int rename_check(struct store *s, const char *from, const char *to)
{
	size_t nf = strlen(from), nt = strlen(to), n, i;
	bool found = false;
	struct str *dir;
	struct arena a;
	int err;

	arena_init(&a);
	err = folders_dirs(s, &a, &dir, &n);
	for (i = 1; !err && i < n; i++) {
		const char *d = dir[i].p;

		if (strncmp(d, to, nt) == 0 && (!d[nt] || d[nt] == '.') &&
			!(strncmp(d, from, nf) == 0 && (!d[nf] || d[nf] == '.')))
			err = E_EXISTS;
		else if (strncmp(d, from, nf) == 0 && (!d[nf] || d[nf] == '.')) {
			found = true;
			if (strlen(leaf(d)) - nf + nt > 255)
				err = E_SYNTAX;
		}
	}
	arena_done(&a);
	return err ? err : found ? 0 : E_NOTFOUND;
}

static int rename_locked(struct store *s, const char *from, const char *to, struct str to_name)
{
	struct buf intent;
	size_t i;
	int err = rename_check(s, from, to);

	for (i = 0; !err && i < to_name.n; i++)
		if (to_name.p[i] == '/') {
			err = folders_make(s, str_sub(to_name, 0, i), STR(""));
			if (err == E_EXISTS)
				err = 0;
		}
	if (err)
		return err;
	buf_init(&intent, 4096);
	buf_fmt(&intent, "%s\n%s\n", leaf(from), leaf(to));
	err = file_replace(s->dir, RENAME_PATH, buf_view(&intent), 0600);
	buf_done(&intent);
	return err ? err : folders_resume_rename(s);
}

/* RFC 3501 6.3.5: INBOX itself stays, its messages move. */
static int rename_inbox(struct store *s, struct str to)
{
	struct store_copied copied;
	struct store_view *v;
	struct arena a;
	uint32_t *all, i;
	int err = store_create(s, to, STR(""));

	if (!err)
		err = store_select(s, STR("INBOX"), false, &v);
	if (err)
		return err;
	arena_init(&a);
	all = arena_array(&a, (size_t)v->n + 1, sizeof(*all));
	for (i = 0; i < v->n; i++)
		all[i] = i;
	if (v->n)
		err = store_copy(v, all, v->n, to, true, &a, &copied);
	arena_done(&a);
	store_deselect(v);
	return err;
}

int store_rename(struct store *s, struct str from, struct str to)
{
	char from_dir[STORE_DIR_SIZE], to_dir[STORE_DIR_SIZE];
	int err = folders_dir(from, from_dir);
	size_t n = strlen(from_dir);

	if (!err)
		err = folders_dir(to, to_dir);
	if (err)
		return err;
	if (strcmp(to_dir, "Maildir") == 0 || strcmp(from_dir, to_dir) == 0)
		return E_EXISTS;
	if (strcmp(from_dir, "Maildir") == 0)
		return rename_inbox(s, to);
	n = strlen(from_dir);
	if (strncmp(to_dir, from_dir, n) == 0 && to_dir[n] == '.')
		return E_SYNTAX; /* into itself */
	err = store_lock(s, true);
	if (err)
		return err;
	err = rename_locked(s, from_dir, to_dir, to);
	store_unlock(s);
	if (!err)
		notify_send(s, 0);
	return err;
}
