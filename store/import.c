/* SPDX-License-Identifier: ISC
 *
 * import.c: messages that another server had, with the numbers that its clients know.
 *
 *   begin    an empty folder becomes the source's: a new identity with its UIDVALIDITY, and
 *            the mark `importing FROM TO` in mansio-folder: those UIDs are the import's
 *   add      a batch: contents synced, then as a delivery of many (save.c): note "pending",
 *            links, records, commit; sync of cur/; then their ids go to the memory
 *   end      UIDNEXT is raised to the source's, the mark goes
 *
 * A message is known again by its id: it is the unique part of the file's name and stands in the
 * memory of the import (import_state.c), so that what is here is never taken twice, also by a run
 * after one that was killed, and what somebody removed here does not come back.
 *
 * Always true: with the source's UIDVALIDITY no UID that the source gave names another message
 * here. While the mark stands, others get UIDs from TO on (folder_take_uids); once one of them
 * has, UIDs below are given no more, and what is left of the source gets new ones. Until then
 * a UID that a killed batch had noted and not used may be used by the same message.
 */
#include "store/import_state.h"

#include <unistd.h>

#include "base/rand.h"
#include "store/cache.h"
#include "store/extra.h"
#include "store/folders.h"
#include "store/pack.h"
#include "store/view.h"

#define UIDVALIDITY_SANE 0xf0000000u /* higher ones do not raise the mailbox's own */
#define LINES_MAX ((size_t)64 << 20)

struct store_import {
	struct store *s;
	struct arena a;
	struct store_import_options opt;
	char dir[STORE_DIR_SIZE];
	uint64_t id; /* of the folder */
	uint64_t old_id; /* that the folder had before, 0: none */
	enum store_import_uids uids;
	uint32_t lowest; /* that could be kept at the beginning */
	uint32_t last; /* highest UID of a message that is here */
	uint64_t moved;
	struct import_state state;
	/* of a batch */
	struct store_import_message *m;
	size_t n;
	bool *linked;
};

/* --- begin ------------------------------------------------------------------- */

/* A name of ours with an id: known, though the memory was not written in time. */
static void learn_one(struct store_import *im, const struct record *r)
{
	struct name n;

	im->last = MAX(im->last, r->uid);
	if (name_parse(str_of(r->name), &n) && import_id_ok(n.unique) && !import_state_get(&im->state, n.unique))
		import_state_learn(&im->state, n.unique, r->uid, r->flags & 31, STR(""), false);
}

static int learn(struct store_import *im, struct burst *b, const struct folder *f)
{
	struct index_scan sc;
	struct record r;
	int rc, err = record_scan(b, f->file.id, 0, &sc);

	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0)
		learn_one(im, &r);
	index_scan_end(&sc);
	return rc;
}

/* The folder, which has no messages, becomes the source's. */
static int take_identity(struct store_import *im, struct burst *b, struct folder *f)
{
	struct folderfile ff = { .uidvalidity = im->opt.uidvalidity, .uidnext = 1, .modseq = f->file.modseq,
		.special = f->file.special, .rest = f->file.rest, .import_from = 1,
		.import_to = MAX(im->opt.uidnext, 1) };
	int err = 0;

	do
		ff.id = rand_u64();
	while (!ff.id);
	if (ff.uidvalidity < UIDVALIDITY_SANE)
		err = mailbox_uidvalidity_seen(b->s, ff.uidvalidity);
	if (!err)
		err = folderfile_save(b->s->dir, im->dir, &ff);
	if (err)
		return err;
	im->old_id = f->file.id;
	err = folder_forget(b, f->file.id);
	if (!err)
		err = usage_forget(b);
	return err ? err : folder_open(b, im->dir, f);
}

/* The source went on since: its new UIDs are the import's too. */
static int raise_floor(struct store_import *im, struct burst *b, struct folder *f)
{
	uint32_t from = f->file.import_from, to = f->file.import_to;

	if (!to || f->meta.uidnext > to) { /* finished, or others have UIDs above */
		from = f->meta.uidnext;
		to = 0;
	}
	if (im->opt.uidnext > MAX(to, from))
		to = im->opt.uidnext;
	if (!to)
		from = 0;
	if (from == f->file.import_from && to == f->file.import_to)
		return 0;
	f->file.import_from = from;
	f->file.import_to = to;
	return folderfile_save(b->s->dir, im->dir, &f->file);
}

