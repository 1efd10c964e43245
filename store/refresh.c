/* SPDX-License-Identifier: ISC
 *
 * refresh.c: the index follows the directory.
 *
 * What our own functions change in cur/ they tell the index, with the mtime
 * that cur/ then has. So an mtime that the index does not know means a foreign
 * program (maildrop, mutt, cp, rm), or one of ours that died between
 * folder_begin and folder_finish: then the directory is read and
 *
 *   our tag, known uid, same name     nothing
 *   our tag, known uid, other name    flags changed
 *   our tag, uid not in the index     a delivery that died behind its link; all of
 *                                     them after the loss of the index
 *   anything else                     a new message: gets a UID and our name
 *   in the index only                 expunged (if two readings agree: readdir may
 *                                     miss a file that is renamed meanwhile)
 *
 * mtimes come from the kernel's tick. A directory read within the tick of its
 * mtime may change again without a new mtime: it stays unsettled and is read
 * again. After our own changes that is done for at most 1% of the time, so
 * that a delivery into a folder of 100,000 does not read 100,000 names; new/,
 * where foreign deliveries come, is never changed by us but for emptying it,
 * and is read again in any case.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/cache.h"
#include "store/extra.h"
#include "store/folder.h"

enum { REFRESH_CHUNK = 1000 };

struct entry {
	uint32_t uid; /* 0: foreign */
	uint32_t at; /* offset of the name */
	bool in_new;
};
struct listing {
	char *text;
	size_t used, room;
	struct entry *e;
	size_t n, cap;
};
enum delta_kind { DELTA_ADD, DELTA_CHANGE, DELTA_GONE };
struct delta {
	uint32_t uid, entry;
	enum delta_kind kind;
};
struct refresh {
	struct burst *b;
	struct folder *f;
	struct listing known, foreign;
	struct delta *delta;
	size_t ndelta, cap;
	uint32_t changed[REFRESH_CHUNK]; /* UIDs of a chunk whose names did */
	size_t nchanged;
	struct extra extra;
	bool extra_loaded;
	int64_t recent_since; /* delivery ids older than this are forgotten */
};

static void listing_add(struct listing *l, const char *name, uint32_t uid, bool in_new)
{
	size_t len = strlen(name) + 1;

	if (l->used + len > l->room) {
		l->room = (l->room + len) * 2 + 4096;
		l->text = mem_grow(l->text, l->room, 1);
	}
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->e = mem_grow(l->e, l->cap, sizeof(*l->e));
	}
	memcpy(l->text + l->used, name, len);
	l->e[l->n++] = (struct entry){ uid, (uint32_t)l->used, in_new };
	l->used += len;
}

static void listing_done(struct listing *l)
{
	free(l->text);
	free(l->e);
	memset(l, 0, sizeof(*l));
}

/* UID of a name that is ours, or 0. */
static uint32_t own_uid(const struct folder *f, const char *name)
{
	struct name n;

	if (!name_parse(str_of(name), &n) || !n.uid || n.uid >= f->file.uidnext ||
		strcmp(n.tag, f->tag) != 0)
		return 0;
	return n.uid;
}

static int list_dir(struct refresh *r, const char *sub)
{
	char path[STORE_DIR_SIZE + 8];
	bool in_new = sub[0] == 'n';
	struct dirent *e;
	struct name n;
	DIR *d;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", r->f->dir, sub);
	fd = file_open_dir(r->b->s->dir, path);
	if (fd < 0)
		return fd == -ENOENT ? E_NOTFOUND : fd;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	while (errno = 0, (e = readdir(d))) {
		uint32_t uid = 0;

		if (!name_parse(str_of(e->d_name), &n) || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN))
			continue;
		uid = own_uid(r->f, e->d_name);
		listing_add(uid ? &r->known : &r->foreign, e->d_name, uid, in_new);
	}
	if (errno)
		err = -errno;
	closedir(d);
	return err;
}

static struct listing *sort_listing; /* qsort has no argument */

static int by_uid(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	if (a->in_new != b->in_new)
		return a->in_new ? 1 : -1;
	return strcmp(sort_listing->text + a->at, sort_listing->text + b->at);
}

static int by_date(const void *pa, const void *pb)
{
	const char *a = sort_listing->text + ((const struct entry *)pa)->at;
	const char *b = sort_listing->text + ((const struct entry *)pb)->at;
	struct name na, nb;

	name_parse(str_of(a), &na);
	name_parse(str_of(b), &nb);
	if (na.sec != nb.sec)
		return na.sec < nb.sec ? -1 : 1;
	if (na.uid != nb.uid) /* of another UIDVALIDITY: the order that it had */
		return na.uid < nb.uid ? -1 : 1;
	return strcmp(a, b);
}

