/* SPDX-License-Identifier: ISC
 *
 * backup.c: a mailbox as a list of names, for a backup, and back.
 *
 * Maildir is the truth, and a message file never changes: so a backup is the
 * names of one moment, the small files of that moment, and the contents, which
 * may be read at any time later. All of UID, flags, keywords and INTERNALDATE
 * stands in names and small files (docs/STORE.md); the index is not needed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/extra.h"
#include "store/folders.h"
#include "store/name.h"

#define SMALL_MAX ((size_t)256 << 20) /* mansio-extra of a very large folder */
/* How far the marks of a restored folder leap: more than a folder gets between two backups. */
#define LEAP_UID 1000000u
#define LEAP_MODSEQ (UINT64_C(1) << 40)
#define LEAP_UID_END (UINT32_MAX - 100 * LEAP_UID)
#define LEAP_MODSEQ_END (UINT64_C(1) << 62)

/* --- listing ------------------------------------------------------------------ */

static int tell_file(struct store *s, const struct store_listing *l, const char *path)
{
	struct buf b;
	int err;

	buf_init(&b, SMALL_MAX);
	err = file_load(s->dir, path, &b);
	if (err == -ENOENT)
		err = 0;
	else if (!err)
		err = l->file(l->arg, str_of(path), buf_view(&b));
	buf_done(&b);
	return err;
}

typedef int each_fn(struct store *s, const struct store_listing *l, const char *dir, const struct dirent *e);

static int each_entry(struct store *s, const struct store_listing *l, const char *dir, each_fn *fn)
{
	struct dirent *e;
	int fd = file_open_dir(s->dir, dir), err = 0;
	DIR *d;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	while (!err && (errno = 0, e = readdir(d)))
		err = fn(s, l, dir, e);
	if (!err && errno)
		err = -errno;
	closedir(d);
	return err;
}

