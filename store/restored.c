/* SPDX-License-Identifier: ISC
 *
 * restored.c: `mansio mailbox restored`: every folder of a mailbox gets a new
 * UIDVALIDITY, because its past is not the one that clients remember (an old
 * state was put back by other means than `mansio backup`).
 *
 * The tag in each file name is made from the UIDVALIDITY, so every file gets a
 * new name; UIDs, flags and keywords stay. That is many renames: the plan
 * (folder, old and new UIDVALIDITY, a line each) lies in Maildir/mansio-restored from
 * before the first until after the last, and store_open finishes what it finds.
 *
 *     plan -> for each folder: mansio-extra, mansio-folder, names -> plan removed
 */
#include "store/restored.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/extra.h"
#include "store/folder.h"
#include "store/folders.h"
#include "store/name.h"

#define PLAN_MAX ((size_t)4 << 20)

static bool keep_all(uint32_t uid, void *arg)
{
	(void)uid;
	(void)arg;
	return true;
}

/* mansio-extra first: with the new head it counts only for the new identity. */
static int new_identity(struct store *s, const char *dir, struct folderfile *ff, uint32_t to, struct arena *a)
{
	struct folderfile next = *ff;
	struct extra x;
	int err;

	next.uidvalidity = to;
	err = extra_load(s, dir, ff, a, &x);
	if (!err && x.n)
		err = extra_compact(s, dir, &next, &x, keep_all, NULL);
	if (!err)
		err = folderfile_save(s->dir, dir, &next);
	if (!err)
		*ff = next;
	return err;
}

static int rename_one(struct store *s, const char *cur, const char *old, const char *tag_from, const char *tag_to)
{
	char from[STORE_PATH_SIZE], to[STORE_PATH_SIZE], name[NAME_SIZE];
	struct name n;
	int err;

	if (!name_parse(str_of(old), &n) || !n.uid || strcmp(n.tag, tag_from) != 0)
		return 0;
	memcpy(n.tag, tag_to, sizeof(n.tag));
	err = name_print(&n, name);
	if (err)
		return err;
	snprintf(from, sizeof(from), "%s/%s", cur, old);
	snprintf(to, sizeof(to), "%s/%s", cur, name);
	return file_rename(s->dir, from, to);
}

/* readdir may show a renamed file again: it has no old tag any more. */
static int rename_files(struct store *s, const char *dir, const struct folderfile *ff, uint32_t was)
{
	char from[NAME_TAG + 1], to[NAME_TAG + 1], cur[STORE_DIR_SIZE + 8];
	struct dirent *e;
	int fd, err = 0;
	DIR *d;

	name_tag(ff->id, was, from);
	name_tag(ff->id, ff->uidvalidity, to);
	snprintf(cur, sizeof(cur), "%s/cur", dir);
	fd = file_open_dir(s->dir, cur);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	while (!err && (errno = 0, e = readdir(d)))
		err = rename_one(s, cur, e->d_name, from, to);
	if (!err && errno)
		err = -errno;
	closedir(d);
	return err ? err : file_fsync_dir(s->dir, cur);
}

static int carry_out(struct store *s, struct str line, struct arena *a)
{
	struct str was = str_cut(&line, ' '), next = str_cut(&line, ' ');
	struct folderfile ff;
	uint64_t from, to;
	const char *dir;
	int err;

	if (!line.n || str_u64(was, UINT32_MAX, &from) < 0 || str_u64(next, UINT32_MAX, &to) < 0)
		return 0; /* a line that was torn had no successor either: nothing was done by it */
	dir = arena_cstr(a, line);
	err = folderfile_load(s->dir, dir, a, &ff);
	if (err == E_NOTFOUND || err == E_DAMAGED)
		return 0;
	if (!err && ff.uidvalidity == from)
		err = new_identity(s, dir, &ff, (uint32_t)to, a);
	if (!err && ff.uidvalidity == to)
		err = rename_files(s, dir, &ff, (uint32_t)from);
	return err;
}

int restored_resume(struct store *s)
{
	struct arena a;
	struct str rest;
	struct buf b;
	int err;

	buf_init(&b, PLAN_MAX);
	arena_init(&a);
	err = file_load(s->dir, RESTORED_PLAN, &b);
	rest = buf_view(&b);
	while (!err && rest.p && rest.n)
		err = carry_out(s, str_cut(&rest, '\n'), &a);
	if (!err) {
		err = file_unlink(s->dir, RESTORED_PLAN);
		if (!err)
			err = file_fsync_dir(s->dir, "Maildir");
	}
	arena_done(&a);
	buf_done(&b);
	return err == -ENOENT ? 0 : err;
}

static int make_plan(struct store *s, struct arena *a, struct buf *plan)
{
	struct folderfile ff;
	struct str *dir;
	uint32_t next;
	size_t n, i;
	int err = folders_dirs(s, a, &dir, &n);

	if (!err)
		err = mailbox_uidvalidity(s, (uint32_t)n, &next);
	for (i = 0; !err && i < n; i++)
		if (folderfile_load(s->dir, dir[i].p, a, &ff) == 0)
			buf_fmt(plan, "%u %u %s\n", ff.uidvalidity, next + (uint32_t)i, dir[i].p);
	return err ? err : plan->err;
}

int store_restored(struct store *s)
{
	struct arena a;
	struct buf plan;
	int err = store_lock(s, true);

	if (err)
		return err;
	arena_init(&a);
	buf_init(&plan, PLAN_MAX);
	err = make_plan(s, &a, &plan);
	if (!err)
		err = file_replace(s->dir, RESTORED_PLAN, buf_view(&plan), 0600);
	if (!err)
		err = restored_resume(s);
	store_unlock(s);
	buf_done(&plan);
	arena_done(&a);
	return err;
}