static void sort_by(struct listing *l, int (*cmp)(const void *, const void *))
{
	sort_listing = l;
	if (l->n)
		qsort(l->e, l->n, sizeof(*l->e), cmp);
}

static void to_foreign(struct refresh *r, const struct entry *e)
{
	listing_add(&r->foreign, r->known.text + e->at, 0, e->in_new);
}

/* One name a uid: the one that the index has, else the first; others are
 * copies that somebody made, new messages. A listing read twice names a file
 * twice. */
static int drop_doubles(struct refresh *r)
{
	struct listing *l = &r->known;
	size_t i, k, n = 0;
	struct record rec;
	int err;

	sort_by(l, by_uid);
	for (i = 0; i < l->n; i = k) {
		size_t keep = i, m;

		for (k = i + 1; k < l->n && l->e[k].uid == l->e[i].uid; k++)
			;
		if (k > i + 1) {
			err = record_get(r->b, r->f->file.id, l->e[i].uid, &rec);
			if (err && err != E_NOTFOUND)
				return err;
			for (m = i; m < k && !err; m++)
				if (strcmp(l->text + l->e[m].at, rec.name) == 0)
					keep = m;
			for (m = i; m < k; m++)
				if (m != keep && strcmp(l->text + l->e[m].at, l->text + l->e[keep].at) != 0 &&
					(m == i || strcmp(l->text + l->e[m].at, l->text + l->e[m - 1].at) != 0))
					to_foreign(r, &l->e[m]);
		}
		l->e[n++] = l->e[keep];
	}
	l->n = n;
	return 0;
}

static void delta_add(struct refresh *r, uint32_t uid, size_t entry, enum delta_kind kind)
{
	if (r->ndelta == r->cap) {
		r->cap = r->cap * 2 + 64;
		r->delta = mem_grow(r->delta, r->cap, sizeof(*r->delta));
	}
	r->delta[r->ndelta++] = (struct delta){ uid, (uint32_t)entry, kind };
}

/* A uid below UIDNEXT that the index does not have was expunged once, or its
 * delivery died half-way (pending). One at or above it waits, in a dry run, until
 * UIDNEXT can be raised in the index. */
static bool uid_acceptable(const struct refresh *r, uint32_t uid)
{
	const struct meta *m = &r->f->meta;

	if (uid >= m->uidnext)
		return !r->b->dry;
	return r->f->fresh || (m->pending_from && uid >= m->pending_from && uid <= m->pending_to);
}

static void compare_disk_only(struct refresh *r, size_t i)
{
	const struct entry *e = &r->known.e[i];

	if (uid_acceptable(r, e->uid))
		delta_add(r, e->uid, i, DELTA_ADD);
	else
		to_foreign(r, e);
}

/* Merge of the sorted listing with the records. *gone_out: records without file. */
static int compare(struct refresh *r, size_t *gone_out)
{
	struct index_scan sc;
	struct record rec;
	size_t i = 0, gone = 0;
	uint32_t count = 0;
	int rc, err = record_scan(r->b, r->f->file.id, 0, &sc);

	if (err)
		return err;
	while ((rc = record_next(&sc, &rec)) > 0) {
		count++;
		while (i < r->known.n && r->known.e[i].uid < rec.uid)
			compare_disk_only(r, i++);
		if (i < r->known.n && r->known.e[i].uid == rec.uid) {
			if (strcmp(r->known.text + r->known.e[i].at, rec.name) != 0)
				delta_add(r, rec.uid, i, DELTA_CHANGE);
			i++;
		} else {
			delta_add(r, rec.uid, 0, DELTA_GONE);
			gone++;
		}
	}
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	if (count != r->f->meta.count)
		return BURST_DAMAGED;
	while (i < r->known.n)
		compare_disk_only(r, i++);
	*gone_out = gone;
	return 0;
}

static int64_t sane_date(int64_t sec)
{
	return sec < 0 || sec > INT64_C(253402300799) ? 0 : sec;
}

