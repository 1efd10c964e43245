/* SPDX-License-Identifier: ISC
 *
 * expunge.c: removing messages, a thousand at a time under the lock. The
 * files go first: a crash in between leaves records without files, and the
 * folder marked dirty, so that the next look at the directory drops them. A file that
 * is not where the index says was perhaps renamed by another program: if it were
 * taken for removed, it would come back as a new message.
 */
#include "store/cache.h"
#include "store/view.h"

#include <fcntl.h>
#include <sys/stat.h>

struct expunge_op {
	struct store_view *v;
	const uint32_t *index; /* NULL: all with \Deleted */
	uint32_t first; /* then: from here */
	size_t n;
	bool touched;
	bool astray; /* some files were not where the index says: look, and once more */
};

static bool is_there(struct burst *b, const struct folder *f, const struct record *r)
{
	char path[STORE_PATH_SIZE];
	struct stat st;

	folder_path(f, r->name, path);
	return fstatat(b->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* The records of this chunk that are there (and, without a list, \Deleted). */
static int expunge_collect(struct burst *b, struct expunge_op *o, struct folder *f,
	struct record *rec, uint32_t *at, size_t *n_out)
{
	struct store_view *v = o->v;
	size_t i, n = 0;
	int err;

	o->astray = false;
	for (i = 0; i < o->n; i++) {
		uint32_t k = o->index ? o->index[i] : o->first + (uint32_t)i;

		if (v->rec[k].flags & STORE_GONE)
			continue;
		err = record_get(b, f->file.id, v->rec[k].uid, &rec[n]);
		if (err == E_NOTFOUND) {
			view_mark_gone(v, k);
			continue;
		}
		if (err)
			return err;
		if (!o->index && !(rec[n].flags & STORE_DELETED))
			continue;
		if (is_there(b, f, &rec[n]))
			at[n++] = k;
		else
			o->astray = true;
	}
	*n_out = n;
	return 0;
}

static int expunge_one(struct burst *b, struct folder *f, const struct record *r)
{
	char path[STORE_PATH_SIZE];
	int err;

	folder_path(f, r->name, path);
	err = file_unlink(b->s->dir, path);
	if (!err)
		err = record_del(b, f->file.id, r->uid);
	if (err)
		return err;
	folder_count(f, r, -1);
	return folder_log_gone(b, f, r->uid);
}

static int expunge_burst(struct burst *b, void *arg)
{
	struct expunge_op *o = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct record *rec = arena_array(&b->a, o->n + 1, sizeof(*rec));
	uint32_t *at = arena_array(&b->a, o->n + 1, sizeof(*at));
	uint64_t before;
	size_t n = 0, i;
	int err = view_folder(b, o->v, f);

	before = f->meta.modseq;
	if (!err)
		err = expunge_collect(b, o, f, rec, at, &n);
	if (err || !n)
		return err;
	err = folder_next_modseq(b, f);
	if (!err)
		err = folder_begin(b, f);
	o->touched = true;
	for (i = 0; !err && i < n; i++)
		err = expunge_one(b, f, &rec[i]);
	if (!err)
		err = folder_finish(b, f);
	if (err)
		return err;
	for (i = 0; i < n; i++)
		view_mark_gone(o->v, at[i]);
	view_own_change(b, o->v, f, before);
	return cache_compact(b, f);
}

int store_expunge(struct store_view *v, const uint32_t *index, size_t n)
{
	struct expunge_op o = { .v = v };
	size_t at;
	int tries, err = 0;

	if (v->readonly)
		return E_DENIED;
	if (!index)
		n = v->n;
	for (at = 0; !err && at < n; at += o.n) {
		o.index = index ? index + at : NULL;
		o.first = (uint32_t)at;
		o.n = MIN(n - at, (size_t)STORE_CHUNK);
		o.astray = true;
		for (tries = 0; !err && o.astray && tries < 3; tries++) {
			if (tries)
				view_doubt(v);
			err = burst_run(v->store, true, expunge_burst, &o);
		}
		if (!err && o.astray)
			err = E_TEMP; /* somebody renames them as fast as we look */
	}
	if (o.touched) {
		int err2 = view_fsync(v->store, v->priv->dir);

		err = err ? err : err2;
		notify_send(v->store, v->priv->id);
	}
	return err;
}
