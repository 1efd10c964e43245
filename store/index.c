/* SPDX-License-Identifier: ISC
 *
 * index.c: LMDB under the mailbox lock. One file, one unnamed database, keys
 * with a type byte in front (record.c).
 *
 * Life of the index file:
 *
 *   missing ─ index_discard ─> empty ─ commits ─> in use ─ index_clean_mark ─> clean
 *      ^                                             │ ^                          │
 *      └── damage, other boot without clean mark, ───┘ └──── first commit ────────┘
 *          other format, txn number does not match
 *
 * Always true:
 * 1. data.mdb and state are opened and changed under the lock only (but for
 *    reading generations); nobody maps the index between two bursts.
 * 2. state.txn is the last transaction, or with STATE_OPEN possibly the one
 *    before (killed between the two).
 *    And data.mdb has the inode, size and times that state says, or somebody
 *    else wrote it: then it is not even opened.
 * 3. A clean mark is on disk only while data.mdb is on disk as it is; the
 *    first commit after it removes the mark durably first.
 * 4. NOSYNC: after a power cut the file is worthless and, by the boot id, never
 *    opened. A killed process leaves it consistent (the page cache lives on).
 */
#include "store/lmdb.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/guard.h"

#define MAP_ROOM ((size_t)128 << 20) /* what one transaction may add */
#define COMPACT_MIN ((size_t)16 << 20)

int index_error(int rc)
{
	if (rc == 0)
		return 0;
	if (rc == MDB_NOTFOUND)
		return E_NOTFOUND;
	if (rc == MDB_MAP_FULL || rc == ENOSPC)
		return -ENOSPC;
	if (rc == EIO || rc == ENOMEM || rc == EMFILE || rc == ENFILE || rc == EDQUOT)
		return -rc;
	return BURST_DAMAGED;
}

static void on_assert(MDB_env *env UNUSED, const char *msg UNUSED)
{
	guard_fail();
}

static size_t data_size(struct store *s)
{
	struct stat st;

	return fstatat(s->dir, DATA_PATH, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (size_t)st.st_size : 0;
}

int index_env_open(const char *path, unsigned flags, size_t mapsize, MDB_env **out)
{
	MDB_env *env;
	int rc;

	guard_enter();
	rc = mdb_env_create(&env);
	if (rc == 0) {
		mdb_env_set_assert(env, on_assert);
		mdb_env_set_mapsize(env, mapsize);
		rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | flags, 0600);
		if (rc)
			mdb_env_close(env);
	}
	guard_leave();
	if (rc == 0)
		*out = env;
	return index_error(rc);
}

static int txn_begin(struct index *ix)
{
	int rc = 0;

	if (ix->txn)
		return 0;
	guard_enter();
	if (ix->write) {
		MDB_envinfo info;

		mdb_env_info(ix->env, &info);
		if ((info.me_last_pgno + 1) * 4096 + MAP_ROOM > ix->mapsize) {
			ix->mapsize = (info.me_last_pgno + 1) * 4096 * 2 + 2 * MAP_ROOM;
			rc = mdb_env_set_mapsize(ix->env, ix->mapsize);
		}
	}
	if (rc == 0)
		rc = mdb_txn_begin(ix->env, NULL, ix->write ? 0 : MDB_RDONLY, &ix->txn);
	if (rc == 0)
		rc = mdb_dbi_open(ix->txn, NULL, 0, &ix->dbi);
	guard_leave();
	return index_error(rc);
}

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A file system that keeps whole seconds forgets the rest some time. */
static bool same_time(struct timespec have, int64_t known)
{
	return ns(have) == known || (have.tv_nsec == 0 && have.tv_sec == known / 1000000000);
}