static int tell_message(struct store *s, const struct store_listing *l, const char *dir, const struct dirent *e)
{
	char path[STORE_PATH_SIZE];
	struct name n;

	(void)s;
	if (!name_parse(str_of(e->d_name), &n) || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", strrchr(dir, '/') + 1, e->d_name);
	return l->message(l->arg, str_of(path));
}

static int tell_script(struct store *s, const struct store_listing *l, const char *dir, const struct dirent *e)
{
	char path[STORE_PATH_SIZE];

	if (e->d_name[0] == '.' || e->d_type != DT_REG ||
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
		return 0;
	return tell_file(s, l, path);
}

static int tell_folder(struct store *s, const struct store_listing *l, const char *dir)
{
	static const char *const sub[] = { "cur", "new" };
	static const char *const file[] = { FOLDERFILE_NAME, "mansio-extra" };
	char path[STORE_PATH_SIZE];
	int err = l->folder(l->arg, str_of(dir));
	size_t i;

	for (i = 0; !err && i < ARRAY_LEN(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, file[i]);
		err = tell_file(s, l, path);
	}
	for (i = 0; !err && i < ARRAY_LEN(sub); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, sub[i]);
		err = each_entry(s, l, path, tell_message);
	}
	return err;
}

static int tell_all(struct store *s, const struct store_listing *l, struct arena *a)
{
	struct str *dir;
	size_t n, i;
	int err = folders_dirs(s, a, &dir, &n);

	if (!err)
		err = tell_file(s, l, "Maildir/mansio-mailbox");
	if (!err)
		err = tell_file(s, l, FOLDERS_SUBSCRIPTIONS);
	if (!err)
		err = each_entry(s, l, "sieve", tell_script);
	for (i = 0; !err && i < n; i++)
		err = tell_folder(s, l, dir[i].p);
	if (!err && l->end)
		err = l->end(l->arg);
	return err;
}

int store_list(struct store *s, const struct store_listing *l)
{
	struct store_folder *f;
	struct store_status st;
	struct arena a;
	size_t n, i;
	int err;

	arena_init(&a);
	err = store_folders(s, &a, &f, &n);
	/* what fails here (a full disk) only leaves foreign messages without a UID */
	for (i = 0; !err && i < n; i++)
		if (!(f[i].flags & (STORE_NOSELECT | STORE_NONEXISTENT)))
			(void)store_status(s, f[i].name, &st);
	if (!err)
		err = store_lock(s, false);
	if (!err) {
		err = tell_all(s, l, &a);
		store_unlock(s);
	}
	arena_done(&a);
	return err;
}

int store_list_open(struct store *s, struct str dir, struct str name)
{
	char path[STORE_PATH_SIZE];

	if (snprintf(path, sizeof(path), "%.*s/%.*s", STRF(dir), STRF(name)) >= (int)sizeof(path))
		return -ENOENT;
	return file_open(s->dir, path, O_RDONLY, 0);
}

int store_list_stat(struct store *s, struct str dir, struct str name, struct store_file *out)
{
	char path[STORE_PATH_SIZE];
	struct stat st;

	if (snprintf(path, sizeof(path), "%.*s/%.*s", STRF(dir), STRF(name)) >= (int)sizeof(path))
		return -ENOENT;
	if (fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	*out = (struct store_file){ st.st_ino, (uint64_t)st.st_size,
		(int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec };
	return 0;
}

uint32_t store_list_uid(struct str name)
{
	struct name n;

	return name.n > 4 && name_parse(str_from(name, 4), &n) ? n.uid : 0;
}

struct str store_list_base(struct str name)
{
	ssize_t at = str_find(name, ':');

	return at < 0 ? name : str_sub(name, 0, (size_t)at);
}

/* --- reading a listing --------------------------------------------------------- */

struct store_listed_folder {
	struct str name;
	struct folderfile file;
	struct extra extra;
	char tag[NAME_TAG + 1];
	bool known; /* it has an identity */
};

int store_listed_folder(struct str dir, struct str identity, struct str extra, struct arena *a,
	struct store_listed_folder **out)
{
	struct store_listed_folder *f = ARENA_NEW(a, struct store_listed_folder);
	int err = 0;

	f->name = STR("INBOX");
	if (!str_eqc(dir, "Maildir"))
		err = str_starts(dir, "Maildir/") ? folders_name(str_from(dir, 8), a, &f->name) : E_SYNTAX;
	if (err)
		return E_SYNTAX;
	f->known = folderfile_parse(identity, a, &f->file) == 0;
	if (f->known) {
		extra_parse(extra, &f->file, a, &f->extra);
		name_tag(f->file.id, f->file.uidvalidity, f->tag);
	}
	*out = f;
	return 0;
}

struct str store_listed_name(const struct store_listed_folder *f)
{
	return f->name;
}

int store_listed_message(const struct store_listed_folder *f, struct str name, struct store_listed *out)
{
	const struct extra_entry *x;
	uint64_t bits;
	struct name n;
	unsigned i;

	if ((!str_starts(name, "cur/") && !str_starts(name, "new/")) || !name_parse(str_from(name, 4), &n))
		return E_SYNTAX;
	*out = (struct store_listed){ .flags = n.flags & 31, .size = n.size, .base = n.base,
		.internaldate = MAX(n.sec, 0) };
	if (!f->known || !n.uid || strcmp(n.tag, f->tag) != 0)
		return 0;
	out->uid = n.uid;
	bits = n.letters;
	x = extra_find(&f->extra, n.uid);
	if (x && x->has_keywords)
		bits |= x->keywords;
	for (i = 0; i < f->file.nkeywords; i++)
		if ((bits & (UINT64_C(1) << i)) && f->file.keyword[i].n)
			out->keyword[out->nkeywords++] = f->file.keyword[i];
	return 0;
}

int store_leap(struct str identity, struct buf *out)
{
	struct folderfile f;
	struct arena a;
	int err;

	arena_init(&a);
	err = folderfile_parse(identity, &a, &f);
	if (!err && (f.uidnext > LEAP_UID_END || f.modseq > LEAP_MODSEQ_END))
		err = E_LIMIT;
	if (!err) {
		f.uidnext += LEAP_UID;
		f.modseq += LEAP_MODSEQ;
		folderfile_print(&f, out);
		err = out->err;
	}
	arena_done(&a);
	return err;
}
