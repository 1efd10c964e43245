/* SPDX-License-Identifier: ISC
 *
 * care.c: rebuilding and checking a mailbox (`mansio mailbox rebuild|check`).
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/cache.h"
#include "store/folders.h"
#include "store/view.h"

#define STRAY_AGE (36 * 3600) /* a file in tmp/ that old belongs to nobody */

static int build_burst(struct burst *b, void *arg UNUSED)
{
	struct usage u;

	return usage_current(b, &u);
}

int store_rebuild(struct store *s)
{
	int err = index_discard(s);

	return err ? err : burst_run(s, true, build_burst, NULL);
}

struct check {
	bool repair;
	struct buf *report;
	size_t findings;
};

static void PRINTF(2, 3) finding(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(c->report, fmt, ap);
	va_end(ap);
	buf_c(c->report, '\n');
	c->findings++;
}

/* Every record against its file. The listing itself was compared by folder_open. */
static int check_folder(struct burst *b, struct check *c, const char *dir)
{
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	char path[STORE_PATH_SIZE];
	uint32_t count = 0, last = 0;
	uint64_t bytes = 0;
	struct index_scan sc;
	struct record r;
	struct stat st;
	int rc, err = folder_open(b, dir, f);

	if (!err)
		err = record_scan(b, f->file.id, 0, &sc);
	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0) {
		count++;
		bytes += r.size;
		folder_path(f, r.name, path);
		if (fstatat(b->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
			finding(c, "%s: UID %u: no file %s", dir, r.uid, r.name);
		else if (!S_ISREG(st.st_mode))
			finding(c, "%s: UID %u: not a regular file", dir, r.uid);
		else if ((uint64_t)st.st_size != r.file_size)
			finding(c, "%s: UID %u: %llu bytes, its name says %llu", dir, r.uid,
				(unsigned long long)st.st_size, (unsigned long long)r.file_size);
		if (r.uid <= last || r.uid >= f->meta.uidnext)
			finding(c, "%s: UID %u out of order", dir, r.uid);
		if (r.modseq > f->meta.modseq)
			finding(c, "%s: UID %u: MODSEQ above the folder's", dir, r.uid);
		last = r.uid;
	}
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	if (count != f->meta.count || bytes != f->meta.bytes)
		finding(c, "%s: index counts %u messages, %llu bytes; there are %u, %llu", dir,
			f->meta.count, (unsigned long long)f->meta.bytes, count, (unsigned long long)bytes);
	return 0;
}

static int check_burst(struct burst *b, void *arg)
{
	struct check *c = arg;
	struct str *dir;
	size_t n, i;
	int err = folders_dirs(b->s, &b->a, &dir, &n);

	for (i = 0; !err && i < n; i++) {
		err = check_folder(b, c, dir[i].p);
		if (err == E_NOTFOUND) {
			finding(c, "%s: not a Maildir (no cur)", dir[i].p);
			err = 0;
		}
	}
	return err;
}

/* Calls fn for every entry of a directory beneath the mailbox. */
static int each_entry(struct store *s, const char *path,
	void (*fn)(struct store *s, struct check *c, const char *path, const char *name), struct check *c)
{
	int fd = file_open_dir(s->dir, path);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		int err = fd < 0 ? fd : -errno;

		fd_close(&fd);
		return err;
	}
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fn(s, c, path, e->d_name);
	closedir(d);
	return 0;
}

static void check_tmp(struct store *s, struct check *c, const char *path, const char *name)
{
	char full[STORE_PATH_SIZE];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	if (fstatat(s->dir, full, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
		st.st_mtime > clock_unix() - STRAY_AGE)
		return;
	finding(c, "%s: left over in tmp%s", full, c->repair ? ", removed" : "");
	if (c->repair)
		file_unlink(s->dir, full);
}

/* "NAME.tmp-ID" of a file_replace and "NAME.tmp" of the index, whose makers died. */
static void check_left(struct store *s, struct check *c, const char *path, const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot && (strcmp(dot, ".tmp") == 0 || file_is_tmp(name)))
		check_tmp(s, c, path, name);
}

/* The next folder that is made would remove it, too. */
static void check_new(struct store *s, struct check *c)
{
	struct stat st;

	if (fstatat(s->dir, "Maildir/" FOLDERS_NEW, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		st.st_mtime > clock_unix() - STRAY_AGE)
		return;
	finding(c, "Maildir/" FOLDERS_NEW ": a folder that was not finished%s", c->repair ? ", removed" : "");
	if (!c->repair || store_lock(s, true) != 0)
		return;
	folders_remove_deleted(s, FOLDERS_NEW);
	store_unlock(s);
}

static void check_top(struct store *s, struct check *c, const char *path UNUSED, const char *name)
{
	struct arena a;
	struct str out;

	arena_init(&a);
	if (strncmp(name, "mansio-deleted-", 15) == 0) {
		finding(c, "Maildir/%s: a folder whose removal did not finish%s", name,
			c->repair ? ", removed" : "");
		if (c->repair)
			folders_remove_deleted(s, name);
	} else if (name[0] == '.' && folders_name(str_of(name), &a, &out) != 0) {
		finding(c, "Maildir/%s: no folder name leads here", name);
	}
	arena_done(&a);
}

static int check_files(struct store *s, struct check *c)
{
	char path[STORE_DIR_SIZE + 8];
	struct arena a;
	struct str *dir;
	size_t n, i;
	int err;

	arena_init(&a);
	err = folders_dirs(s, &a, &dir, &n);
	for (i = 0; !err && i < n; i++) {
		snprintf(path, sizeof(path), "%s/tmp", dir[i].p);
		if (each_entry(s, path, check_tmp, c) == -ENOENT)
			finding(c, "%s: missing", path);
		(void)each_entry(s, dir[i].p, check_left, c);
	}
	(void)each_entry(s, "index", check_left, c);
	if (!err)
		err = each_entry(s, "Maildir", check_top, c);
	if (!err)
		check_new(s, c);
	arena_done(&a);
	return err;
}

int store_check(struct store *s, bool repair, struct buf *report, size_t *findings_out)
{
	struct check c = { .repair = repair, .report = report };
	size_t before = report->n;
	int err = burst_run(s, true, check_burst, &c);

	if (!err)
		err = check_files(s, &c);
	/* What the index says and the directory does not is mended by building it anew. */
	if (!err && repair && c.findings)
		err = store_rebuild(s);
	if (err)
		buf_cut(report, before);
	else
		*findings_out = c.findings;
	return err;
}