void index_remember(struct burst *b)
{
	struct state *k = &b->state;
	struct stat st;

	k->ino = 0;
	if (fstatat(b->s->dir, DATA_PATH, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	k->ino = st.st_ino;
	k->size = (uint64_t)st.st_size;
	k->mtime = ns(st.st_mtim);
	k->ctime = ns(st.st_ctim);
}

/* May data.mdb be opened? A missing one may, by a writer, before the first commit. */
static int data_check(struct burst *b)
{
	const struct state *k = &b->state;
	struct stat st;

	if (fstatat(b->s->dir, DATA_PATH, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT || k->txn != 0)
			return BURST_DAMAGED;
		return b->exclusive ? 0 : BURST_EXCLUSIVE;
	}
	if (!S_ISREG(st.st_mode))
		return BURST_DAMAGED;
	if ((k->flags & STATE_OPEN) || !k->ino)
		return 0;
	return st.st_ino == k->ino && (uint64_t)st.st_size == k->size && same_time(st.st_mtim, k->mtime) &&
			same_time(st.st_ctim, k->ctime) ? 0 : BURST_DAMAGED;
}

/* State and boot id fit: the file may be opened. */
static int state_check(struct burst *b)
{
	unsigned char boot[16];
	int err = state_open(b->s->dir, O_RDWR, &b->state_fd, &b->state);

	if (err == E_NOTFOUND || err == E_DAMAGED || err == -EACCES)
		return BURST_DAMAGED;
	if (err)
		return err;
	state_boot(boot);
	if (memcmp(boot, b->state.boot, 16) == 0)
		return 0;
	if (!(b->state.flags & STATE_CLEAN))
		return BURST_DAMAGED;
	if (!b->exclusive)
		return BURST_EXCLUSIVE;
	memcpy(b->state.boot, boot, 16);
	b->state.flags &= ~(uint32_t)STATE_CLEAN;
	err = state_write(b->state_fd, &b->state);
	return err ? err : file_fsync(b->state_fd);
}

int index_open(struct burst *b)
{
	struct index *ix = b->index;
	MDB_envinfo info;
	uint64_t last;
	int err = ix->ignore ? BURST_DAMAGED : state_check(b);

	if (!err)
		err = data_check(b);
	if (err)
		return err;
	ix->write = b->exclusive;
	ix->mapsize = data_size(b->s) * 2 + 2 * MAP_ROOM;
	err = index_env_open(DATA_PATH, ix->write ? 0 : MDB_RDONLY, ix->mapsize, &ix->env);
	if (err)
		return err == E_NOTFOUND ? BURST_DAMAGED : err;
	guard_enter();
	mdb_env_info(ix->env, &info);
	guard_leave();
	last = info.me_last_txnid;
	if (last == b->state.txn || ((b->state.flags & STATE_OPEN) && last + 1 == b->state.txn))
		return txn_begin(ix);
	return BURST_DAMAGED;
}

void index_close(struct burst *b)
{
	struct index *ix = b->index;
	bool remember = false;
	MDB_envinfo info;
	MDB_stat st;

	guard_enter();
	if (ix->txn && ix->write && mdb_stat(ix->txn, ix->dbi, &st) == 0) {
		size_t live = (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) * 4096;

		mdb_env_info(ix->env, &info);
		ix->garbage = info.me_last_pgno * 4096 > COMPACT_MIN && info.me_last_pgno * 4096 > 4 * live;
	}
	if (ix->txn)
		mdb_txn_abort(ix->txn);
	ix->txn = NULL;
	if (ix->env) {
		mdb_env_info(ix->env, &info);
		if (b->state.flags & STATE_OPEN && ix->write) {
			b->state.txn = info.me_last_txnid;
			b->state.flags &= ~(uint32_t)STATE_OPEN;
			remember = true;
		}
		mdb_env_close(ix->env);
	}
	ix->env = NULL;
	guard_leave();
	if (remember) {
		index_remember(b);
		state_write(b->state_fd, &b->state);
	}
}

int index_commit(struct burst *b, uint64_t folder_id)
{
	struct index *ix = b->index;
	bool was_clean = b->state.flags & STATE_CLEAN;
	int err = 0, rc;

	if (b->dry)
		return 0;
	if (folder_id)
		err = state_bump(b->state_fd, folder_id);
	if (err || !ix->dirty)
		return err;
	guard_enter();
	b->state.txn = mdb_txn_id(ix->txn);
	guard_leave();
	b->state.flags |= STATE_OPEN;
	b->state.flags &= ~(uint32_t)STATE_CLEAN;
	err = state_write(b->state_fd, &b->state);
	if (!err && was_clean)
		err = file_fsync(b->state_fd);
	if (err)
		return err;
	guard_enter_write();
	rc = mdb_txn_commit(ix->txn);
	guard_leave();
	ix->txn = NULL;
	ix->dirty = false;
	b->s->wrote = true;
	if (rc)
		return index_error(rc);
	return txn_begin(ix);
}

static int index_get_dry(const struct overlay_entry *e, void *value, size_t cap, size_t *n_out)
{
	if (e->deleted)
		return E_NOTFOUND;
	if (e->value.n > cap)
		return BURST_DAMAGED;
	memcpy(value, e->value.p, e->value.n);
	*n_out = e->value.n;
	return 0;
}

int index_get(struct burst *b, const void *key, size_t nkey, void *value, size_t cap, size_t *n_out)
{
	MDB_val k = { nkey, (void *)(uintptr_t)key }, v;
	struct overlay_entry *e;
	int rc;

	if (b->dry) {
		e = overlay_from(b->dry, str_make(key, nkey), false);
		if (e && overlay_cmp(e->key, str_make(key, nkey)) == 0)
			return index_get_dry(e, value, cap, n_out);
		if (!b->index->txn)
			return E_NOTFOUND;
	}
	guard_enter();
	rc = mdb_get(b->index->txn, b->index->dbi, &k, &v);
	if (rc == 0 && v.mv_data && v.mv_size <= cap)
		memcpy(value, v.mv_data, v.mv_size);
	guard_leave();
	if (rc == 0 && (!v.mv_data || v.mv_size > cap))
		return BURST_DAMAGED;
	if (rc == 0)
		*n_out = v.mv_size;
	return index_error(rc);
}

int index_put(struct burst *b, const void *key, size_t nkey, const void *value, size_t n)
{
	MDB_val k = { nkey, (void *)(uintptr_t)key }, v = { n, (void *)(uintptr_t)value };
	int rc;

	BUG_ON(nkey > INDEX_KEY_MAX || n > INDEX_VALUE_MAX);
	if (b->dry) {
		overlay_put(b->dry, str_make(key, nkey), str_make(value, n));
		return 0;
	}
	BUG_ON(!b->exclusive);
	guard_enter_write();
	rc = mdb_put(b->index->txn, b->index->dbi, &k, &v, 0);
	guard_leave();
	b->index->dirty = true;
	return index_error(rc);
}

int index_del(struct burst *b, const void *key, size_t nkey)
{
	MDB_val k = { nkey, (void *)(uintptr_t)key };
	int rc;

	if (b->dry) {
		overlay_del(b->dry, str_make(key, nkey));
		return 0;
	}
	BUG_ON(!b->exclusive);
	guard_enter_write();
	rc = mdb_del(b->index->txn, b->index->dbi, &k, NULL);
	guard_leave();
	if (rc == MDB_NOTFOUND)
		return 0;
	b->index->dirty = true;
	return index_error(rc);
}

int index_scan(struct burst *b, const void *from, size_t n, size_t nprefix, struct index_scan *sc)
{
	MDB_cursor *c = NULL;
	int rc = 0;

	guard_enter();
	if (b->index->txn)
		rc = mdb_cursor_open(b->index->txn, b->index->dbi, &c);
	guard_leave();
	if (rc)
		return index_error(rc);
	sc->b = b;
	sc->cursor = c;
	memcpy(sc->key, from, n);
	sc->nkey = n;
	sc->nprefix = nprefix;
	sc->started = false;
	return 0;
}

/* Copies the entry that the cursor finds at or, if started, behind (or, sought anew
 * by its key, at) the current key: 1, 0, negative. */
static int scan_file(struct index_scan *sc, bool anew, unsigned char key[INDEX_KEY_MAX], size_t *n_out)
{
	MDB_val k = { sc->nkey, sc->key }, v;
	int rc;

	*n_out = 0;
	guard_enter();
	rc = mdb_cursor_get(sc->cursor, &k, &v, sc->started && !anew ? MDB_NEXT : MDB_SET_RANGE);
	if (rc == 0 && anew && sc->started && k.mv_size == sc->nkey && memcmp(k.mv_data, sc->key, sc->nkey) == 0)
		rc = mdb_cursor_get(sc->cursor, &k, &v, MDB_NEXT);
	if (rc == 0 && k.mv_data && k.mv_size <= INDEX_KEY_MAX && v.mv_data &&
		v.mv_size <= sizeof(sc->value)) {
		*n_out = k.mv_size;
		memcpy(key, k.mv_data, k.mv_size);
		memcpy(sc->value, v.mv_data, v.mv_size);
		sc->nvalue = v.mv_size;
	}
	guard_leave();
	if (rc == MDB_NOTFOUND)
		return 0;
	return rc ? index_error(rc) : *n_out ? 1 : BURST_DAMAGED;
}

static int scan_take(struct index_scan *sc, const unsigned char *key, size_t n)
{
	int order = overlay_cmp(str_make(key, n), str_make(sc->key, sc->nkey));

	if (order < 0 || (order == 0 && sc->started))
		return BURST_DAMAGED; /* pages that lead in a circle */
	if (n < sc->nprefix || memcmp(key, sc->key, sc->nprefix) != 0)
		return 0;
	memcpy(sc->key, key, n);
	sc->nkey = n;
	sc->started = true;
	return 1;
}

/* The lower one of what the file and the overlay have; the overlay's if both have it. */
static int scan_next_dry(struct index_scan *sc)
{
	unsigned char key[INDEX_KEY_MAX];
	struct overlay_entry *e;
	size_t n = 0;
	int rc;

	do {
		rc = sc->cursor ? scan_file(sc, true, key, &n) : 0;
		if (rc < 0)
			return rc;
		e = overlay_from(sc->b->dry, str_make(sc->key, sc->nkey), sc->started);
		if (!e || (rc == 1 && overlay_cmp(str_make(key, n), e->key) < 0))
			return rc ? scan_take(sc, key, n) : 0;
		rc = scan_take(sc, (const unsigned char *)e->key.p, e->key.n);
	} while (rc == 1 && e->deleted);
	if (rc == 1) {
		BUG_ON(e->value.n > sizeof(sc->value));
		memcpy(sc->value, e->value.p, e->value.n);
		sc->nvalue = e->value.n;
	}
	return rc;
}

int index_scan_next(struct index_scan *sc)
{
	unsigned char key[INDEX_KEY_MAX];
	size_t n;
	int rc;

	if (sc->b->dry)
		return scan_next_dry(sc);
	rc = scan_file(sc, false, key, &n);
	return rc == 1 ? scan_take(sc, key, n) : rc;
}

void index_scan_end(struct index_scan *sc)
{
	guard_enter();
	if (sc->cursor)
		mdb_cursor_close(sc->cursor);
	guard_leave();
}
