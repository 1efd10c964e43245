/* SPDX-License-Identifier: ISC
 *
 * view.c: what one session sees of one folder: a flat array in UID order.
 *
 * store_sync asks in this order, and stops as soon as it can:
 * 1. without a lock: is it the same index, the same generation, are the
 *    mtimes of cur/ and new/ the ones I know? (three small reads)
 * 2. under the shared lock: what is above my MODSEQ: new UIDs by range, expunged
 *    ones by the log;
 * 3. if messages changed, or the index is another one: all records, compared
 *    with the array.
 *
 * Always true: rec[] is in rising UID order and only grows at its end; a
 * record leaves it only in a sync with `expunge` (RFC 3501 7.4.1).
 */
#include "store/view.h"

#include <fcntl.h>
#include <unistd.h>

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

void view_own_change(struct store_view *v, const struct folder *f, uint64_t before)
{
	struct store_view_private *p = v->priv;

	if (p->synced == before) {
		p->synced = f->meta.modseq;
		v->highestmodseq = f->meta.modseq;
	}
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

struct sync {
	struct store_view *v;
	bool select, expunge;
	struct arena *a;
	uint32_t *changed; /* UIDs, n of them */
	size_t nchanged, cap;
	bool exists, keywords;
	bool recents; /* some new ones are ours to announce as \Recent */
};

static void sync_changed(struct sync *y, uint32_t uid)
{
	if (y->nchanged == y->cap) {
		y->cap = y->cap * 2 + 64;
		y->changed = mem_grow(y->changed, y->cap, sizeof(*y->changed));
	}
	y->changed[y->nchanged++] = uid;
}

static void sync_append(struct sync *y, const struct folder *f, const struct record *r)
{
	struct store_view *v = y->v;
	struct store_rec *to;

	view_reserve(v, v->n + 1);
	to = &v->rec[v->n++];
	memset(to, 0, sizeof(*to));
	view_fill(to, r);
	if (r->uid >= f->meta.recent_uid) {
		to->flags |= STORE_RECENT;
		v->recent++;
		y->recents = true;
	}
	y->exists = true;
}

/* All records, compared with the array. */
static int sync_full(struct burst *b, struct sync *y, const struct folder *f)
{
	struct store_view *v = y->v;
	uint32_t i = 0, n = v->n, count = 0;
	struct index_scan sc;
	struct record r;
	int rc, err = record_scan(b, f->file.id, 0, &sc);

	if (err)
		return err;
	view_reserve(v, f->meta.count);
	while ((rc = record_next(&sc, &r)) > 0) {
		count++;
		while (i < n && v->rec[i].uid < r.uid)
			view_mark_gone(v, i++);
		if (i < n && v->rec[i].uid == r.uid) {
			struct store_rec *to = &v->rec[i++];

			if (to->flags & STORE_GONE) { /* a damaged index had said so */
				to->flags &= ~(uint32_t)STORE_GONE;
				v->priv->ngone--;
			}
			if ((to->flags & 31) != (r.flags & 31) || to->keywords != r.keywords ||
				(v->modseqs && to->modseq != r.modseq))
				sync_changed(y, r.uid);
			view_fill(to, &r);
		} else if (i >= n) {
			sync_append(y, f, &r);
		} else {
			rc = E_STALE; /* a UID below one that was shown: an old file put back */
			break;
		}
	}
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	while (i < n)
		view_mark_gone(v, i++);
	return count == f->meta.count ? 0 : BURST_DAMAGED;
}

/* Only what came and went since. */
static int sync_tail(struct burst *b, struct sync *y, const struct folder *f)
{
	struct store_view *v = y->v;
	struct index_scan sc;
	struct record r;
	uint64_t modseq;
	uint32_t uid;
	ssize_t at;
	int rc, err;

	if (f->meta.modseq_gone > v->priv->synced) {
		err = gone_scan(b, f->file.id, v->priv->synced, &sc);
		if (err)
			return err;
		while ((rc = gone_next(&sc, &modseq, &uid)) > 0)
			if ((at = store_find(v, uid)) >= 0)
				view_mark_gone(v, (uint32_t)at);
		index_scan_end(&sc);
		if (rc < 0)
			return rc;
	}
	err = record_scan(b, f->file.id, v->uidnext, &sc);
	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0)
		sync_append(y, f, &r);
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	return v->n - v->priv->ngone == f->meta.count ? 0 : BURST_DAMAGED;
}