/* Is the folder's identity the source's by an earlier run? The same UIDVALIDITY may also be
 * chance: both servers take the time for it. */
static bool is_ours(const struct store_import *im, const struct folder *f)
{
	return f->file.uidvalidity == im->opt.uidvalidity && (!im->state.fresh || f->file.import_to);
}

static enum store_import_uids judge(const struct store_import *im, const struct folder *f)
{
	if (!im->opt.uidvalidity)
		return STORE_UIDS_NONE;
	if (is_ours(im, f))
		return STORE_UIDS_KEPT;
	if (!f->meta.count && (f->file.uidvalidity != im->opt.uidvalidity || f->meta.uidnext == 1))
		return STORE_UIDS_KEPT;
	return im->state.fresh ? STORE_UIDS_TAKEN : STORE_UIDS_OTHER;
}

/* The first UID that the next message may get. */
static uint32_t lowest(const struct store_import *im, const struct folder *f)
{
	uint32_t from = f->file.import_from, to = f->file.import_to;

	if (to && f->meta.uidnext <= to)
		return MAX(from, im->last + 1);
	return MAX(f->meta.uidnext, to);
}

static int begin_burst(struct burst *b, void *arg)
{
	struct store_import *im = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	int err = folder_open(b, im->dir, f);

	if (err == E_NOTFOUND && im->opt.dry) {
		im->lowest = 1;
		im->uids = im->opt.uidvalidity ? STORE_UIDS_KEPT : STORE_UIDS_NONE;
		return 0;
	}
	if (err)
		return err;
	import_state_done(&im->state); /* of a run that was given up */
	err = import_state_load(im->s, im->opt.source, im->opt.folder, f->file.id, &im->state);
	if (err)
		return err;
	im->uids = judge(im, f);
	if (!im->opt.dry && im->uids == STORE_UIDS_KEPT) {
		if (!is_ours(im, f)) {
			err = take_identity(im, b, f);
			import_state_reset(&im->state, f->file.id);
		} else {
			err = raise_floor(im, b, f);
		}
	}
	im->id = f->file.id;
	im->last = 0;
	if (!err)
		err = learn(im, b, f);
	im->lowest = lowest(im, f);
	return err;
}

static void import_free(struct store_import *im)
{
	import_state_done(&im->state);
	arena_done(&im->a);
	free(im);
}

int store_import_begin(struct store *s, const struct store_import_options *opt, struct store_import **out,
	enum store_import_uids *uids_out)
{
	struct store_import *im = mem_alloc(1, sizeof(*im));
	int err;

	im->s = s;
	arena_init(&im->a);
	import_state_init(&im->state);
	im->opt = *opt;
	im->opt.folder = arena_str(&im->a, opt->folder);
	im->opt.source = arena_str(&im->a, opt->source);
	im->opt.special = arena_str(&im->a, opt->special);
	err = folders_dir(opt->folder, im->dir);
	if (!err && !opt->dry && !folders_exists(s, im->dir))
		err = store_create(s, opt->folder, STR(""));
	if (err == E_EXISTS)
		err = 0;
	if (!err && !opt->dry && opt->special.n)
		err = folders_special(s, im->dir, opt->special);
	if (!err)
		err = burst_run(s, !opt->dry, begin_burst, im);
	if (err) {
		import_free(im);
		return err;
	}
	if (im->old_id) {
		cache_remove(s, im->old_id);
		pack_remove(s, im->old_id);
		notify_send(s, im->old_id);
	}
	if (!opt->dry)
		err = import_state_head(s, &im->state);
	if (err) {
		import_free(im);
		return err;
	}
	*uids_out = im->uids;
	*out = im;
	return 0;
}

/* --- what is known ------------------------------------------------------------- */

bool store_import_find(struct store_import *im, struct str id, struct store_imported *out)
{
	struct import_entry *e = import_state_get(&im->state, id);

	if (!e)
		return false;
	e->asked = true;
	*out = (struct store_imported){ e->uid, e->flags, e->keywords };
	return true;
}

void store_import_missing(struct store_import *im, struct arena *a, struct store_import_missing **out, size_t *n_out)
{
	struct store_import_missing *list = arena_array(a, im->state.n + 1, sizeof(*list));
	struct import_entry *e;
	size_t n = 0;

	for (e = im->state.first; e; e = e->next)
		if (!e->asked && !e->gone && e->remembered)
			list[n++] = (struct store_import_missing){ e->id, e->uid };
	*out = list;
	*n_out = n;
}

