/* SPDX-License-Identifier: ISC
 *
 * flags.c: STORE. A flag is a letter in the file name, so a change is a
 * rename; keywords beyond the 26th go to mansio-extra first. A thousand
 * messages at a time under the lock, one MODSEQ each thousand.
 *
 * The work can be done twice without harm (a fault in the index starts it
 * again): the result depends on the request and the record alone. A condition
 * (UNCHANGEDSINCE) is judged once: `passed` keeps a message that we changed from being
 * taken for one that somebody else changed.
 */
#include "store/view.h"

#define HIGH_KEYWORDS (~UINT64_C(0x3ffffff))

struct flag_op {
	struct store_view *v;
	const uint32_t *index;
	size_t n;
	enum store_op op;
	uint32_t flags;
	const struct str *keyword;
	size_t nkeywords;
	uint64_t unchangedsince;
	bool *passed; /* of index[0..n) */
	/* what came of it */
	uint32_t *changed, *modified;
	size_t nchanged, nmodified;
	size_t modified_before; /* those of earlier chunks */
	bool gone, keywords, again, touched;
	int cur; /* the directory cur/ */
	uint32_t *logged; /* UIDs changed by this run */
	size_t nlogged;
};

static uint64_t combine(enum store_op op, uint64_t old, uint64_t bits)
{
	return op == STORE_SET ? bits : op == STORE_ADD ? old | bits : old & ~bits;
}

/* True if the client's condition fails. That only flags which it does not speak of
 * changed since it saw the message is no failure (RFC 7162 3.1.12). */
static bool unmet(const struct flag_op *o, const struct store_rec *have, const struct record *r, uint64_t bits)
{
	if (r->modseq <= o->unchangedsince)
		return false;
	if (o->op == STORE_SET || have->modseq > o->unchangedsince)
		return true;
	return ((have->flags ^ r->flags) & o->flags & 31) || ((have->keywords ^ r->keywords) & bits);
}

/* r is the record as it will be, but for its name; `was` the flags it had. */
static int change_one(struct burst *b, struct flag_op *o, struct folder *f, struct record *r, uint32_t was)
{
	struct record old = *r;
	int err = folder_rename_record(f, r);

	if (err)
		return err;
	if (strcmp(old.name, r->name) != 0) {
		err = file_rename(o->cur, old.name, r->name);
		if (err == -ENOENT) {
			o->again = true; /* somebody else renamed it: look, and once more */
			return 0;
		}
		if (err)
			return err;
	}
	old.flags = was;
	r->modseq = f->meta.modseq;
	o->logged[o->nlogged++] = r->uid;
	folder_count(f, &old, -1);
	folder_count(f, r, 1);
	f->meta.cache_live += r->cache_len;
	return record_put(b, f->file.id, r);
}

/* Records that will change, with their new flags. */
static int collect(struct burst *b, struct flag_op *o, struct folder *f, uint64_t bits,
	struct record *rec, uint32_t *at, uint32_t *was, size_t *n_out, struct buf *lines)
{
	struct store_view *v = o->v;
	size_t i, n = 0;
	int err;

	o->nmodified = o->modified_before;
	for (i = 0; i < o->n; i++) {
		struct store_rec *have = &v->rec[o->index[i]];
		struct record *r = &rec[n];
		uint64_t keywords;
		uint32_t flags;

		err = have->flags & STORE_GONE ? E_NOTFOUND : record_get(b, f->file.id, have->uid, r);
		if (err == E_NOTFOUND) {
			o->gone = true;
			continue;
		}
		if (err)
			return err;
		if (!o->passed[i] && unmet(o, have, r, bits)) {
			o->modified[o->nmodified++] = o->index[i];
			continue;
		}
		flags = (uint32_t)combine(o->op, r->flags & 31, o->flags & 31) | (r->flags & NAME_PASSED);
		keywords = combine(o->op, r->keywords, bits);
		if (flags == r->flags && keywords == r->keywords)
			continue;
		if ((keywords ^ r->keywords) & HIGH_KEYWORDS)
			extra_keywords(lines, r->uid, keywords);
		was[n] = r->flags;
		r->flags = flags;
		r->keywords = keywords;
		at[n++] = (uint32_t)i;
	}
	*n_out = n;
	return lines->err;
}

/* The view follows the records, whoever changed them: rec[k], n of them, are those of
 * o->index[at[k]], as far as passed[] says that they were changed. */
static int reflect(struct burst *b, struct flag_op *o, struct folder *f, const struct record *rec,
	const uint32_t *at, size_t n)
{
	struct record r;
	size_t i, k = 0;
	int err;

	for (i = 0; i < o->n; i++) {
		struct store_rec *have = &o->v->rec[o->index[i]];
		const struct record *mine = k < n && at[k] == i ? &rec[k++] : NULL;

		if (have->flags & STORE_GONE)
			continue;
		if (!mine || mine->modseq != f->meta.modseq) {
			err = record_get(b, f->file.id, have->uid, &r);
			if (err == E_NOTFOUND)
				continue;
			if (err)
				return err;
			mine = &r;
		}
		have->modseq = mine->modseq;
		if ((have->flags & 31) == (mine->flags & 31) && have->keywords == mine->keywords)
			continue;
		have->flags = (have->flags & ~31u) | (mine->flags & 31);
		have->keywords = mine->keywords;
		o->changed[o->nchanged++] = o->index[i];
	}
	return 0;
}