/* Flags, keywords, sizes and date of an own name. */
static int record_from_name(struct refresh *r, const char *text, struct record *rec)
{
	const struct extra_entry *x;
	uint64_t known_letters = 0;
	char path[STORE_PATH_SIZE];
	struct folder *f = r->f;
	struct stat st;
	struct name n;
	unsigned i;
	int err;

	if (!name_parse(str_of(text), &n))
		return E_DAMAGED;
	for (i = 0; i < 26 && i < f->file.nkeywords; i++)
		if (f->file.keyword[i].n)
			known_letters |= UINT64_C(1) << i;
	rec->flags = n.flags;
	rec->keywords = (rec->keywords & ~UINT64_C(0x3ffffff)) | (n.letters & known_letters);
	snprintf(rec->name, sizeof(rec->name), "%s", text);
	if (rec->uid)
		return 0; /* a change: the rest stays */
	rec->uid = n.uid;
	rec->internaldate = rec->savedate = sane_date(n.sec);
	rec->file_size = n.size;
	rec->size = n.has_wire ? n.wire : n.size;
	if (!n.has_size) {
		folder_path(f, text, path);
		if (fstatat(r->b->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return -errno;
		rec->file_size = rec->size = (uint64_t)st.st_size;
	}
	if (!r->extra_loaded) {
		err = extra_load(r->b->s, f->dir, &f->file, &r->b->a, &r->extra);
		if (err)
			return err;
		r->extra_loaded = true;
	}
	x = extra_find(&r->extra, rec->uid);
	if (x && x->has_savedate)
		rec->savedate = x->savedate;
	if (x && x->has_keywords)
		rec->keywords |= x->keywords & ~UINT64_C(0x3ffffff);
	return 0;
}

/* After the loss of the index the names say which deliveries are here. */
static int remember_delivery(struct refresh *r, const struct record *rec, enum delta_kind kind)
{
	struct name n;

	if (r->b->dry || kind != DELTA_ADD || !name_parse(str_of(rec->name), &n) || n.sec < r->recent_since ||
		n.unique.n > 60 || !name_is_delivery_id(n.unique))
		return 0;
	return delivered_put(r->b, n.unique, n.sec, r->f->file.id, rec->uid);
}

static int apply_one(struct refresh *r, const struct delta *d)
{
	struct burst *b = r->b;
	struct folder *f = r->f;
	struct record rec = { 0 };
	int err;

	if (d->kind != DELTA_ADD) {
		err = record_get(b, f->file.id, d->uid, &rec);
		if (err)
			return err == E_NOTFOUND ? BURST_DAMAGED : err;
		folder_count(f, &rec, -1);
		f->meta.cache_live += rec.cache_len;
	}
	if (d->kind == DELTA_GONE) {
		f->meta.cache_live -= MIN(f->meta.cache_live, (uint64_t)rec.cache_len);
		err = record_del(b, f->file.id, d->uid);
		return err ? err : folder_log_gone(b, f, d->uid);
	}
	err = record_from_name(r, r->known.text + r->known.e[d->entry].at, &rec);
	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	if (d->kind == DELTA_CHANGE)
		r->changed[r->nchanged++] = d->uid;
	else if (d->uid >= f->meta.uidnext)
		f->meta.uidnext = d->uid + 1;
	rec.modseq = f->meta.modseq;
	folder_count(f, &rec, 1);
	err = record_put(b, f->file.id, &rec);
	return err ? err : remember_delivery(r, &rec, d->kind);
}

static int apply(struct refresh *r)
{
	size_t i, end;
	int err = 0;

	for (i = 0; !err && i < r->ndelta; i = end) {
		end = MIN(i + REFRESH_CHUNK, r->ndelta);
		if (i)
			err = folder_store(r->b, r->f);
		if (!err && i)
			err = index_commit(r->b, r->f->file.id);
		if (!err)
			err = folder_next_modseq(r->b, r->f);
		r->nchanged = 0;
		for (; !err && i < end; i++)
			err = apply_one(r, &r->delta[i]);
		if (!err)
			err = folder_log_changed(r->b, r->f, r->changed, r->nchanged);
	}
	return err;
}

/* --- foreign files ---------------------------------------------------------- */

/* Size on the wire: every LF without CR costs one byte more. */
static int wire_size(int fd, uint64_t *size_out, uint64_t *wire_out)
{
	static char block[65536];
	uint64_t size = 0, bare = 0;
	char last = 0;
	ssize_t n, i;

	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		size += (uint64_t)n;
		for (i = 0; i < n; last = block[i++])
			bare += block[i] == '\n' && last != '\r';
	}
	*size_out = size;
	*wire_out = size + bare;
	return 0;
}

/* Dovecot's and Courier's S= and W= are ours; anything else is counted. */
static int foreign_sizes(struct refresh *r, const char *path, const struct name *n, struct stat *st,
	struct record *rec)
{
	int fd = file_open(r->b->s->dir, path, O_RDONLY | O_NONBLOCK, 0), err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, st) != 0)
		err = -errno;
	else if (!S_ISREG(st->st_mode))
		err = -ENOENT;
	rec->file_size = err ? 0 : (uint64_t)st->st_size;
	rec->size = n->wire;
	if (!err && !(n->has_size && n->size == rec->file_size && n->has_wire && n->wire >= n->size))
		err = wire_size(fd, &rec->file_size, &rec->size);
	close(fd);
	return err;
}

