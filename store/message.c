/* SPDX-License-Identifier: ISC
 *
 * message.c: the content of messages. Where a file lies is asked of the index
 * for 64 messages at once and remembered; for up to 1024 while one command goes
 * through them in order.
 * A remembered name may be old (a flag changed): then it is asked again.
 *
 * What is on the wire always has CRLF. Files with bare LF, written by other
 * programs, are converted while reading; the two sizes in the record say which.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/cache.h"
#include "store/view.h"

struct locate {
	struct store_view *v;
	uint32_t uid;
	unsigned n;
};

static int locate_burst(struct burst *b, void *arg)
{
	struct locate *q = arg;
	struct store_view_private *p = q->v->priv;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct index_scan sc;
	struct record r;
	int rc = 0, err = view_folder(b, q->v, f);

	q->n = 0;
	if (!err)
		err = record_scan(b, f->file.id, q->uid, &sc);
	if (err)
		return err;
	while (q->n < p->caploc && (rc = record_next(&sc, &r)) > 0) {
		struct view_loc *l = &p->loc[q->n++];

		l->uid = r.uid;
		l->cache_len = r.cache_len;
		l->cache_at = r.cache_at;
		l->size = r.size;
		l->file_size = r.file_size;
		memcpy(l->name, r.name, strlen(r.name) + 1);
	}
	index_scan_end(&sc);
	if (q->n < p->caploc && rc < 0)
		return rc;
	/* Nothing happened since the view was complete, and yet it is not there. */
	if (!b->dry && (!q->n || p->loc[0].uid != q->uid) && p->synced == f->meta.modseq && p->epoch == b->state.epoch)
		return BURST_DAMAGED;
	return 0;
}

/* NULL: not remembered. */
static struct view_loc *loc_find(struct store_view_private *p, uint32_t uid)
{
	unsigned lo = 0, hi = p->nloc;

