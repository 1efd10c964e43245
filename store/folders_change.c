/* SPDX-License-Identifier: ISC
 *
 * folders_change.c: creating, subscribing, deleting, renaming folders.
 *
 * A rename with children is many renames: Maildir/mansio-rename holds both
 * names from before the first until after the last, and whoever opens the
 * mailbox or changes or lists its folders next finishes it. A folder that is
 * deleted is first renamed out of sight, then, without a lock, emptied.
 */
#include "store/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/pack.h"
#include "store/folder.h"

#define FOLDERS_MAX 10000
#define DELETED_PREFIX "mansio-deleted-"
/* A folder while it is made; the exclusive lock is held until it has its own name. */
#define NEW_DIR "Maildir/" FOLDERS_NEW

/* ".A.B" of "Maildir/.A.B" */
static const char *leaf(const char *dir)
{
	return dir + strlen("Maildir/");
}

/* --- making and subscribing ------------------------------------------------------- */

/* cur, new, tmp and the directory itself; nothing is synced. E_EXISTS: it was there,
 * and now has all three. */
static int make_dirs(struct store *s, const char *dir)
{
	static const char *const sub[] = { "tmp", "new", "cur" };
	char path[STORE_DIR_SIZE + 8];
	size_t i;
	int first = file_mkdir(s->dir, dir, 0700), err = first == E_EXISTS ? 0 : first;

	for (i = 0; !err && i < ARRAY_LEN(sub); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, sub[i]);
		err = file_mkdir(s->dir, path, 0700);
		if (err == E_EXISTS)
			err = 0;
	}
	return err ? err : first;
}

/* A directory without cur: who made it died over it, and may try again. */
static bool is_whole(struct store *s, const char *dir)
{
	char path[STORE_DIR_SIZE + 8];

	snprintf(path, sizeof(path), "%s/cur", dir);
	return folders_exists(s, path);
}

/* The three directories, then the identity by file_replace, which syncs the directory too. */
static int make_whole(struct store *s, const char *dir, struct str special)
{
	struct folderfile ff;
	struct arena a;
	int err = make_dirs(s, dir);

	if (err && err != E_EXISTS)
		return err;
	arena_init(&a);
	err = folder_identify(s, dir, special, &a, &ff);
	arena_done(&a);
	return err;
}

/* A folder gets its name when it is whole: one that was half made by who died or had no
 * room would be listed, and could not be opened. */
int folders_make(struct store *s, struct str name, struct str special)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (!err && is_whole(s, dir))
		err = E_EXISTS;
	if (err)
		return err;
	if (folders_exists(s, dir)) /* another program's, or one of an older version of ours */
		return make_whole(s, dir, special);
	folders_remove_deleted(s, FOLDERS_NEW);
	err = make_whole(s, NEW_DIR, special);
	if (!err)
		err = file_rename(s->dir, NEW_DIR, dir);
	if (err) {
		folders_remove_deleted(s, FOLDERS_NEW);
		return err;
	}
	return file_fsync_dir(s->dir, "Maildir");
}

