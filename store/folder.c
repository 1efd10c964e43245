/* SPDX-License-Identifier: ISC
 *
 * folder.c: a folder's identity and numbers.
 *
 * Always true:
 * 1. meta.uidnext <= file.uidnext and meta.modseq <= file.modseq, and the file
 *    is on disk with its marks before a number below them is used.
 * 2. A folder without entry in the index starts at the marks: nothing that was
 *    ever told comes again.
 * 3. A keyword's number is never given to another name.
 * 4. A dry run (index.h) raises nothing: what it finds changed has the last MODSEQ
 *    that was given, so that the run that writes it down gives it a higher one.
 * 5. While mansio-folder says `importing`, the UIDs it names go to the import alone
 *    (import.c): nobody else's message gets one that the old server gave.
 */
#include "store/folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/rand.h"
#include "store/folders.h"

enum { UID_BLOCK = 256, GONE_MAX = 10000, CHANGED_MAX = 2000 };
#define MODSEQ_BLOCK UINT64_C(4096)
#define MAILBOX_PATH "Maildir/mansio-mailbox"

int mailbox_uidvalidity(struct store *s, uint32_t n, uint32_t *out)
{
	struct str rest;
	uint64_t last = 0, next;
	struct buf b;
	int err;

	buf_init(&b, 4096);
	err = file_load(s->dir, MAILBOX_PATH, &b);
	rest = buf_view(&b);
	while (!err && rest.p && rest.n) {
		struct str line = str_cut(&rest, '\n');

		if (str_starts(line, "uidvalidity ") && str_u64(str_from(line, 12), UINT32_MAX, &last) < 0)
			last = 0;
	}
	if (err && err != -ENOENT && err != E_LIMIT)
		goto out;
	next = MAX((uint64_t)MAX(clock_unix(), 1), last + 1);
	if (next + n - 1 > UINT32_MAX) {
		err = E_LIMIT;
		goto out;
	}
	buf_reset(&b);
	buf_fmt(&b, "mansio-mailbox 1\nuidvalidity %llu\n", (unsigned long long)(next + n - 1));
	err = file_replace(s->dir, MAILBOX_PATH, buf_view(&b), 0600);
	if (!err)
		*out = (uint32_t)next;
out:
	buf_done(&b);
	return err;
}

int mailbox_uidvalidity_seen(struct store *s, uint32_t seen)
{
	struct buf b;
	struct str rest;
	uint64_t last = 0;
	int err;

	buf_init(&b, 4096);
	err = file_load(s->dir, MAILBOX_PATH, &b);
	rest = buf_view(&b);
	while (!err && rest.p && rest.n) {
		struct str line = str_cut(&rest, '\n');

		if (str_starts(line, "uidvalidity ") && str_u64(str_from(line, 12), UINT32_MAX, &last) < 0)
			last = 0;
	}
	if (err == -ENOENT || err == E_LIMIT)
		err = 0;
	if (!err && last < seen) {
		buf_reset(&b);
		buf_fmt(&b, "mansio-mailbox 1\nuidvalidity %u\n", seen);
		err = file_replace(s->dir, MAILBOX_PATH, buf_view(&b), 0600);
	}
	buf_done(&b);
	return err;
}

int folder_identify(struct store *s, const char *dir, struct str special, struct arena *a,
	struct folderfile *out)
{
	struct folderfile f = { .uidnext = 1, .modseq = 1 };
	int err;

	do
		f.id = rand_u64();
	while (!f.id);
	f.special = arena_str(a, special);
	f.rest = STR("");
	err = mailbox_uidvalidity(s, 1, &f.uidvalidity);
	if (!err)
		err = folderfile_save(s->dir, dir, &f);
	if (!err)
		*out = f;
	return err;
}

/* mansio-folder, made if missing; one that does not parse is put aside: the
 * folder then is a new one for every client, which is slow but never wrong. */
static int load_identity(struct burst *b, struct folder *f)
{
	char bad[STORE_PATH_SIZE], good[STORE_PATH_SIZE];
	struct store *s = b->s;
	int64_t t;
	int err = folderfile_load(s->dir, f->dir, &b->a, &f->file);

	if (err != E_NOTFOUND && err != E_DAMAGED && err != E_LIMIT)
		return err;
	if (store_mtime(s, f->dir, "cur", &t) < 0)
		return E_NOTFOUND;
	if (b->dry)
		return -ENOSPC; /* without an identity nothing can be shown */
	if (!b->exclusive)
		return BURST_EXCLUSIVE;
	if (err != E_NOTFOUND) {
		snprintf(good, sizeof(good), "%s/" FOLDERFILE_NAME, f->dir);
		snprintf(bad, sizeof(bad), "%s/" FOLDERFILE_NAME ".damaged", f->dir);
		err = file_rename(s->dir, good, bad);
		if (err)
			return err;
	}
	return folder_identify(s, f->dir, STR(""), &b->a, &f->file);
}