static void sync_remember(struct burst *b, struct sync *y, const struct folder *f)
{
	struct store_view *v = y->v;
	struct store_view_private *p = v->priv;

	p->epoch = b->state.epoch;
	p->cur_mtime = f->meta.cur_mtime;
	p->new_mtime = f->meta.new_mtime;
	p->unsettled = f->meta.unsettled;
	p->scanned = f->meta.scanned;
	p->scan_cost = f->meta.scan_cost;
	p->synced = f->meta.modseq;
	p->complete = !b->dry; /* a dry run has not seen all */
	v->uidnext = f->meta.uidnext;
	v->highestmodseq = f->meta.modseq;
}

/* The first session that can say so announces \Recent (RFC 3501 2.3.2). */
static int sync_claim_recent(struct burst *b, struct sync *y, struct folder *f)
{
	int err;

	if (y->v->readonly || !y->recents || b->dry)
		return 0;
	if (!b->exclusive)
		return BURST_EXCLUSIVE;
	f->meta.recent_uid = f->meta.uidnext;
	err = folder_store(b, f);
	return err ? err : index_commit(b, 0);
}

static void sync_rewind(struct sync *y, uint32_t n)
{
	while (y->v->n > n)
		if (y->v->rec[--y->v->n].flags & STORE_RECENT)
			y->v->recent--;
	y->exists = y->recents = false;
}

static int sync_burst(struct burst *b, void *arg)
{
	struct sync *y = arg;
	struct store_view *v = y->v;
	struct store_view_private *p = v->priv;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	uint64_t generation = 0;
	uint32_t n = v->n;
	int err;

	if (y->select) {
		err = folder_open(b, p->dir, f);
		if (!err) {
			p->id = f->file.id;
			v->uidvalidity = f->file.uidvalidity;
		}
	} else {
		err = view_folder(b, v, f);
	}
	if (!err && !b->dry)
		err = state_generation(b->state_fd, p->id, &generation);
	if (err)
		return err;
	if (p->complete && p->epoch == b->state.epoch && f->meta.modseq_flags <= p->synced &&
		(f->meta.modseq_gone <= p->synced || f->meta.gone_floor <= p->synced))
		err = sync_tail(b, y, f);
	else
		err = sync_full(b, y, f);
	if (!err)
		err = sync_claim_recent(b, y, f);
	if (err) {
		if (err == BURST_DAMAGED)
			p->complete = false;
		sync_rewind(y, n);
		return err;
	}
	view_keywords(v, f, &y->keywords);
	sync_remember(b, y, f);
	p->generation = generation;
	return 0;
}

/* True if nothing can have happened. No lock: whoever changes a folder raises
 * its generation before the commit, so what was acknowledged is seen. */
static bool sync_quiet(struct store_view *v)
{
	struct store_view_private *p = v->priv;
	int64_t cur, new, now = store_now_ns();
	struct state st;
	uint64_t generation;
	bool same;
	int fd;

	if (!p->complete || (p->unsettled & (META_NEW | META_CUR)))
		return false;
	if ((p->unsettled & META_OWN) && now - p->cur_mtime >= STORE_TICK_NS &&
		now - p->scanned > 100 * p->scan_cost)
		return false;
	if (state_open(v->store->dir, O_RDONLY, &fd, &st) != 0)
		return false;
	same = st.epoch == p->epoch && state_generation(fd, p->id, &generation) == 0 &&
		generation == p->generation;
	close(fd);
	return same && store_mtime(v->store, p->dir, "cur", &cur) == 0 && cur == p->cur_mtime &&
		store_mtime(v->store, p->dir, "new", &new) == 0 && new == p->new_mtime;
}