/* Names a foreign file: its own base where that fits, our S= W= M= and flags. */
static int adopt_one(struct refresh *r, const struct entry *e, uint32_t uid)
{
	char from[STORE_PATH_SIZE], to[STORE_PATH_SIZE], base[NAME_SIZE];
	const char *text = r->foreign.text + e->at;
	struct store *s = r->b->s;
	struct folder *f = r->f;
	struct record rec = { 0 };
	struct stat st;
	struct name n;
	int err;

	name_parse(str_of(text), &n);
	snprintf(from, sizeof(from), "%s/%s/%s", f->dir, e->in_new ? "new" : "cur", text);
	err = foreign_sizes(r, from, &n, &st, &rec);
	if (err)
		return err;
	rec.uid = uid;
	rec.flags = n.flags;
	rec.internaldate = rec.savedate = sane_date(n.sec > 0 ? n.sec : st.st_mtime);
	rec.modseq = f->meta.modseq;
	if (n.sec <= 0 || n.base.n > 150 || !n.unique.n) {
		err = name_base(rec.internaldate, STR(""), s->host, base);
		if (err)
			return err;
	} else {
		memcpy(base, n.base.p, n.base.n);
		base[n.base.n] = 0;
	}
	snprintf(rec.name, sizeof(rec.name), "%s", base);
	err = folder_rename_record(f, &rec);
	if (err)
		return err;
	folder_path(f, rec.name, to);
	err = file_rename(s->dir, from, to);
	if (err)
		return err;
	folder_count(f, &rec, 1);
	return record_put(r->b, f->file.id, &rec);
}

static int adopt(struct refresh *r)
{
	struct folder *f = r->f;
	size_t i, k, n;
	uint32_t first;
	int err = 0;

	sort_by(&r->foreign, by_date);
	for (i = 0; !err && i < r->foreign.n; i += n) {
		n = MIN(r->foreign.n - i, (size_t)REFRESH_CHUNK);
		err = folder_take_uids(r->b, f, (uint32_t)n, &first);
		if (!err)
			err = folder_next_modseq(r->b, f);
		if (err)
			break;
		f->meta.pending_from = first;
		f->meta.pending_to = first + (uint32_t)n - 1;
		err = folder_begin(r->b, f);
		for (k = 0; !err && k < n; k++) {
			err = adopt_one(r, &r->foreign.e[i + k], first + (uint32_t)k);
			if (err == -ENOENT || err == -EACCES || err == -ELOOP)
				err = 0; /* taken away meanwhile; not readable, a link: not ours */
		}
		if (!err)
			err = folder_store(r->b, f);
		if (!err)
			err = index_commit(r->b, f->file.id);
	}
	return err;
}

/* Files with our name that somebody put into new/ go back to cur/. */
static int empty_new(struct refresh *r)
{
	char from[STORE_PATH_SIZE], to[STORE_PATH_SIZE];
	int dir = r->b->s->dir, err;
	struct stat st;
	size_t i;

	for (i = 0; i < r->known.n; i++) {
		const char *text = r->known.text + r->known.e[i].at;

		snprintf(from, sizeof(from), "%s/new/%s", r->f->dir, text);
		folder_path(r->f, text, to);
		if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			to_foreign(r, &r->known.e[i]);
			continue;
		}
		err = file_rename(dir, from, to);
		if (err && err != -ENOENT)
			return err;
	}
	listing_done(&r->known);
	return 0;
}

/* --- when, and in which order ---------------------------------------------- */

static bool fresh_mtime(int64_t now, int64_t mtime)
{
	return now - mtime < STORE_TICK_NS && mtime - now < STORE_TICK_NS;
}

static bool must_scan_cur(const struct folder *f, int64_t now, int64_t mtime)
{
	const struct meta *m = &f->meta;

	if (f->fresh || m->dirty || m->pending_from || mtime != m->cur_mtime || (m->unsettled & META_CUR))
		return true;
	return (m->unsettled & META_OWN) && !fresh_mtime(now, mtime) &&
		(now - m->scanned > 100 * m->scan_cost || now < m->scanned);
}

