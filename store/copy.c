/* SPDX-License-Identifier: ISC
 *
 * copy.c: COPY and MOVE. A copy is a second name (hard link) of the same file,
 * which never changes; so it costs a link and no bytes. A thousand at a time
 * under the lock; if one fails, those that were made are removed again. MOVE
 * is COPY, made durable, then removal of the source: a crash in between leaves
 * a message twice, never not at all.
 */
#include "store/cache.h"
#include "store/view.h"

#include <fcntl.h>
#include <unistd.h>

#include "store/folders.h"

struct copy_op {
	struct store_view *v;
	const uint32_t *index;
	size_t n;
	char dir[STORE_DIR_SIZE]; /* of the target */
	bool move;
	uint64_t target_id;
	uint32_t uidvalidity;
	uint32_t *from, *to; /* made so far */
	uint32_t *done; /* indexes of them */
	size_t made;
	bool astray; /* a file was not where the index says */
	size_t chunk; /* of `made`, those of earlier chunks */
};

static int source_collect(struct burst *b, struct copy_op *o, struct folder *src, struct record *rec,
	uint32_t *at, size_t *n_out)
{
	size_t i, n = 0;
	int err;

	for (i = 0; i < o->n; i++) {
		struct store_rec *have = &o->v->rec[o->index[i]];

		if (have->flags & STORE_GONE)
			continue;
		err = record_get(b, src->file.id, have->uid, &rec[n]);
		if (err == E_NOTFOUND)
			continue;
		if (err)
			return err;
		at[n++] = o->index[i];
	}
	*n_out = n;
	return 0;
}

/* What the view knows is asked for, which is what the records say or a little more
 * (gone ones). Before any folder is opened: usage_quota may open them all. */
static int copy_quota(struct burst *b, const struct copy_op *o)
{
	uint64_t bytes = 0;
	size_t i, n = 0;

	if (o->move)
		return 0;
	for (i = 0; i < o->n; i++) {
		const struct store_rec *r = &o->v->rec[o->index[i]];

		if (r->flags & STORE_GONE)
			continue;
		bytes += r->size;
		n++;
	}
	return usage_quota(b, bytes, n);
}

/* Bits of the source's keywords in the target's numbers. */
static int map_keywords(struct burst *b, struct folder *src, struct folder *dst, uint64_t bits,
	uint64_t *out)
{
	uint64_t to = 0;
	unsigned i, k;
	int err;

	for (i = 0; i < src->file.nkeywords; i++)
		if ((bits & (UINT64_C(1) << i)) && src->file.keyword[i].n) {
			err = folder_keyword(b, dst, src->file.keyword[i], true, &k);
			if (err)
				return err;
			to |= UINT64_C(1) << k;
		}
	*out = to;
	return 0;
}

/* A message that only moves keeps its unique part, which may be a delivery id: that
 * it was delivered is known from the name even after the loss of the index. */
static int plan_base(const struct copy_op *o, const struct record *from, const char *host,
	char out[NAME_SIZE])
{
	struct name n;

	if (!o->move || !name_parse(str_of(from->name), &n) || n.base.n > 150)
		return name_base(from->internaldate, STR(""), host, out);
	memcpy(out, n.base.p, n.base.n);
	out[n.base.n] = 0;
	return 0;
}

/* What the copy will be: new UID, name, keywords of the target. */
static int plan_one(struct burst *b, const struct copy_op *o, struct folder *src, struct folder *dst, uint32_t uid,
	const struct record *from, int64_t now, struct record *to, struct buf *lines)
{
	char base[NAME_SIZE];
	int err;

	*to = *from;
	to->uid = uid;
	to->cache_at = to->cache_len = 0;
	to->savedate = now;
	err = map_keywords(b, src, dst, from->keywords, &to->keywords);
	if (!err)
		err = plan_base(o, from, b->s->host, base);
	if (err)
		return err;
	memcpy(to->name, base, sizeof(base));
	if (to->savedate != to->internaldate)
		extra_savedate(lines, uid, to->savedate);
	if (to->keywords >> 26)
		extra_keywords(lines, uid, to->keywords);
	return folder_rename_record(dst, to);
}