static int load_meta(struct burst *b, struct folder *f)
{
	int err = meta_get(b, f->file.id, &f->meta);

	if (!err && f->meta.uidvalidity == f->file.uidvalidity) {
		f->counted = f->meta.count;
		f->counted_bytes = f->meta.bytes;
		if (f->meta.uidnext <= f->file.uidnext && f->meta.modseq <= f->file.modseq)
			return 0;
		/* An older mansio-folder was put back: the marks must not go back. */
		err = burst_writes(b);
		if (err)
			return err;
		f->file.uidnext = MAX(f->file.uidnext, f->meta.uidnext);
		f->file.modseq = MAX(f->file.modseq, f->meta.modseq);
		return b->dry ? 0 : folderfile_save(b->s->dir, f->dir, &f->file);
	}
	if (err && err != E_NOTFOUND)
		return err;
	if (burst_writes(b))
		return BURST_EXCLUSIVE;
	if (!err) {
		f->counted = f->meta.count;
		f->counted_bytes = f->meta.bytes;
		err = folder_forget(b, f->file.id);
		if (err)
			return err;
	}
	memset(&f->meta, 0, sizeof(f->meta));
	f->fresh = true;
	f->meta.uidvalidity = f->file.uidvalidity;
	f->meta.uidnext = f->meta.recent_uid = f->file.uidnext;
	f->meta.modseq = f->meta.gone_floor = f->meta.changed_floor = f->file.modseq;
	/* Until the directory was read to its end every UID below the mark may have its
	 * file: who is killed in between leaves an index that knows some of them. */
	if (f->meta.uidnext > 1) {
		f->meta.pending_from = 1;
		f->meta.pending_to = f->meta.uidnext - 1;
	}
	return 0;
}

int folder_open(struct burst *b, const char *dir, struct folder *f)
{
	int err;

	memset(f, 0, sizeof(*f));
	BUG_ON(strlen(dir) >= sizeof(f->dir));
	memcpy(f->dir, dir, strlen(dir) + 1);
	err = load_identity(b, f);
	if (err)
		return err;
	name_tag(f->file.id, f->file.uidvalidity, f->tag);
	err = load_meta(b, f);
	return err ? err : folder_refresh(b, f);
}

int folder_take_uids(struct burst *b, struct folder *f, uint32_t n, uint32_t *first_out)
{
	uint64_t start = MAX(f->meta.uidnext, f->file.import_to), end = start + n;
	uint32_t mark = f->file.uidnext;
	int err;

	if (end > NAME_UID_MAX)
		return E_LIMIT;
	BUG_ON(b->dry);
	if (end > f->file.uidnext) {
		f->file.uidnext = (uint32_t)MIN(end + UID_BLOCK - 1, (uint64_t)NAME_UID_MAX);
		err = folderfile_save(b->s->dir, f->dir, &f->file);
		if (err) {
			f->file.uidnext = mark;
			return err;
		}
	}
	*first_out = (uint32_t)start;
	f->meta.uidnext = (uint32_t)end;
	return 0;
}

int folder_next_modseq(struct burst *b, struct folder *f)
{
	uint64_t mark = f->file.modseq;
	int err;

	if (b->dry) /* shown now, it is shown again under a number of its own */
		return 0;
	if (f->meta.modseq + 1 > f->file.modseq) {
		f->file.modseq = f->meta.modseq + MODSEQ_BLOCK;
		err = folderfile_save(b->s->dir, f->dir, &f->file);
		if (err) {
			f->file.modseq = mark;
			return err;
		}
	}
	f->meta.modseq++;
	return 0;
}

int folder_keyword(struct burst *b, struct folder *f, struct str name, bool make, unsigned *out)
{
	unsigned i, unused = STORE_KEYWORDS_MAX;
	int err;

	for (i = 0; i < f->file.nkeywords; i++)
		if (f->file.keyword[i].n && str_ieq(f->file.keyword[i], name)) {
			*out = i;
			return 0;
		}
	if (!make)
		return E_NOTFOUND;
	if (!folderfile_keyword_ok(name))
		return E_SYNTAX;
	unused = f->file.nkeywords;
	if (unused >= STORE_KEYWORDS_MAX)
		return E_LIMIT;
	BUG_ON(!b->exclusive);
	f->file.keyword[unused] = arena_str(&b->a, name);
	f->file.nkeywords++;
	err = folderfile_save(b->s->dir, f->dir, &f->file);
	if (err) {
		f->file.keyword[unused] = STR_NONE;
		f->file.nkeywords--;
		return err;
	}
	*out = unused;
	return 0;
}