/* Drops gone records and says their sequence numbers as EXPUNGE counts them. */
static void sync_expunge(struct sync *y, struct store_changes *c)
{
	struct store_view *v = y->v;
	uint32_t from, to = 0;

	c->expunged = arena_array(y->a, (size_t)v->priv->ngone + 1, sizeof(*c->expunged));
	c->expunged_uid = arena_array(y->a, (size_t)v->priv->ngone + 1, sizeof(*c->expunged_uid));
	for (from = 0; from < v->n; from++) {
		if (v->rec[from].flags & STORE_GONE) {
			v->recent -= (v->rec[from].flags & STORE_RECENT) != 0;
			c->expunged_uid[c->nexpunged] = v->rec[from].uid;
			c->expunged[c->nexpunged++] = to + 1;
		} else {
			v->rec[to++] = v->rec[from];
		}
	}
	v->n = to;
	v->priv->ngone = 0;
}

/* What a view that came back from a text owes its client. */
static void sync_owed(struct sync *y)
{
	struct store_view_private *p = y->v->priv;
	size_t i;

	for (i = 0; i < p->nowed; i++)
		sync_changed(y, p->owed[i]);
	y->keywords |= p->owed_keywords;
	p->nowed = 0;
	p->owed_keywords = false;
}

int store_sync(struct store_view *v, bool expunge, struct arena *a, struct store_changes *out)
{
	struct sync y = { .v = v, .expunge = expunge, .a = a };
	struct store_changes c = { 0 };
	ssize_t at;
	size_t i;
	int err = 0;

	if (v->priv->npending)
		view_flush(v);
	view_locs_rest(v);
	if (!sync_quiet(v))
		err = burst_read(v->store, sync_burst, &y);
	if (!err) {
		sync_owed(&y);
		if (expunge && v->priv->ngone)
			sync_expunge(&y, &c);
		c.changed = arena_array(a, y.nchanged + 1, sizeof(*c.changed));
		for (i = 0; i < y.nchanged; i++)
			if ((at = store_find(v, y.changed[i])) >= 0)
				c.changed[c.nchanged++] = (uint32_t)at;
		if (!v->priv->ngone)
			v->toldmodseq = v->highestmodseq;
		c.exists = y.exists;
		c.keywords = y.keywords;
		*out = c;
	}
	free(y.changed);
	return err;
}

int store_select(struct store *s, struct str folder, bool readonly, struct store_view **out)
{
	struct store_view *v = mem_alloc(1, sizeof(*v));
	struct store_view_private *p = mem_alloc(1, sizeof(*p));
	struct sync y = { .v = v, .select = true };
	int err;

	v->store = s;
	v->priv = p;
	p->cache.fd = -1;
	v->readonly = readonly;
	arena_init(&p->names);
	arena_init(&p->extra_arena);
	v->name = arena_str(&p->names, str_ieqc(folder, "INBOX") ? STR("INBOX") : folder);
	err = folders_dir(folder, p->dir);
	if (!err)
		err = burst_read(s, sync_burst, &y);
	free(y.changed);
	if (err) {
		store_deselect(v);
		return err == E_SYNTAX ? E_NOTFOUND : err;
	}
	v->toldmodseq = v->highestmodseq;
	*out = v;
	return 0;
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

void store_deselect(struct store_view *v)
{
	struct store_view_private *p;
	unsigned i;

	if (!v)
		return;
	p = v->priv;
	if (p->npending)
		view_flush(v);
	for (i = 0; i < p->npending; i++)
		buf_done(&p->pending[i].text);
	arena_done(&p->names);
	arena_done(&p->extra_arena);
	view_locs_drop(v);
	free(p->owed);
	free(p);
	free(v->rec);
	free(v);
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
