/* SPDX-License-Identifier: ISC
 *
 * view.c: what one session sees of one folder: a flat array in UID order. How it
 * is brought up to date stands in sync.c.
 *
 * Always true: rec[] is in rising UID order and only grows at its end; a
 * record leaves it only in a sync with `expunge` (RFC 3501 7.4.1).
 */
#include "store/pack.h"

#include "store/folders.h"

void view_reserve(struct store_view *v, uint32_t n)
{
	struct store_view_private *p = v->priv;

	if (n <= p->cap)
		return;
	p->cap = MAX(n, p->cap + p->cap / 4 + 16);
	v->rec = mem_grow(v->rec, p->cap, sizeof(*v->rec));
}

ssize_t store_find(const struct store_view *v, uint32_t uid)
{
	uint32_t i = store_find_from(v, uid);

	return i < v->n && v->rec[i].uid == uid ? (ssize_t)i : -1;
}

uint32_t store_find_from(const struct store_view *v, uint32_t uid)
{
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->rec[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void view_mark_gone(struct store_view *v, uint32_t index)
{
	if (v->rec[index].flags & STORE_GONE)
		return;
	v->rec[index].flags |= STORE_GONE;
	v->priv->ngone++;
}

void view_drop_gone(struct store_view *v, uint32_t *number_out, uint32_t *uid_out)
{
	uint32_t from, to = 0, n = 0;

	if (!v->priv->ngone)
		return;
	for (from = 0; from < v->n; from++) {
		if (!(v->rec[from].flags & STORE_GONE)) {
			v->rec[to++] = v->rec[from];
			continue;
		}
		v->recent -= (v->rec[from].flags & STORE_RECENT) != 0;
		if (number_out) {
			uid_out[n] = v->rec[from].uid;
			number_out[n++] = to + 1;
		}
	}
	v->n = to;
	v->priv->ngone = 0;
}

int view_folder(struct burst *b, struct store_view *v, struct folder *f)
{
	int err = folder_open(b, v->priv->dir, f);

	if (err)
		return err == E_NOTFOUND ? E_STALE : err;
	return f->file.id == v->priv->id && f->file.uidvalidity == v->uidvalidity ? 0 : E_STALE;
}

void view_keywords(struct store_view *v, const struct folder *f, bool *added_out)
{
	unsigned i;

	for (i = 0; i < f->file.nkeywords; i++)
		if (i >= v->nkeywords || !str_eq(v->keyword[i], f->file.keyword[i])) {
			v->keyword[i] = arena_str(&v->priv->names, f->file.keyword[i]);
			*added_out = true;
		}
	v->nkeywords = f->file.nkeywords;
}

void view_settle(struct store_view_private *p, const struct meta *m)
{
	p->cur_mtime = m->cur_mtime;
	p->new_mtime = m->new_mtime;
	p->unsettled = m->unsettled;
	p->scanned = m->scanned;
	p->scan_cost = m->scan_cost;
}

void view_own_change(struct burst *b, struct store_view *v, const struct folder *f, uint64_t before)
{
	struct store_view_private *p = v->priv;
	uint64_t generation;

	if (p->synced != before)
		return;
	p->synced = f->meta.modseq;
	v->highestmodseq = f->meta.modseq;
	/* Nothing else has happened: the next store_sync need not look. */
	if (!p->complete || p->epoch != b->state.epoch || v->uidnext != f->meta.uidnext ||
		p->generation == UINT64_MAX || state_generation(b->state_fd, p->id, &generation) != 0)
		return;
	p->generation = generation;
	view_settle(p, &f->meta);
}

void view_fill(struct store_rec *to, const struct record *r)
{
	to->uid = r->uid;
	to->flags = (r->flags & 31) | (to->flags & (STORE_RECENT | STORE_GONE));
	to->keywords = r->keywords;
	to->modseq = r->modseq;
	to->internaldate = r->internaldate;
	to->savedate = r->savedate;
	to->size = r->size;
}

void view_owe(struct store_view *v, uint32_t uid)
{
	struct store_view_private *p = v->priv;

	if (p->nowed == p->capowed) {
		p->capowed = p->capowed * 2 + 64;
		p->owed = mem_grow(p->owed, p->capowed, sizeof(*p->owed));
	}
	p->owed[p->nowed++] = uid;
}

int store_follow(struct store_view *v, struct str name)
{
	char dir[STORE_DIR_SIZE];
	int err = folders_dir(name, dir);

	if (err)
		return err;
	memcpy(v->priv->dir, dir, sizeof(dir));
	v->name = arena_str(&v->priv->names, name);
	return 0; /* whether it is the same folder is seen by the next sync */
}

/* The place of a large view is kept for the next one: fresh memory costs more than to fill it. */
static void rec_keep(struct store *s, struct store_view *v)
{
	if (v->priv->cap < PACK_MIN) {
		free(v->rec);
		return;
	}
	free(s->spare);
	s->spare = v->rec;
	s->spare_cap = v->priv->cap;
}

void store_deselect(struct store_view *v)
{
	struct store_view_private *p;
	unsigned i;

	if (!v)
		return;
	p = v->priv;
	pack_if_due(v);
	if (p->npending)
		view_flush(v);
	for (i = 0; i < p->npending; i++)
		buf_done(&p->pending[i].text);
	arena_done(&p->names);
	arena_done(&p->extra_arena);
	view_locs_drop(v);
	free(p->owed);
	rec_keep(v->store, v);
	free(p);
	free(v);
}

static int doubt_burst(struct burst *b, void *arg)
{
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	int err = view_folder(b, arg, f);

	if (err)
		return err;
	f->meta.cur_mtime = 0;
	err = folder_store(b, f);
	return err ? err : index_commit(b, 0);
}

void view_doubt(struct store_view *v)
{
	(void)burst_run(v->store, true, doubt_burst, v); /* if not, it is found when that tick is over */
}

int view_fsync(struct store *s, const char *dir)
{
	char path[STORE_DIR_SIZE + 8];

	snprintf(path, sizeof(path), "%s/cur", dir);
	return file_fsync_dir(s->dir, path);
}

/* --- STATUS ------------------------------------------------------------------- */

struct status {
	const char *dir;
	struct store_status st;
};

static int status_burst(struct burst *b, void *arg)
{
	struct status *q = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct index_scan sc;
	struct record r;
	uint32_t recent = 0;
	int rc, err = folder_open(b, q->dir, f);

	if (!err)
		err = record_scan(b, f->file.id, f->meta.recent_uid, &sc);
	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0)
		recent++;
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	q->st = (struct store_status){ f->meta.count, recent, f->meta.unseen, f->meta.deleted,
		f->file.uidvalidity, f->meta.uidnext, f->meta.modseq, f->meta.bytes };
	return 0;
}

int store_status(struct store *s, struct str folder, struct store_status *out)
{
	char dir[STORE_DIR_SIZE];
	struct status q = { .dir = dir };
	int err = folders_dir(folder, dir);

	if (!err)
		err = burst_read(s, status_burst, &q);
	if (!err)
		*out = q.st;
	return err == E_SYNTAX ? E_NOTFOUND : err;
}

static int usage_burst(struct burst *b, void *arg)
{
	return usage_current(b, arg);
}

int store_usage(struct store *s, uint64_t *bytes_out, uint64_t *messages_out)
{
	struct usage u;
	int err = burst_read(s, usage_burst, &u);

	if (!err) {
		*bytes_out = u.bytes;
		*messages_out = u.messages;
	}
	return err;
}
