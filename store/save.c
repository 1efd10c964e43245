/* SPDX-License-Identifier: ISC
 *
 * save.c: a message comes in. The order is the promise (DESIGN, 5 and 6):
 *
 *   content into an anonymous file, fsync              nothing to see yet
 *   exclusive lock
 *     note "UID n pending", commit                     a crash: UID n is skipped
 *     link into cur/                                   a crash: the next one finds it by the note
 *     record, note cleared, commit
 *   unlock
 *   fsync of cur/                                      now it survives a power cut
 *   notify, and only then the caller says 250
 *
 * The UID is learnt and the file appears under one lock: else another
 * message could be seen with a higher UID first, and a client that saw it
 * never asks for this one.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/cache.h"
#include "store/extra.h"
#include "store/folders.h"
#include "store/view.h"

/* What is this small stays in memory until the commit, and is described from there. */
#define SAVE_MEMORY ((size_t)1 << 20)

struct store_save {
	struct store *s;
	struct arena a;
	char dir[STORE_DIR_SIZE];
	uint32_t flags;
	struct str *keyword;
	size_t nkeywords;
	int64_t now, internaldate;
	struct str delivery_id;
	bool (*wanted)(void *arg);
	void *wanted_arg;
	int fd;
	struct buf tmp_name; /* where the file system has no anonymous files */
	struct buf mem; /* all so far, while small */
	bool spilled; /* mem went to the file */
	uint64_t size, bare_lf;
	char last;
	int err;
	struct buf desc;
	/* of the burst */
	uint32_t uid, uidvalidity;
	uint64_t folder;
	bool linked, twice;
};

static void save_free(struct store_save *w)
{
	if (w->tmp_name.n)
		file_unlink(w->s->dir, buf_cstr(&w->tmp_name));
	fd_close(&w->fd);
	buf_done(&w->tmp_name);
	buf_done(&w->mem);
	buf_done(&w->desc);
	arena_done(&w->a);
	free(w);
}

static int quota_burst(struct burst *b, void *arg)
{
	return usage_quota(b, *(uint64_t *)arg, 1);
}

static int save_file(struct store_save *w)
{
	w->fd = file_tmp(w->s->dir, "Maildir/tmp", 0600);
	if (w->fd == E_UNSUPPORTED)
		w->fd = file_tmp_named(w->s->dir, "Maildir/tmp", 0600, &w->tmp_name);
	return w->fd < 0 ? w->fd : 0;
}

int store_save_begin(struct store *s, const struct store_save_options *opt, uint64_t size_hint,
	struct store_save **out)
{
	struct store_save *w;
	int64_t t;
	size_t i;
	int err;

	if (opt->delivery_id.n && (!name_is_delivery_id(opt->delivery_id) || opt->delivery_id.n > 60))
		return E_SYNTAX;
	w = mem_alloc(1, sizeof(*w));
	w->s = s;
	w->fd = -1;
	arena_init(&w->a);
	buf_init(&w->tmp_name, 512);
	buf_init(&w->mem, SAVE_MEMORY);
	buf_init(&w->desc, CACHE_ENTRY_MAX);
	w->flags = opt->flags & 31;
	w->nkeywords = opt->nkeywords;
	w->keyword = arena_array(&w->a, opt->nkeywords + 1, sizeof(*w->keyword));
	for (i = 0; i < opt->nkeywords; i++)
		w->keyword[i] = arena_str(&w->a, opt->keyword[i]);
	w->now = clock_unix();
	w->internaldate = opt->internaldate > 0 ? opt->internaldate : w->now;
	w->delivery_id = arena_str(&w->a, opt->delivery_id);
	w->wanted = opt->wanted;
	w->wanted_arg = opt->wanted_arg;
	err = folders_dir(opt->folder, w->dir);
	if (err)
		err = E_NOTFOUND;
	if (!err && store_mtime(s, w->dir, "cur", &t) < 0)
		err = E_NOTFOUND;
	if (!err && (s->quota_bytes || s->quota_messages))
		err = burst_run(s, false, quota_burst, &size_hint);
	if (!err)
		err = save_file(w);
	if (err) {
		save_free(w);
		return err;
	}
	*out = w;
	return 0;
}

