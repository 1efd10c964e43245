/* SPDX-License-Identifier: ISC
 *
 * sync.c: a view is made (store_select) and brought up to date (store_sync).
 *
 * store_sync asks in this order, and stops as soon as it can:
 * 1. without a lock: is it the same index, the same generation, are the
 *    mtimes of cur/ and new/ the ones I know? (three small reads)
 * 2. under the shared lock: what is above my MODSEQ: expunged UIDs by their log,
 *    changed ones by theirs, new ones by range;
 * 3. if a log does not reach back that far, or the index is another one: all
 *    records, compared with the array.
 *
 * store_select begins with the pack, if there is one, as if it were a view that
 * had known that much (pack.c), and goes on with 2 or 3.
 */
#include <fcntl.h>
#include <unistd.h>

#include "store/folders.h"
#include "store/pack.h"

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

/* One changed message that the view has. */
static int sync_one(struct burst *b, struct sync *y, const struct folder *f, struct store_rec *to)
{
	struct record r;
	int err = record_get(b, f->file.id, to->uid, &r);

	if (err)
		return err == E_NOTFOUND ? 0 : err; /* expunged behind it */
	if ((to->flags & 31) != (r.flags & 31) || to->keywords != r.keywords ||
		(y->v->modseqs && to->modseq != r.modseq))
		sync_changed(y, r.uid);
	view_fill(to, &r);
	return 0;
}

/* What the change log has since. */
static int sync_flags(struct burst *b, struct sync *y, const struct folder *f)
{
	struct store_view *v = y->v;
	struct index_scan sc;
	struct changed c;
	uint32_t i, k, n = v->n;
	int rc = 0, err;

	if (f->meta.modseq_flags <= v->priv->synced)
		return 0;
	err = changed_scan(b, f->file.id, v->priv->synced, &sc);
	if (err)
		return err;
	while (!err && (rc = changed_next(&sc, &c)) > 0)
		for (i = 0; !err && i < c.n; i++)
			for (k = store_find_from(v, c.range[i].lo); !err && k < n && v->rec[k].uid <= c.range[i].hi; k++)
				err = sync_one(b, y, f, &v->rec[k]);
	index_scan_end(&sc);
	return err ? err : rc;
}

/* May sync_tail do it? The logs must reach back to what the view knows. */
static bool sync_by_logs(const struct burst *b, const struct store_view *v, const struct folder *f)
{
	const struct store_view_private *p = v->priv;
	const struct meta *m = &f->meta;

	return p->complete && !b->dry && p->epoch == b->state.epoch &&
		(m->modseq_flags <= p->synced || (m->changed_floor <= p->synced && m->modseq_logged == m->modseq_flags)) &&
		(m->modseq_gone <= p->synced || m->gone_floor <= p->synced);
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
	err = sync_flags(b, y, f);
	if (!err)
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
	view_settle(p, &f->meta);
	p->synced = f->meta.modseq;
	p->complete = !b->dry; /* a dry run has not seen all */
	v->uidnext = f->meta.uidnext;
	v->highestmodseq = f->meta.modseq;
}

static void sync_rewind(struct sync *y, uint32_t n)
{
	struct store_view *v = y->v;

	while (v->n > n) {
		uint32_t flags = v->rec[--v->n].flags;

		v->recent -= (flags & STORE_RECENT) != 0;
		v->priv->ngone -= (flags & STORE_GONE) != 0;
	}
	y->exists = y->recents = false;
}

/* A large folder that was read before. E_NOTFOUND: read it from the index. */
static int sync_pack(struct burst *b, struct sync *y, const struct folder *f)
{
	struct store_view *v = y->v;
	struct store_view_private *p = v->priv;
	uint32_t i;
	int err = f->meta.count < PACK_MIN ? E_NOTFOUND : pack_read(b, v, f);

	if (!err) {
		p->complete = true;
		err = sync_by_logs(b, v, f) ? 0 : E_NOTFOUND;
	}
	for (i = store_find_from(v, f->meta.recent_uid); !err && i < v->n; i++) {
		v->rec[i].flags |= STORE_RECENT;
		v->recent++;
		y->recents = true;
	}
	if (!err)
		err = sync_tail(b, y, f);
	if (!err)
		view_drop_gone(v, NULL, NULL);
	if (err == E_NOTFOUND || err == BURST_DAMAGED) {
		/* If it was the index that lied, reading it all says so. */
		sync_rewind(y, 0);
		p->complete = false;
		err = E_NOTFOUND;
	}
	y->nchanged = 0; /* nobody was told of it before */
	/* Worth writing down: what had to be read, or much of it. */
	p->pack_due = f->meta.count >= PACK_MIN && (err || f->meta.modseq - p->packed > PACK_OLD);
	return err;
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
	err = y->select ? sync_pack(b, y, f) : E_NOTFOUND;
	if (err == E_NOTFOUND && sync_by_logs(b, v, f))
		err = sync_tail(b, y, f);
	else if (err == E_NOTFOUND)
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
	size_t n = y->v->priv->ngone;

	c->expunged = arena_array(y->a, n + 1, sizeof(*c->expunged));
	c->expunged_uid = arena_array(y->a, n + 1, sizeof(*c->expunged_uid));
	c->nexpunged = n;
	view_drop_gone(y->v, c->expunged, c->expunged_uid);
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
		pack_if_due(v);
	}
	free(y.changed);
	return err;
}

static void rec_take(struct store *s, struct store_view *v)
{
	v->rec = s->spare;
	v->priv->cap = s->spare_cap;
	s->spare = NULL;
	s->spare_cap = 0;
}

int store_select(struct store *s, struct str folder, bool readonly, struct store_view **out)
{
	struct store_view *v = mem_alloc(1, sizeof(*v));
	struct store_view_private *p = mem_alloc(1, sizeof(*p));
	struct sync y = { .v = v, .select = true };
	int err;

	v->store = s;
	v->priv = p;
	rec_take(s, v);
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