int folder_keywords(struct burst *b, struct folder *f, const struct str *name, size_t n, bool make,
	uint64_t *bits_out)
{
	uint64_t bits = 0;
	unsigned k;
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		err = folder_keyword(b, f, name[i], make, &k);
		if (err && (err != E_NOTFOUND || make))
			return err;
		if (!err)
			bits |= UINT64_C(1) << k;
	}
	*bits_out = bits;
	return 0;
}

int folder_store(struct burst *b, struct folder *f)
{
	struct usage u;
	int err = meta_put(b, f->file.id, &f->meta);

	if (err || (f->counted == f->meta.count && f->counted_bytes == f->meta.bytes))
		return err;
	err = usage_get(b, &u);
	if (!err) {
		u.bytes += f->meta.bytes - f->counted_bytes;
		u.messages += (uint64_t)f->meta.count - f->counted;
		err = usage_put(b, &u);
	}
	f->counted = f->meta.count;
	f->counted_bytes = f->meta.bytes;
	return err == E_NOTFOUND ? 0 : err;
}

int folder_begin(struct burst *b, struct folder *f)
{
	int err;

	f->meta.dirty = 1;
	err = folder_store(b, f);
	return err ? err : index_commit(b, 0);
}

int folder_finish(struct burst *b, struct folder *f)
{
	int err = store_mtime(b->s, f->dir, "cur", &f->meta.cur_mtime);

	if (err)
		return err;
	/* The directory was read, or known, when this burst began: what a foreign
	 * change could hide behind now is our own mtime. */
	f->meta.unsettled = (f->meta.unsettled & META_NEW) | META_OWN;
	f->meta.dirty = f->meta.pending_from = f->meta.pending_to = 0;
	err = folder_store(b, f);
	return err ? err : index_commit(b, f->file.id);
}

void folder_count(struct folder *f, const struct record *r, int sign)
{
	if (sign > 0) {
		f->meta.count++;
		f->meta.bytes += r->size;
		f->meta.unseen += !(r->flags & STORE_SEEN);
		f->meta.deleted += !!(r->flags & STORE_DELETED);
	} else {
		f->meta.count--;
		f->meta.bytes -= r->size;
		f->meta.unseen -= !(r->flags & STORE_SEEN);
		f->meta.deleted -= !!(r->flags & STORE_DELETED);
		f->meta.cache_live -= MIN(f->meta.cache_live, (uint64_t)r->cache_len);
	}
}

static int trim_gone(struct burst *b, struct folder *f)
{
	struct { uint64_t modseq; uint32_t uid; } *dead = arena_array(&b->a, GONE_MAX / 2, sizeof(*dead));
	struct index_scan sc;
	unsigned char key[21] = "X";
	int n, i, k, rc = 0, err = gone_scan(b, f->file.id, 0, &sc);

	if (err)
		return err;
	for (n = 0; n < GONE_MAX / 2 && (rc = gone_next(&sc, &dead[n].modseq, &dead[n].uid)) > 0; n++)
		;
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	for (i = 0; i < n; i++) {
		for (k = 0; k < 8; k++) {
			key[1 + k] = (unsigned char)(f->file.id >> (56 - 8 * k));
			key[9 + k] = (unsigned char)(dead[i].modseq >> (56 - 8 * k));
		}
		for (k = 0; k < 4; k++)
			key[17 + k] = (unsigned char)(dead[i].uid >> (24 - 8 * k));
		err = index_del(b, key, sizeof(key));
		if (err)
			return err;
		f->meta.gone_floor = MAX(f->meta.gone_floor, dead[i].modseq);
	}
	f->meta.ngone -= MIN(f->meta.ngone, (uint32_t)n);
	return 0;
}

int folder_log_gone(struct burst *b, struct folder *f, uint32_t uid)
{
	int err = gone_put(b, f->file.id, f->meta.modseq, uid);

	f->meta.modseq_gone = f->meta.modseq;
	if (!err && ++f->meta.ngone > GONE_MAX)
		err = trim_gone(b, f);
	return err;
}

/* The older half of the change log goes. */
static int trim_changed(struct burst *b, struct folder *f)
{
	uint64_t *dead = arena_array(&b->a, CHANGED_MAX / 2, sizeof(*dead));
	struct index_scan sc;
	struct changed c;
	int n, i, rc = 0, err = changed_scan(b, f->file.id, 0, &sc);

	if (err)
		return err;
	for (n = 0; n < CHANGED_MAX / 2 && (rc = changed_next(&sc, &c)) > 0; n++)
		dead[n] = c.modseq;
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	for (i = 0; i < n && !err; i++) {
		err = changed_del(b, f->file.id, dead[i]);
		f->meta.changed_floor = MAX(f->meta.changed_floor, dead[i]);
	}
	f->meta.nchanged -= MIN(f->meta.nchanged, (uint64_t)n);
	return err;
}