int store_save_write(struct store_save *w, const void *p, size_t n)
{
	const char *text = p, *lf;

	if (w->err || !n)
		return w->err;
	for (lf = text; (lf = memchr(lf, '\n', n - (size_t)(lf - text))); lf++)
		w->bare_lf += (lf > text ? lf[-1] : w->last) != '\r';
	w->last = text[n - 1];
	w->size += n;
	if (!w->spilled && n <= SAVE_MEMORY - w->mem.n) {
		buf_add(&w->mem, p, n);
		return w->err = w->mem.err;
	}
	if (!w->spilled) {
		w->spilled = true;
		w->err = file_write_all(w->fd, w->mem.p, w->mem.n);
		buf_done(&w->mem);
		buf_init(&w->mem, SAVE_MEMORY);
	}
	if (!w->err)
		w->err = file_write_all(w->fd, p, n);
	return w->err;
}

static int save_record(struct store_save *w, struct burst *b, struct folder *f, uint64_t bits,
	struct record *r)
{
	int err = name_base(w->internaldate, w->delivery_id, b->s->host, r->name);

	if (err)
		return err;
	r->uid = w->uid;
	r->flags = w->flags;
	r->keywords = bits;
	r->modseq = f->meta.modseq;
	r->internaldate = w->internaldate;
	r->savedate = w->now;
	r->file_size = w->size;
	r->size = w->size + w->bare_lf;
	return folder_rename_record(f, r);
}

/* What no name can hold, on disk before the name. */
static int save_extra(struct store_save *w, struct folder *f, const struct record *r)
{
	struct buf lines;
	int err;

	buf_init(&lines, 4096);
	if (r->savedate != r->internaldate)
		extra_savedate(&lines, r->uid, r->savedate);
	if (r->keywords >> 26)
		extra_keywords(&lines, r->uid, r->keywords);
	err = lines.err ? lines.err : extra_append(w->s, f->dir, &f->file, buf_view(&lines));
	buf_done(&lines);
	return err;
}

/* The folder with this id; its cur/ may hold a name that no fsync has seen. */
static int save_find(struct burst *b, uint64_t id, char dir_out[STORE_DIR_SIZE])
{
	struct folderfile ff;
	struct str *dir;
	size_t n, i;
	int err = folders_dirs(b->s, &b->a, &dir, &n);

	for (i = 0; !err && i < n; i++)
		if (folderfile_load(b->s->dir, dir[i].p, &b->a, &ff) == 0 && ff.id == id) {
			snprintf(dir_out, STORE_DIR_SIZE, "%s", dir[i].p);
			return 0;
		}
	return err ? err : E_NOTFOUND;
}

/* Is this delivery here already? All folders must be known to say no; and who brought it
 * may have died with its name in ours, which the index learns when the folder is opened.
 * He may have died before his fsync, so we owe it as he did. */
static int save_twice(struct store_save *w, struct burst *b, struct folder *f)
{
	struct usage u;
	uint64_t folder;
	uint32_t uid;
	int err, opened = 0;

	err = usage_current(b, &u);
	if (!err)
		opened = err = folder_open(b, w->dir, f);
	if (!err || err == E_NOTFOUND) /* it may lie in another folder */
		err = delivered_get(b, w->delivery_id, &folder, &uid);
	if (err)
		return err == E_NOTFOUND ? opened : err;
	w->uid = uid;
	w->twice = true;
	w->uidvalidity = opened ? 0 : f->file.uidvalidity;
	if (!opened && f->file.id != folder)
		(void)save_find(b, folder, w->dir); /* deleted meanwhile: nothing to sync */
	return E_EXISTS;
}