uint32_t store_import_lowest(const struct store_import *im)
{
	return im->lowest;
}

uint64_t store_import_moved(const struct store_import *im)
{
	return im->moved;
}

int store_import_note(struct store_import *im, struct str id, uint32_t flags, struct str keywords)
{
	struct import_entry *e = import_state_get(&im->state, id);

	if (!e)
		return E_NOTFOUND;
	return import_state_write(im->s, &im->state, id, e->uid, flags, keywords);
}

int store_import_forget(struct store_import *im, struct str id)
{
	return import_state_forget(im->s, &im->state, id);
}

/* --- a batch ---------------------------------------------------------------------- */

int store_import_file(struct store *s)
{
	return file_tmp(s->dir, "Maildir/tmp", 0600);
}

/* UIDs of those that have no file yet. lo, hi: the range; lo 0: nothing to do. */
static int assign(struct store_import *im, struct folder *f, uint32_t *lo, uint32_t *hi)
{
	uint64_t next = lowest(im, f);
	size_t i;

	*lo = *hi = 0;
	for (i = 0; i < im->n; i++) {
		struct store_import_message *m = &im->m[i];
		uint64_t uid = next;

		if (im->linked[i]) {
			next = MAX(next, (uint64_t)m->uid_out + 1);
			continue;
		}
		/* what has no wish, or one that cannot be, comes behind all that the source gave */
		if (im->uids == STORE_UIDS_KEPT && m->uid >= next)
			uid = m->uid;
		else if (im->uids == STORE_UIDS_KEPT)
			uid = MAX(next, (uint64_t)MAX(f->file.import_to, im->opt.uidnext));
		if (uid >= NAME_UID_MAX)
			return E_LIMIT;
		m->uid_out = (uint32_t)uid;
		next = uid + 1;
		*lo = *lo ? *lo : m->uid_out;
		*hi = m->uid_out;
	}
	return 0;
}

/* On disk before the numbers are used. */
static int take_range(struct burst *b, struct folder *f, uint32_t lo, uint32_t hi)
{
	int err;

	if (lo < f->meta.uidnext) {
		/* below what a killed batch had noted: whoever has a view compares all */
		f->meta.changed_floor = f->meta.modseq_flags = f->meta.modseq_logged = f->meta.modseq;
	}
	if (hi + 1 > f->file.uidnext) {
		f->file.uidnext = hi + 1;
		err = folderfile_save(b->s->dir, f->dir, &f->file);
		if (err)
			return err;
	}
	f->meta.uidnext = MAX(f->meta.uidnext, hi + 1);
	f->meta.pending_from = lo;
	f->meta.pending_to = hi;
	return 0;
}

static int keyword_bits(struct burst *b, struct folder *f, const struct store_import_message *m, uint64_t *out)
{
	uint64_t bits = 0;
	unsigned k;
	size_t i;
	int err;

	for (i = 0; i < m->nkeywords; i++) {
		err = folder_keyword(b, f, m->keyword[i], true, &k);
		if (!err)
			bits |= UINT64_C(1) << k;
		else if (err != E_SYNTAX && err != E_LIMIT)
			return err;
	}
	*out = bits;
	return 0;
}

static int plan(struct burst *b, struct folder *f, const struct store_import_message *m, struct record *r,
	struct buf *lines)
{
	int err = name_base(m->internaldate, m->id, b->s->host, r->name);

	if (!err)
		err = keyword_bits(b, f, m, &r->keywords);
	if (err)
		return err;
	r->uid = m->uid_out;
	r->flags = m->flags & 31;
	r->internaldate = r->savedate = MAX(m->internaldate, 0);
	r->file_size = m->size;
	r->size = m->wire;
	if (r->keywords >> 26)
		extra_keywords(lines, r->uid, r->keywords);
	if (m->uidl.n)
		extra_uidl(lines, r->uid, m->uidl);
	return folder_rename_record(f, r);
}