static int by_number(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return a < b ? -1 : a > b;
}

int folder_log_changed(struct burst *b, struct folder *f, uint32_t *uid, size_t n)
{
	struct changed c = { .modseq = f->meta.modseq };
	size_t i;
	int err;

	if (!n)
		return 0;
	/* A change that was not logged leaves a hole. */
	if (f->meta.modseq_flags != f->meta.modseq_logged)
		f->meta.changed_floor = MAX(f->meta.changed_floor, f->meta.modseq_flags);
	f->meta.modseq_flags = f->meta.modseq_logged = f->meta.modseq;
	qsort(uid, n, sizeof(*uid), by_number);
	for (i = 0; i < n; i++) {
		if (c.n && uid[i] <= c.range[c.n - 1].hi + 1) {
			c.range[c.n - 1].hi = uid[i];
			continue;
		}
		if (c.n == CHANGED_RANGES) { /* too scattered: whoever is behind reads all */
			f->meta.changed_floor = f->meta.modseq;
			return 0;
		}
		c.range[c.n].lo = c.range[c.n].hi = uid[i];
		c.n++;
	}
	err = changed_put(b, f->file.id, &c);
	if (!err && ++f->meta.nchanged > CHANGED_MAX)
		err = trim_changed(b, f);
	return err;
}

void folder_path(const struct folder *f, const char *name, char out[STORE_PATH_SIZE])
{
	snprintf(out, STORE_PATH_SIZE, "%s/cur/%s", f->dir, name);
}

int folder_rename_record(const struct folder *f, struct record *r)
{
	struct name n;
	char out[NAME_SIZE];
	int err;

	if (!name_parse(str_of(r->name), &n))
		return E_DAMAGED;
	n.size = r->file_size;
	n.wire = r->size;
	n.has_size = n.has_wire = true;
	n.uid = r->uid;
	memcpy(n.tag, f->tag, sizeof(n.tag));
	n.flags = r->flags;
	n.letters = (uint32_t)(r->keywords & 0x3ffffff);
	err = name_print(&n, out);
	if (!err)
		memcpy(r->name, out, sizeof(out));
	return err;
}

/* --- the mailbox's sums ----------------------------------------------------- */

static int sum_folders(struct burst *b, struct usage *out)
{
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct str *dir;
	size_t n, i;
	int err = folders_dirs(b->s, &b->a, &dir, &n);

	out->bytes = out->messages = 0;
	for (i = 0; !err && i < n; i++) {
		err = folder_open(b, dir[i].p, f);
		if (err == E_NOTFOUND) {
			err = 0;
			continue;
		}
		if (!err) {
			out->bytes += f->meta.bytes;
			out->messages += f->meta.count;
		}
	}
	return err;
}

static int usage_sum(struct burst *b, struct usage *out)
{
	struct usage u = { 0 };
	int err;

	if (burst_writes(b))
		return BURST_EXCLUSIVE;
	err = sum_folders(b, &u);
	if (!err)
		err = store_mtime(b->s, "Maildir", NULL, &u.mtime);
	if (!err)
		err = usage_put(b, &u);
	if (!err)
		err = index_commit(b, 0);
	if (!err)
		*out = u;
	return err;
}

int usage_current(struct burst *b, struct usage *out)
{
	struct usage u;
	int64_t t;
	int err = usage_get(b, &u);

	if (err && err != E_NOTFOUND)
		return err;
	if (err || store_mtime(b->s, "Maildir", NULL, &t) != 0 || t != u.mtime)
		return usage_sum(b, out);
	*out = u;
	return 0;
}

static bool usage_fits(const struct store *s, const struct usage *u, uint64_t bytes, uint64_t messages)
{
	return (!s->quota_bytes || (u->bytes <= s->quota_bytes && bytes <= s->quota_bytes - u->bytes)) &&
		(!s->quota_messages ||
			(u->messages <= s->quota_messages && messages <= s->quota_messages - u->messages));
}

/* Another program may have made room in a folder that nobody opened since: before
 * a refusal all of them are looked at. */
int usage_quota(struct burst *b, uint64_t bytes, uint64_t messages)
{
	struct usage u;
	int err;

	if (!b->s->quota_bytes && !b->s->quota_messages)
		return 0;
	err = usage_current(b, &u);
	if (err || usage_fits(b->s, &u, bytes, messages))
		return err;
	err = usage_sum(b, &u);
	return err ? err : usage_fits(b->s, &u, bytes, messages) ? 0 : E_QUOTA;
}