/* Quota and a look for a double may open every folder: ours is opened after them, or it
 * would be an old one whose next UID a foreign message has got. */
static int save_open(struct store_save *w, struct burst *b, struct folder *f)
{
	bool twice = w->delivery_id.n, quota = w->s->quota_bytes || w->s->quota_messages;
	int err = twice ? save_twice(w, b, f) : 0;

	if (!err)
		err = usage_quota(b, w->size + w->bare_lf, 1);
	if (!err && (quota || !twice))
		err = folder_open(b, w->dir, f);
	return err;
}

static int save_link(struct store_save *w, struct burst *b, struct folder *f, struct record *r)
{
	char path[STORE_PATH_SIZE];
	int err;

	w->uidvalidity = f->file.uidvalidity;
	w->folder = f->file.id;
	folder_path(f, r->name, path);
	err = file_link(w->fd, b->s->dir, path);
	if (err)
		return err == E_EXISTS ? E_TEMP : err;
	w->linked = true;
	return 0;
}

static int save_burst(struct burst *b, void *arg)
{
	struct store_save *w = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct record r = { 0 };
	uint64_t bits = 0;
	int err = 0;

	/* A fault behind the link: the directory has brought the index the message. */
	if (w->linked) {
		err = folder_open(b, w->dir, f);
		return err ? err : record_get(b, f->file.id, w->uid, &r);
	}
	if (w->wanted && !w->wanted(w->wanted_arg))
		return E_CLOSED;
	err = save_open(w, b, f);
	if (!err)
		err = folder_keywords(b, f, w->keyword, w->nkeywords, true, &bits);
	if (!err)
		err = folder_next_modseq(b, f);
	if (!err)
		err = folder_take_uids(b, f, 1, &w->uid);
	if (!err)
		err = save_record(w, b, f, bits, &r);
	if (err)
		return err;
	f->meta.pending_from = f->meta.pending_to = w->uid;
	err = folder_store(b, f);
	if (!err)
		err = index_commit(b, 0);
	if (!err)
		err = save_extra(w, f, &r);
	if (!err)
		err = save_link(w, b, f, &r);
	if (err)
		return err;
	if (w->desc.n && !w->desc.err)
		(void)cache_append(b, f, &r, buf_view(&w->desc)); /* only a cache */
	folder_count(f, &r, 1);
	err = record_put(b, f->file.id, &r);
	if (!err && w->delivery_id.n)
		err = delivered_put(b, w->delivery_id, w->now, f->file.id, w->uid);
	if (!err && w->delivery_id.n)
		err = delivered_prune(b, w->now);
	return err ? err : folder_finish(b, f);
}

/* Content on disk; described while it is in memory. */
static int save_content(struct store_save *w)
{
	int err = w->err;

	if (!err && !w->spilled)
		err = file_write_all(w->fd, w->mem.p, w->mem.n);
	if (!err)
		err = file_fsync(w->fd);
	if (!err && !w->spilled && !w->bare_lf)
		cache_describe(buf_view(&w->mem), &w->desc);
	return err;
}

int store_save_commit(struct store_save *w, uint32_t *uidvalidity_out, uint32_t *uid_out)
{
	struct store *s = w->s;
	int err = save_content(w);

	if (!err)
		err = burst_run(s, true, save_burst, w);
	/* also for a delivery that was here: who linked it may have died before this sync */
	if (!err || (err == E_EXISTS && w->twice)) {
		int r = view_fsync(s, w->dir);

		err = r ? r : err;
	}
	if (w->linked)
		notify_send(s, w->folder);
	if (!err || (err == E_EXISTS && w->twice)) {
		*uidvalidity_out = w->uidvalidity;
		*uid_out = w->uid;
	}
	save_free(w);
	return err;
}

void store_save_abort(struct store_save *w)
{
	if (w)
		save_free(w);
}