static int link_all(struct store_import *im, struct burst *b, struct folder *f, struct record *rec)
{
	char path[STORE_PATH_SIZE];
	size_t i;
	int err = folder_begin(b, f);

	for (i = 0; !err && i < im->n; i++) {
		if (im->linked[i])
			continue;
		rec[i].modseq = f->meta.modseq;
		folder_path(f, rec[i].name, path);
		err = file_link(im->m[i].fd, b->s->dir, path);
		if (err)
			break;
		im->linked[i] = true;
		folder_count(f, &rec[i], 1);
		err = record_put(b, f->file.id, &rec[i]);
	}
	return err ? err : folder_finish(b, f);
}

static int add_burst(struct burst *b, void *arg)
{
	struct store_import *im = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct record *rec = arena_array(&b->a, im->n + 1, sizeof(*rec));
	uint32_t lo = 0, hi = 0;
	struct buf lines;
	size_t i;
	int err = folder_open(b, im->dir, f);

	if (!err && f->file.id != im->id)
		err = E_STALE;
	/* A run that a fault stopped: the directory has brought the index what is linked. */
	if (!err)
		err = assign(im, f, &lo, &hi);
	if (err || !lo)
		return err;
	err = folder_next_modseq(b, f);
	if (!err)
		err = take_range(b, f, lo, hi);
	buf_init(&lines, LINES_MAX);
	for (i = 0; !err && i < im->n; i++)
		if (!im->linked[i])
			err = plan(b, f, &im->m[i], &rec[i], &lines);
	if (!err)
		err = lines.err ? lines.err : extra_append(b->s, f->dir, &f->file, buf_view(&lines));
	buf_done(&lines);
	return err ? err : link_all(im, b, f, rec);
}

static int sync_contents(const struct store_import_message *m, size_t n)
{
	int fd[STORE_IMPORT_BATCH];
	size_t i;

	for (i = 0; i < n; i++)
		fd[i] = m[i].fd;
	return file_fsync_all(fd, n);
}

static int remember(struct store_import *im)
{
	struct buf words;
	size_t i, k;
	int err = 0;

	buf_init(&words, 1 << 16);
	for (i = 0; !err && i < im->n; i++) {
		const struct store_import_message *m = &im->m[i];

		buf_reset(&words);
		for (k = 0; k < m->nkeywords; k++) {
			if (words.n)
				buf_c(&words, ' ');
			buf_str(&words, m->keyword[k]);
		}
		im->last = MAX(im->last, m->uid_out);
		im->moved += im->uids == STORE_UIDS_KEPT && m->uid && m->uid != m->uid_out;
		err = import_state_add(&im->state, m->id, m->uid_out, m->flags & 31, buf_view(&words));
	}
	buf_done(&words);
	return err ? err : import_state_flush(im->s, &im->state);
}

int store_import_add(struct store_import *im, struct store_import_message *m, size_t n)
{
	size_t i;
	int err = 0;

	BUG_ON(im->opt.dry || n > STORE_IMPORT_BATCH);
	for (i = 0; i < n; i++)
		if (!import_id_ok(m[i].id))
			err = E_SYNTAX;
	im->m = m;
	im->n = n;
	im->linked = mem_alloc(n + 1, sizeof(*im->linked));
	if (!err)
		err = sync_contents(m, n);
	if (!err && n)
		err = burst_run(im->s, true, add_burst, im);
	if (!err && n)
		err = view_fsync(im->s, im->dir);
	if (!err && n)
		err = remember(im);
	if (n)
		notify_send(im->s, im->id);
	for (i = 0; i < n; i++)
		fd_close(&m[i].fd);
	free(im->linked);
	im->m = NULL;
	im->n = 0;
	return err;
}

/* --- end ---------------------------------------------------------------------------- */

static int end_burst(struct burst *b, void *arg)
{
	struct store_import *im = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	uint32_t to;
	int err = folder_open(b, im->dir, f);

	if (err || f->file.id != im->id || !f->file.import_to)
		return err;
	to = f->file.import_to;
	f->file.import_from = f->file.import_to = 0;
	f->file.uidnext = MAX(f->file.uidnext, to);
	err = folderfile_save(b->s->dir, f->dir, &f->file);
	if (err)
		return err;
	f->meta.uidnext = MAX(f->meta.uidnext, to);
	err = folder_store(b, f);
	return err ? err : index_commit(b, f->file.id);
}

int store_import_end(struct store_import *im, bool complete)
{
	int err = 0;

	if (!im->opt.dry) {
		err = import_state_flush(im->s, &im->state);
		if (!err && complete)
			err = burst_run(im->s, true, end_burst, im);
	}
	import_free(im);
	return err;
}