/* Kept in o, for a run that is abandoned leaves it open. */
static int open_cur(struct burst *b, struct flag_op *o, const struct folder *f)
{
	char path[STORE_DIR_SIZE + 8];

	fd_close(&o->cur);
	snprintf(path, sizeof(path), "%s/cur", f->dir);
	o->cur = file_open_dir(b->s->dir, path);
	return MIN(o->cur, 0);
}

static int flags_burst(struct burst *b, void *arg)
{
	struct flag_op *o = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct record *rec = arena_array(&b->a, o->n + 1, sizeof(*rec));
	uint32_t *at = arena_array(&b->a, o->n + 1, sizeof(*at));
	uint32_t *was = arena_array(&b->a, o->n + 1, sizeof(*was));
	uint64_t bits = 0, before;
	struct buf lines;
	size_t n = 0, i;
	int err = view_folder(b, o->v, f);

	o->again = false;
	before = f->meta.modseq;
	if (!err)
		err = folder_keywords(b, f, o->keyword, o->nkeywords, o->op != STORE_CLEAR, &bits);
	if (err)
		return err;
	buf_init(&lines, (size_t)64 << 20);
	err = collect(b, o, f, bits, rec, at, was, &n, &lines);
	if (!err)
		err = extra_append(b->s, f->dir, &f->file, buf_view(&lines));
	buf_done(&lines);
	if (!err && n) {
		err = open_cur(b, o, f);
		if (!err)
			err = folder_next_modseq(b, f);
		if (!err)
			err = folder_begin(b, f);
		o->logged = arena_array(&b->a, n, sizeof(*o->logged));
		o->nlogged = 0;
		for (i = 0; !err && i < n; i++) {
			err = change_one(b, o, f, &rec[i], was[i]);
			o->passed[at[i]] = !err && rec[i].modseq == f->meta.modseq;
		}
		if (!err)
			err = folder_log_changed(b, f, o->logged, o->nlogged);
		if (!err)
			err = folder_finish(b, f);
		if (!err && o->again) {
			f->meta.cur_mtime = 0;
			err = folder_store(b, f);
		}
		o->touched = true;
	}
	if (!err)
		err = reflect(b, o, f, rec, at, n);
	if (err)
		return err;
	view_own_change(b, o->v, f, before);
	view_keywords(o->v, f, &o->keywords);
	return 0;
}

int store_set_flags_if(struct store_view *v, const uint32_t *index, size_t n, enum store_op op,
	uint32_t flags, const struct str *keyword, size_t nkeywords, uint64_t unchangedsince,
	struct arena *a, struct store_flags_done *out)
{
	struct flag_op o = { .v = v, .op = op, .flags = flags, .keyword = keyword, .nkeywords = nkeywords,
		.unchangedsince = unchangedsince, .cur = -1 };
	bool *passed = arena_array(a, n + 1, sizeof(*passed));
	size_t at;
	int tries, err = 0;

	if (v->readonly)
		return E_DENIED;
	o.changed = arena_array(a, n + 1, sizeof(*o.changed));
	o.modified = arena_array(a, n + 1, sizeof(*o.modified));
	for (at = 0; !err && at < n; at += o.n) {
		o.index = index + at;
		o.passed = passed + at;
		o.n = MIN(n - at, (size_t)STORE_CHUNK);
		o.modified_before = o.nmodified;
		o.again = true;
		for (tries = 0; !err && o.again && tries < 3; tries++)
			err = burst_run(v->store, true, flags_burst, &o);
		if (!err && o.again)
			err = E_TEMP; /* somebody renames them as fast as we look */
	}
	fd_close(&o.cur);
	if (o.touched) {
		int err2 = view_fsync(v->store, v->priv->dir);

		err = err ? err : err2;
		notify_send(v->store, v->priv->id);
	}
	if (!err)
		*out = (struct store_flags_done){ o.changed, o.modified, o.nchanged, o.nmodified, o.gone };
	return err;
}

int store_set_flags(struct store_view *v, const uint32_t *index, size_t n, enum store_op op,
	uint32_t flags, const struct str *keyword, size_t nkeywords, struct arena *a,
	uint32_t **changed_out, size_t *nchanged_out, bool *gone_out)
{
	struct store_flags_done done;
	int err = store_set_flags_if(v, index, n, op, flags, keyword, nkeywords, UINT64_MAX, a, &done);

	if (!err) {
		*changed_out = done.changed;
		*nchanged_out = done.nchanged;
		*gone_out = done.gone;
	}
	return err;
}