	/* mostly the one behind the last one */
	if (p->loc_next < hi && p->loc[p->loc_next].uid == uid)
		return &p->loc[p->loc_next++];
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (p->loc[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	p->loc_next = lo + 1;
	return lo < p->nloc && p->loc[lo].uid == uid ? &p->loc[lo] : NULL;
}

void view_locs_drop(struct store_view *v)
{
	struct store_view_private *p = v->priv;

	cache_reader_done(&p->cache);
	free(p->loc);
	p->loc = NULL;
	p->nloc = p->caploc = 0;
}

void view_locs_rest(struct store_view *v)
{
	cache_reader_done(&v->priv->cache);
	if (v->priv->caploc > VIEW_LOCS)
		view_locs_drop(v);
	v->priv->loc_old = true;
}

/* Room for the next ones: twice as many if these were used up in order. */
static void locs_room(struct store_view *v, uint32_t index)
{
	struct store_view_private *p = v->priv;
	bool follows = !p->loc_old && p->nloc && p->nloc == p->caploc && index > 0 &&
		v->rec[index - 1].uid == p->loc[p->nloc - 1].uid;
	unsigned want = !p->caploc ? VIEW_LOCS : follows ? MIN(p->caploc * 2, VIEW_LOCS_MAX) : p->caploc;

	if (want != p->caploc)
		p->loc = mem_grow(p->loc, want, sizeof(*p->loc));
	p->caploc = want;
	p->nloc = 0;
	p->loc_old = false;
}

static int locate(struct store_view *v, uint32_t index, bool again, struct view_loc **out)
{
	struct store_view_private *p = v->priv;
	struct locate q = { .v = v, .uid = v->rec[index].uid };
	struct view_loc *l = again ? NULL : loc_find(p, q.uid);
	int err;

	if (!l) {
		locs_room(v, index);
		err = burst_read(v->store, locate_burst, &q);
		if (err)
			return err;
		p->nloc = q.n;
		l = loc_find(p, q.uid);
	}
	if (!l)
		return E_NOTFOUND;
	*out = l;
	return 0;
}

static int open_file(struct store_view *v, const struct view_loc *l)
{
	char path[STORE_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/cur/%s", v->priv->dir, l->name);
	return file_open(v->store->dir, path, O_RDONLY | O_NONBLOCK, 0);
}

/* wire = file plus one byte for each LF without CR; for files changed in place. */
static int count_wire(int fd, uint64_t *out)
{
	static char block[65536];
	uint64_t n = 0;
	char last = 0;
	off_t at = 0;
	ssize_t got, i;

	while ((got = pread(fd, block, sizeof(block), at)) > 0) {
		for (i = 0; i < got; last = block[i++])
			n += 1 + (block[i] == '\n' && last != '\r');
		at += got;
	}
	*out = n;
	return got < 0 ? -errno : 0;
}

int store_msg_open(struct store_view *v, uint32_t index, struct store_msg *out)
{
	struct store_msg m = { .fd = -1 };
	struct view_loc *l;
	struct stat st;
	int tries, err;

	BUG_ON(index >= v->n);
	for (tries = 0; tries < 3; tries++) {
		err = locate(v, index, tries > 0, &l);
		if (err)
			return err;
		m.fd = open_file(v, l);
		if (m.fd != -ENOENT)
			break;
		if (tries == 1)
			view_doubt(v);
	}
	if (m.fd < 0)
		return m.fd == -ENOENT ? E_NOTFOUND : m.fd;
	if (fstat(m.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(m.fd);
		return E_NOTFOUND;
	}
	m.size = l->size;
	m.direct = l->size == l->file_size;
	if ((uint64_t)st.st_size != l->file_size) {
		err = count_wire(m.fd, &m.size);
		if (err) {
			close(m.fd);
			return err;
		}
		m.direct = m.size == (uint64_t)st.st_size;
	}
	*out = m;
	return 0;
}

/* Bare LF becomes CRLF; `out` has room for every byte twice. */
static size_t to_wire(const char *in, size_t n, char *out)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		if (in[i] == '\n' && (!i || in[i - 1] != '\r'))
			out[k++] = '\r';
		out[k++] = in[i];
	}
	return k;
}

int store_msg_load(struct store_msg *m)
{
	struct stat st;
	char *raw, *wire;
	size_t n;
	int err;

	if (m->owned)
		return 0;
	if (fstat(m->fd, &st) != 0)
		return -errno;
	n = (size_t)st.st_size;
	raw = mem_alloc(n + 1, 1);
	err = file_pread_all(m->fd, raw, n, 0);
	if (err) {
		free(raw);
		return err;
	}
	if (!m->direct) {
		wire = mem_alloc(2 * n + 1, 1);
		n = to_wire(raw, n, wire);
		free(raw);
		raw = wire;
		m->size = n;
	}
	m->owned = raw;
	m->text = str_make(raw, n);
	return 0;
}

int store_msg_read(struct store_msg *m, uint64_t at, size_t n, struct buf *out)
{
	ssize_t got;
	char *p;
	int err;

	if (at >= m->size || !n)
		return 0;
	n = (size_t)MIN((uint64_t)n, m->size - at);
	if (!m->direct || m->owned) {
		err = store_msg_load(m);
		if (err)
			return err;
		buf_str(out, str_sub(m->text, (size_t)at, (size_t)at + n));
		return out->err;
	}
	p = buf_room(out, n);
	if (!p)
		return out->err;
	while (n) {
		got = pread(m->fd, p, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		buf_grew(out, (size_t)got);
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return out->err;
}

void store_msg_close(struct store_msg *m)
{
	fd_close(&m->fd);
	free(m->owned);
	m->owned = NULL;
	m->text = STR_NONE;
}

/* --- descriptions --------------------------------------------------------------- */

struct flush_op {
	struct store_view *v;
};

static int flush_burst(struct burst *b, void *arg)
{
	struct store_view *v = ((struct flush_op *)arg)->v;
	struct store_view_private *p = v->priv;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct record r;
	unsigned i;
	int err = view_folder(b, v, f);

	for (i = 0; !err && i < p->npending; i++) {
		err = record_get(b, f->file.id, p->pending[i].uid, &r);
		if (err == E_NOTFOUND || (!err && r.cache_at && r.cache_at != p->pending[i].bad_at)) {
			err = 0;
			continue;
		}
		if (!err)
			f->meta.cache_live -= MIN(f->meta.cache_live, (uint64_t)r.cache_len);
		if (!err)
			err = cache_append(b, f, &r, buf_view(&p->pending[i].text));
		if (!err)
			err = record_put(b, f->file.id, &r);
	}
	if (!err)
		err = folder_store(b, f);
	return err ? err : index_commit(b, 0);
}

/* What cannot be kept is computed again next time: no error to tell. */
void view_flush(struct store_view *v)
{
	struct store_view_private *p = v->priv;
	struct flush_op o = { v };
	unsigned i;

	if (!p->npending)
		return;
	(void)burst_run(v->store, true, flush_burst, &o);
	for (i = 0; i < p->npending; i++)
		buf_done(&p->pending[i].text);
	p->npending = 0;
	p->nloc = 0;
}

static int compute(struct store_view *v, uint32_t index, uint64_t bad_at, struct arena *a, struct str *out)
{
	struct store_view_private *p = v->priv;
	struct view_desc *d;
	struct store_msg m;
	int err = store_msg_open(v, index, &m);

	if (err)
		return err;
	err = store_msg_load(&m);
	if (!err) {
		d = &p->pending[p->npending];
		d->uid = v->rec[index].uid;
		d->bad_at = bad_at;
		buf_init(&d->text, (size_t)16 << 20);
		cache_describe(m.text, &d->text);
		err = d->text.err;
		if (!err)
			*out = arena_str(a, buf_view(&d->text));
		if (err || d->text.n > CACHE_ENTRY_MAX)
			buf_done(&d->text);
		else
			p->npending++;
	}
	store_msg_close(&m);
	if (p->npending == VIEW_PENDING)
		view_flush(v);
	return err;
}

int store_describe(struct store_view *v, uint32_t index, unsigned want UNUSED, struct arena *a,
	struct store_desc *out)
{
	struct store_view_private *p = v->priv;
	uint32_t uid;
	struct view_loc *l;
	uint64_t bad_at;
	struct str text;
	unsigned i;
	int err;

	BUG_ON(index >= v->n);
	uid = v->rec[index].uid;
	for (i = 0; i < p->npending; i++)
		if (p->pending[i].uid == uid)
			return cache_parse(arena_str(a, buf_view(&p->pending[i].text)), out);
	err = locate(v, index, false, &l);
	if (err)
		return err;
	if (cache_reader_get(&p->cache, v->store, p->id, uid, l->cache_at, l->cache_len, a, &text) == 0 &&
		cache_parse(text, out) == 0)
		return 0;
	bad_at = l->cache_at;
	err = compute(v, index, bad_at, a, &text);
	return err ? err : cache_parse(text, out);
}

int store_pop3_uidl(struct store_view *v, uint32_t index, struct buf *out)
{
	struct store_view_private *p = v->priv;
	const struct extra_entry *x;
	struct folderfile ff;
	int err;

	if (!p->extra_loaded) {
		err = folderfile_load(v->store->dir, p->dir, &p->extra_arena, &ff);
		if (!err && ff.id == p->id)
			err = extra_load(v->store, p->dir, &ff, &p->extra_arena, &p->extra);
		if (err)
			return err;
		p->extra_loaded = true;
	}
	x = extra_find(&p->extra, v->rec[index].uid);
	if (x && x->uidl.n)
		buf_str(out, x->uidl);
	else
		buf_fmt(out, "%08x.%08x", v->uidvalidity, v->rec[index].uid);
	return out->err;
}