static bool keep_extra(uint32_t uid, void *arg)
{
	struct refresh *r = arg;
	struct record rec;

	return record_get(r->b, r->f->file.id, uid, &rec) != E_NOTFOUND;
}

static int scan_cur(struct refresh *r)
{
	bool rebuilding = r->f->fresh || r->f->meta.pending_from == 1;
	size_t gone = 0;
	int err = list_dir(r, "cur");

	if (!err)
		err = drop_doubles(r);
	if (!err)
		err = compare(r, &gone);
	if (!err && gone) {
		/* Read again: what is in either reading is there. */
		struct listing first = r->foreign;

		memset(&r->foreign, 0, sizeof(r->foreign));
		r->ndelta = 0;
		err = list_dir(r, "cur");
		if (!err)
			err = drop_doubles(r);
		if (!err)
			err = compare(r, &gone);
		/* Foreign files of new/ were only in the first. */
		for (gone = 0; gone < first.n; gone++)
			if (first.e[gone].in_new)
				listing_add(&r->foreign, first.text + first.e[gone].at, 0, true);
		listing_done(&first);
	}
	if (!err)
		err = apply(r);
	return err || !rebuilding ? err : cache_recover(r->b, r->f);
}

static int refresh_run(struct refresh *r, bool cur, int64_t cur_mtime, int64_t new_mtime)
{
	struct folder *f = r->f;
	struct store *s = r->b->s;
	int64_t start = store_now_ns(), t;
	bool adopted;
	int err = 0;

	if (r->b->dry) /* no UID, no name is given: foreign files wait */
		return cur ? scan_cur(r) : 0;
	err = list_dir(r, "new");
	if (!err)
		err = empty_new(r);
	if (!err && cur)
		err = scan_cur(r);
	adopted = r->foreign.n > 0;
	if (!err && adopted)
		err = adopt(r);
	if (!err && r->extra_loaded && r->extra.lines > 2 * (size_t)f->meta.count + 1000)
		err = extra_compact(s, f->dir, &f->file, &r->extra, keep_extra, r);
	if (err)
		return err;
	f->meta.unsettled &= ~(uint32_t)(META_NEW | (cur ? META_OWN | META_CUR : 0));
	if (cur) {
		f->meta.scanned = start;
		f->meta.scan_cost = MAX(store_now_ns() - start, 0);
		f->meta.cur_mtime = cur_mtime;
		if (fresh_mtime(start, cur_mtime))
			f->meta.unsettled |= META_CUR;
	}
	if (adopted && store_mtime(s, f->dir, "cur", &f->meta.cur_mtime) == 0)
		f->meta.unsettled |= META_OWN;
	f->meta.new_mtime = new_mtime;
	if (store_mtime(s, f->dir, "new", &t) == 0 && t != new_mtime) {
		f->meta.new_mtime = t;
		f->meta.unsettled |= META_NEW;
	}
	if (fresh_mtime(start, f->meta.new_mtime))
		f->meta.unsettled |= META_NEW;
	f->meta.dirty = f->meta.pending_from = f->meta.pending_to = 0;
	err = folder_store(r->b, f);
	/* That nothing was found goes with the next commit. */
	if (!err && (r->ndelta || adopted || f->fresh))
		err = index_commit(r->b, f->file.id);
	if (!err && adopted) {
		char path[STORE_DIR_SIZE + 8];

		snprintf(path, sizeof(path), "%s/cur", f->dir);
		err = file_fsync_dir(s->dir, path);
	}
	return err;
}

int folder_refresh(struct burst *b, struct folder *f)
{
	struct refresh r = { .b = b, .f = f, .recent_since = clock_unix() - DELIVERED_DAYS * 86400 };
	int64_t now, cur, new;
	bool scan;
	int err = store_mtime(b->s, f->dir, "cur", &cur);

	if (!err)
		err = store_mtime(b->s, f->dir, "new", &new);
	if (err)
		return err == -ENOENT ? E_NOTFOUND : err;
	now = store_now_ns();
	scan = must_scan_cur(f, now, cur);
	if (!scan && new == f->meta.new_mtime && !(f->meta.unsettled & META_NEW))
		return 0;
	if (burst_writes(b))
		return BURST_EXCLUSIVE;
	err = refresh_run(&r, scan, cur, new);
	f->fresh = false;
	listing_done(&r.known);
	listing_done(&r.foreign);
	free(r.delta);
	return err;
}