/* Lines of names; the exclusive lock is held. */
static int subscribe_locked(struct store *s, const struct str *name, size_t n, bool on)
{
	struct buf old, new;
	struct str rest;
	size_t i;
	int err;

	buf_init(&old, FOLDERS_SUBSCRIPTIONS_MAX);
	buf_init(&new, FOLDERS_SUBSCRIPTIONS_MAX);
	err = folders_subscriptions(s, &old);
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
		err = new.err ? new.err : file_replace(s->dir, FOLDERS_SUBSCRIPTIONS, buf_view(&new), 0600);
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

/* --- the first opening ---------------------------------------------------------- */

struct standard {
	struct str name, special;
	char dir[STORE_DIR_SIZE];
	bool written;
	int fd;
};

/* The file is not replaced but written in its place: until mansio-subscriptions is
 * there a damaged one only means that it is written again. */
static int standard_write(struct store *s, struct standard *d, uint32_t uidvalidity)
{
	char path[STORE_PATH_SIZE];
	struct folderfile ff = { .uidvalidity = uidvalidity, .uidnext = 1, .modseq = 1, .special = d->special };
	struct buf b;
	int err;

	do
		ff.id = rand_u64();
	while (!ff.id);
	snprintf(path, sizeof(path), "%s/" FOLDERFILE_NAME, d->dir);
	d->fd = file_open(s->dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (d->fd < 0)
		return d->fd;
	buf_init(&b, FOLDERFILE_MAX);
	folderfile_print(&ff, &b);
	err = b.err ? b.err : file_write_all(d->fd, b.p, b.n);
	buf_done(&b);
	if (!err)
		sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	d->written = true;
	return err;
}

/* All is written, then all is synced: the first sync takes most of the others along. */
static int standard_make(struct store *s, struct standard *d, size_t n)
{
	struct folderfile ff;
	struct arena a;
	uint32_t uidvalidity = 0;
	size_t i;
	int err = 0;

	arena_init(&a);
	for (i = 0; !err && i < n; i++) {
		err = folders_dir(d[i].name, d[i].dir);
		if (!err)
			err = make_dirs(s, d[i].dir);
		if (err == E_EXISTS)
			err = 0;
	}
	if (!err)
		err = mailbox_uidvalidity(s, (uint32_t)n, &uidvalidity);
	for (i = 0; !err && i < n; i++)
		if (folderfile_load(s->dir, d[i].dir, &a, &ff) != 0)
			err = standard_write(s, &d[i], uidvalidity + (uint32_t)i);
	for (i = 0; !err && i < n; i++)
		if (d[i].written)
			err = file_fsync(d[i].fd);
	for (i = n; !err && i-- > 0;)
		err = file_fsync_dir(s->dir, d[i].dir);
	for (i = 0; i < n; i++)
		fd_close(&d[i].fd);
	arena_done(&a);
	return err;
}

int folders_standard(struct store *s)
{
	struct standard d[] = {
		{ .name = STR("INBOX"), .special = STR("") }, { .name = STR("Drafts"), .special = STR("\\Drafts") },
		{ .name = STR("Sent"), .special = STR("\\Sent") }, { .name = STR("Junk"), .special = STR("\\Junk") },
		{ .name = STR("Trash"), .special = STR("\\Trash") },
		{ .name = STR("Archive"), .special = STR("\\Archive") },
	};
	struct str names[ARRAY_LEN(d)];
	struct stat st;
	size_t i;
	int err;

	/* The subscriptions are written last: with them the first opening is done. */
	if (fstatat(s->dir, FOLDERS_SUBSCRIPTIONS, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	for (i = 0; i < ARRAY_LEN(d); i++) {
		names[i] = d[i].name;
		d[i].fd = -1;
	}
	err = standard_make(s, d, ARRAY_LEN(d));
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
	err = folders_resume_rename(s);
	if (!err)
		err = is_whole(s, dir) ? E_EXISTS : create_locked(s, name, special);
	store_unlock(s);
	if (!err)
		notify_send(s, 0);
	return err;
}

/* --- special use (RFC 6154) -------------------------------------------------------- */

static bool has_mail(struct store *s, const char *dir)
{
	static const char *const sub[] = { "cur", "new" };
	char path[STORE_DIR_SIZE + 8];
	struct dirent *e;
	bool any = false;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sub) && !any; i++) {
		DIR *d;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, sub[i]);
		fd = file_open_dir(s->dir, path);
		d = fd >= 0 ? fdopendir(fd) : NULL;
		if (!d) {
			fd_close(&fd);
			continue;
		}
		while (!any && (e = readdir(d)))
			any = e->d_name[0] != '.';
		closedir(d);
	}
	return any;
}

static int special_locked(struct store *s, const char *dir, struct str special, struct arena *a)
{
	struct folderfile ff;
	struct str *other;
	size_t n, i;
	int err = folders_dirs(s, a, &other, &n);

	for (i = 0; !err && i < n; i++) {
		if (folderfile_load(s->dir, other[i].p, a, &ff) != 0 || !str_ieq(ff.special, special))
			continue;
		if (strcmp(other[i].p, dir) == 0 || has_mail(s, other[i].p))
			return 0;
		ff.special = STR("");
		err = folderfile_save(s->dir, other[i].p, &ff);
	}
	if (!err)
		err = folderfile_load(s->dir, dir, a, &ff);
	if (err || ff.special.n)
		return err == E_NOTFOUND || err == E_DAMAGED ? 0 : err;
	ff.special = special;
	return folderfile_save(s->dir, dir, &ff);
}

int folders_special(struct store *s, const char *dir, struct str special)
{
	struct arena a;
	int err = store_lock(s, true);

	if (err)
		return err;
	arena_init(&a);
	err = special_locked(s, dir, special, &a);
	arena_done(&a);
	store_unlock(s);
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
	int err = folders_resume_rename(s);

	if (err)
		return err;
	if (!folders_exists(s, dir))
		return E_NOTFOUND;
	arena_init(&a);
	*id_out = folderfile_load(s->dir, dir, &a, &ff) == 0 ? ff.id : 0;
	arena_done(&a);
	rand_id(random, 12);
	snprintf(aside, sizeof(aside), "Maildir/" DELETED_PREFIX "%s", random);
	err = file_rename(s->dir, dir, aside);
	return err ? err : file_fsync_dir(s->dir, "Maildir");
}

/* What was put out of sight, by us or by one who died: files take their time, so no
 * lock is held. Two may do it at once. */
static void remove_deleted(struct store *s)
{
	int fd = file_open_dir(s->dir, "Maildir");
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(d)))
		if (strncmp(e->d_name, DELETED_PREFIX, strlen(DELETED_PREFIX)) == 0)
			folders_remove_deleted(s, e->d_name);
	closedir(d);
}

/* The sums are made anew by whoever asks next. */
static int forget_burst(struct burst *b, void *arg)
{
	int err = folder_forget(b, *(uint64_t *)arg);

	return err ? err : usage_forget(b);
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
	err = delete_locked(s, dir, &id);
	store_unlock(s);
	if (err)
		return err;
	remove_deleted(s);
	if (id) {
		cache_remove(s, id);
		pack_remove(s, id);
		/* It is gone, whether the index can forget it or not. */
		(void)burst_run(s, true, forget_burst, &id);
		notify_send(s, id);
	}
	return 0;
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
		/* Made by another program since: both stay, or nobody could open the mailbox. */
		if (err == -ENOTEMPTY || err == -EEXIST || err == -ENOTDIR || err == -ENOENT)
			err = 0;
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
	err = file_load(s->dir, FOLDERS_RENAME, &text);
	if (err == E_LIMIT)
		err = 0; /* not ours */
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
		err = file_unlink(s->dir, FOLDERS_RENAME);
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
	int err = folders_resume_rename(s);

	if (!err)
		err = rename_check(s, from, to);
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
	err = file_replace(s->dir, FOLDERS_RENAME, buf_view(&intent), 0600);
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
