/* SPDX-License-Identifier: ISC
 *
 * folders.c: Maildir++ names and the list of folders.
 *
 * A level is modified UTF-7 (RFC 3501 5.1.3) on disk, and a '.' inside a level
 * is "&AC4-" there: '.' separates the levels. A directory to which no name
 * leads (broken encoding) is not shown; store_check names it.
 */
#include "store/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/table.h"
#include "mail/imapset.h"
#include "store/folderfile.h"

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

int folders_subscriptions(struct store *s, struct buf *b)
{
	int err = file_load(s->dir, FOLDERS_SUBSCRIPTIONS, b);

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
	struct stat st;
	int err = 0;

	/* Who renamed died half-way: nobody is shown half of it. */
	if (fstatat(s->dir, FOLDERS_RENAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		err = store_lock(s, true);
		if (!err) {
			err = folders_resume_rename(s);
			store_unlock(s);
		}
	}
	if (!err)
		err = store_lock(s, false);
	if (err)
		return err;
	table_init(&l.seen);
	buf_init(&subs, FOLDERS_SUBSCRIPTIONS_MAX);
	err = list_folders(s, &l);
	if (!err)
		err = folders_subscriptions(s, &subs);
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

bool folders_exists(struct store *s, const char *dir)
{
	struct stat st;

	return fstatat(s->dir, dir, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int store_folder_exists(struct store *s, struct str name, bool *out)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (!err)
		*out = folders_exists(s, dir);
	return err;
}