static int link_one(struct burst *b, struct folder *src, struct folder *dst,
	const struct record *from, const struct record *to)
{
	char path[STORE_PATH_SIZE];
	int fd, err;

	folder_path(src, from->name, path);
	fd = file_open(b->s->dir, path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	folder_path(dst, to->name, path);
	err = file_link(fd, b->s->dir, path);
	close(fd);
	return err;
}

/* The description is the same: it is copied too. */
static void copy_desc(struct burst *b, struct folder *src, struct folder *dst, const struct record *from,
	struct record *to)
{
	struct arena a;
	struct str text;

	arena_init(&a);
	if (cache_read(b->s, src->file.id, from->uid, from->cache_at, from->cache_len, &a, &text) == 0)
		(void)cache_append(b, dst, to, text);
	arena_done(&a);
}

/* All or nothing, on a full disk too, where the index cannot be written: names that were made
 * under this lock go again before anybody has seen them. Their UIDs are skipped. */
static void take_back(struct burst *b, struct copy_op *o, struct folder *dst, const struct record *to)
{
	char path[STORE_PATH_SIZE];
	size_t i, n = o->made - o->chunk;

	for (i = 0; i < n; i++) {
		folder_path(dst, to[i].name, path);
		if (file_unlink(b->s->dir, path) != 0)
			return; /* the next burst tries it again, by UID */
	}
	o->made = o->chunk;
}

static int copy_files(struct burst *b, struct copy_op *o, struct folder *src, struct folder *dst,
	const struct record *rec, struct record *to, const uint32_t *at, size_t n)
{
	size_t i;
	int err = folder_begin(b, dst);

	for (i = 0; !err && i < n; i++) {
		to[i].modseq = dst->meta.modseq;
		err = link_one(b, src, dst, &rec[i], &to[i]);
		if (err == -ENOENT) {
			err = E_TEMP; /* renamed by a foreign program this instant */
			o->astray = true;
		}
		if (err)
			break;
		o->from[o->made] = rec[i].uid;
		o->to[o->made] = to[i].uid;
		o->done[o->made++] = at[i];
		copy_desc(b, src, dst, &rec[i], &to[i]);
		folder_count(dst, &to[i], 1);
		err = record_put(b, dst->file.id, &to[i]);
	}
	if (!err)
		err = folder_finish(b, dst);
	if (err)
		take_back(b, o, dst, to);
	return err;
}

static int copy_burst(struct burst *b, void *arg)
{
	struct copy_op *o = arg;
	struct folder *src = ARENA_NEW(&b->a, struct folder), *dst = ARENA_NEW(&b->a, struct folder);
	struct record *rec = arena_array(&b->a, o->n + 1, sizeof(*rec));
	struct record *to = arena_array(&b->a, o->n + 1, sizeof(*to));
	uint32_t *at = arena_array(&b->a, o->n + 1, sizeof(*at)), first;
	struct buf lines;
	int64_t now = clock_unix();
	size_t n = 0, i;
	int err = copy_quota(b, o);

	BUG_ON(o->made != o->chunk);
	if (!err)
		err = view_folder(b, o->v, src);
	if (!err && strcmp(o->dir, src->dir) == 0)
		dst = src;
	else if (!err)
		err = folder_open(b, o->dir, dst);
	if (!err)
		err = source_collect(b, o, src, rec, at, &n);
	if (err)
		return err;
	o->target_id = dst->file.id;
	o->uidvalidity = dst->file.uidvalidity;
	if (!n)
		return 0;
	err = folder_take_uids(b, dst, (uint32_t)n, &first);
	if (!err)
		err = folder_next_modseq(b, dst);
	if (err)
		return err;
	dst->meta.pending_from = first;
	dst->meta.pending_to = first + (uint32_t)n - 1;
	buf_init(&lines, (size_t)64 << 20);
	for (i = 0; !err && i < n; i++)
		err = plan_one(b, o, src, dst, first + (uint32_t)i, &rec[i], now, &to[i], &lines);
	if (!err)
		err = lines.err ? lines.err : extra_append(b->s, dst->dir, &dst->file, buf_view(&lines));
	buf_done(&lines);
	return err ? err : copy_files(b, o, src, dst, rec, to, at, n);
}

/* Takes back copies from `keep` on: all or nothing. */
static int undo_burst(struct burst *b, void *arg)
{
	struct copy_op *o = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	char path[STORE_PATH_SIZE];
	struct record r;
	size_t i;
	int err = folder_open(b, o->dir, f);

	if (!err)
		err = folder_next_modseq(b, f);
	if (!err)
		err = folder_begin(b, f);
	for (i = o->chunk; !err && i < o->made; i++) {
		err = record_get(b, f->file.id, o->to[i], &r);
		if (err == E_NOTFOUND) {
			err = 0;
			continue;
		}
		if (err)
			break;
		folder_path(f, r.name, path);
		err = file_unlink(b->s->dir, path);
		if (!err)
			err = record_del(b, f->file.id, r.uid);
		if (!err) {
			folder_count(f, &r, -1);
			err = folder_log_gone(b, f, r.uid);
		}
	}
	return err ? err : folder_finish(b, f);
}

/* A run that a fault in the index stopped half-way is taken back before it is
 * started again, so that no message is copied twice. */
static int copy_chunk_burst(struct burst *b, void *arg)
{
	struct copy_op *o = arg;
	int err;

	if (o->made > o->chunk) {
		err = undo_burst(b, o);
		if (err)
			return err;
		o->made = o->chunk;
	}
	return copy_burst(b, o);
}

static int copy_all(struct copy_op *o, const uint32_t *index, size_t n)
{
	size_t at;
	int err = 0, err2;

	for (at = 0; !err && at < n; at += o->n) {
		o->index = index + at;
		o->n = MIN(n - at, (size_t)STORE_CHUNK);
		o->chunk = o->made;
		err = burst_run(o->v->store, true, copy_chunk_burst, o);
	}
	if (!err)
		err = o->made ? view_fsync(o->v->store, o->dir) : 0;
	if (err && o->made) {
		o->chunk = 0;
		err2 = burst_run(o->v->store, true, undo_burst, o);
		(void)err2; /* the first error is the one to tell */
	}
	return err;
}

int store_copy(struct store_view *v, const uint32_t *index, size_t n, struct str target, bool move,
	struct arena *a, struct store_copied *out)
{
	struct copy_op o = { .v = v, .move = move };
	int err = folders_dir(target, o.dir), tries;

	if (err)
		return E_NOTFOUND;
	if (move && v->readonly)
		return E_DENIED;
	o.from = arena_array(a, n + 1, sizeof(*o.from));
	o.to = arena_array(a, n + 1, sizeof(*o.to));
	o.done = arena_array(a, n + 1, sizeof(*o.done));
	for (tries = 0; tries < 3; tries++) {
		o.made = 0;
		o.astray = false;
		err = copy_all(&o, index, n);
		if (!o.astray)
			break;
		view_doubt(v);
	}
	if (!err && o.made)
		notify_send(v->store, o.target_id);
	if (!err && move && o.made)
		err = store_expunge(v, o.done, o.made);
	if (!err)
		*out = (struct store_copied){ o.uidvalidity, o.from, o.to, o.made };
	return err;
}
