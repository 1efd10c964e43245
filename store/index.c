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
#include "store/index.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/guard.h"

#define DATA_PATH GUARD_FILE
#define DATA_TMP "index/data.tmp"
#define MAP_ROOM ((size_t)128 << 20) /* what one transaction may add */
#define ROOM_MIN ((uint64_t)1 << 20) /* less is a full disk: some of it is kept for root */
#define COMPACT_MIN ((size_t)16 << 20)

struct index {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	bool write, dirty, garbage;
	size_t mapsize;
};

/* E_*, -errno or BURST_DAMAGED for an LMDB result. */
static int index_error(int rc)
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

static int env_open(const char *path, unsigned flags, size_t mapsize, MDB_env **out)
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

static void data_remember(struct burst *b)
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

static int index_open(struct burst *b)
{
	struct index *ix = b->index;
	MDB_envinfo info;
	uint64_t last;
	int err = state_check(b);

	if (!err)
		err = data_check(b);
	if (err)
		return err;
	ix->write = b->exclusive;
	ix->mapsize = data_size(b->s) * 2 + 2 * MAP_ROOM;
	err = env_open(DATA_PATH, ix->write ? 0 : MDB_RDONLY, ix->mapsize, &ix->env);
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

static void index_close(struct burst *b)
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
		data_remember(b);
		state_write(b->state_fd, &b->state);
	}
}

int index_commit(struct burst *b, uint64_t folder_id)
{
	struct index *ix = b->index;
	bool was_clean = b->state.flags & STATE_CLEAN;
	int err = 0, rc;

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

int index_get(struct burst *b, const void *key, size_t nkey, void *value, size_t cap, size_t *n_out)
{
	MDB_val k = { nkey, (void *)(uintptr_t)key }, v;
	int rc;

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

	BUG_ON(!b->exclusive || nkey > INDEX_KEY_MAX || n > INDEX_VALUE_MAX);
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
	MDB_cursor *c;
	int rc;

	guard_enter();
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

/* The order of LMDB's own comparison. */
static int key_cmp(const void *a, size_t na, const void *b, size_t nb)
{
	int r = memcmp(a, b, MIN(na, nb));

	return r ? r : na < nb ? -1 : na > nb;
}

int index_scan_next(struct index_scan *sc)
{
	MDB_val k = { sc->nkey, sc->key }, v;
	unsigned char key[INDEX_KEY_MAX];
	size_t n = 0;
	int rc, order;

	guard_enter();
	rc = mdb_cursor_get(sc->cursor, &k, &v, sc->started ? MDB_NEXT : MDB_SET_RANGE);
	if (rc == 0 && k.mv_data && k.mv_size <= sizeof(key) && v.mv_data &&
		v.mv_size <= sizeof(sc->value)) {
		n = k.mv_size;
		memcpy(key, k.mv_data, n);
		memcpy(sc->value, v.mv_data, v.mv_size);
	}
	guard_leave();
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc || n == 0)
		return rc ? index_error(rc) : BURST_DAMAGED;
	order = key_cmp(key, n, sc->key, sc->nkey);
	if (order < 0 || (order == 0 && sc->started))
		return BURST_DAMAGED; /* pages that lead in a circle */
	if (n < sc->nprefix || memcmp(key, sc->key, sc->nprefix) != 0)
		return 0;
	memcpy(sc->key, key, n);
	sc->nkey = n;
	sc->nvalue = v.mv_size;
	sc->started = true;
	return 1;
}

void index_scan_end(struct index_scan *sc)
{
	guard_enter();
	mdb_cursor_close(sc->cursor);
	guard_leave();
}

/* --- the burst ---------------------------------------------------------- */

static int burst_inside(struct burst *b, burst_fn *fn, void *arg)
{
	int err = index_open(b);

	if (!err)
		err = fn(b, arg);
	if (!err && b->index->dirty)
		err = index_commit(b, 0);
	index_close(b);
	return err;
}

/* One run. After a jump the environment is abandoned with its memory. */
static int burst_once(struct burst *b, burst_fn *fn, void *arg)
{
	int err = store_lock(b->s, b->exclusive);

	if (err)
		return err;
	guard_start();
	if (sigsetjmp(guard.jump, 1) == 0)
		err = burst_inside(b, fn, arg);
	else
		err = BURST_DAMAGED;
	guard_stop();
	fd_close(&b->state_fd);
	store_unlock(b->s);
	return err;
}

/* Somebody else may have been quicker: unless forced, only the index of `epoch` is
 * deleted; epoch 0, no state was found: only if there is none still. 1: it was another's. */
static int discard(struct store *s, uint64_t epoch, bool forced)
{
	char aside[40], id[9];
	struct state st;
	int fd, err = store_lock(s, true);

	if (err)
		return err;
	if (!forced && state_open(s->dir, O_RDWR, &fd, &st) == 0) {
		close(fd);
		if (st.epoch != epoch) {
			err = 1;
			goto out;
		}
	}
	err = file_mkdir(s->dir, "index", 0700);
	if (err == E_EXISTS || !err)
		err = file_unlink(s->dir, DATA_PATH);
	if (!err)
		err = state_create(s->dir);
	if (err && err != -ENOSPC && err != -EDQUOT) {
		/* Not a directory, or something in it that cannot be a file of ours. */
		rand_id(id, 8);
		snprintf(aside, sizeof(aside), "index.bad-%s", id);
		err = file_rename(s->dir, "index", aside);
		if (!err)
			err = file_mkdir(s->dir, "index", 0700);
		if (!err)
			err = state_create(s->dir);
	}
out:
	store_unlock(s);
	return err;
}

int index_discard(struct store *s)
{
	return discard(s, 0, true);
}

static int compact_burst(struct burst *b, void *arg);

/* LMDB says EIO for a disk that is full, and also where pages lie (a list of free
 * pages that leads behind the end of the file): with room left it is the file. */
static bool disk_has_room(struct store *s)
{
	struct statfs f;

	return fstatfs(s->dir, &f) == 0 && (uint64_t)f.f_bavail * (uint64_t)f.f_bsize > ROOM_MIN;
}

int burst_run(struct store *s, bool exclusive, burst_fn *fn, void *arg)
{
	struct index ix = { 0 };
	struct burst b = { .s = s };
	int damaged = 0, rounds = 0, err;

	for (;;) {
		memset(&ix, 0, sizeof(ix));
		memset(&b.state, 0, sizeof(b.state));
		b.exclusive = exclusive;
		b.state_fd = -1;
		b.index = &ix;
		arena_init(&b.a);
		err = burst_once(&b, fn, arg);
		arena_done(&b.a);
		if (err == -EIO && disk_has_room(s))
			err = BURST_DAMAGED;
		if (err == BURST_EXCLUSIVE && !exclusive) {
			exclusive = true;
			continue;
		}
		if (err != BURST_DAMAGED)
			break;
		/* Twice is bad luck, five times is not the file. */
		if (damaged > 4 || ++rounds > 100)
			return E_DAMAGED;
		err = discard(s, b.state.epoch, false);
		if (err < 0)
			return err;
		damaged += !err;
	}
	if (ix.garbage && fn != compact_burst)
		index_compact(s);
	return err;
}

/* --- compaction and the clean mark --------------------------------------- */

static int copy_all(struct burst *b, MDB_env *to, uint64_t *txn_out)
{
	MDB_txn *txn = NULL;
	MDB_cursor *c = NULL;
	MDB_val k, v;
	MDB_dbi dbi;
	MDB_envinfo info;
	unsigned n = 0;
	int rc, put;

	guard_enter();
	rc = mdb_cursor_open(b->index->txn, b->index->dbi, &c);
	while (rc == 0 && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		put = 0;
		if (!txn) {
			put = mdb_txn_begin(to, NULL, 0, &txn);
			if (!put)
				put = mdb_dbi_open(txn, NULL, 0, &dbi);
		}
		if (!put)
			put = mdb_put(txn, dbi, &k, &v, MDB_APPEND);
		if (!put && ++n % 20000 == 0) {
			put = mdb_txn_commit(txn);
			txn = NULL;
		}
		if (put)
			rc = put;
		guard.calls++;
	}
	if (txn && rc == MDB_NOTFOUND) {
		put = mdb_txn_commit(txn);
		rc = put ? put : rc;
	} else if (txn) {
		mdb_txn_abort(txn);
	}
	mdb_cursor_close(c);
	mdb_env_info(to, &info);
	guard_leave();
	*txn_out = info.me_last_txnid;
	return rc == MDB_NOTFOUND ? 0 : index_error(rc);
}

static int compact_burst(struct burst *b, void *arg UNUSED)
{
	MDB_env *to;
	uint64_t txn = 0;
	int err = file_unlink(b->s->dir, DATA_TMP);

	if (!err)
		err = env_open(DATA_TMP, 0, b->index->mapsize, &to);
	if (err)
		return err;
	err = copy_all(b, to, &txn);
	guard_enter();
	mdb_env_close(to);
	guard_leave();
	if (!err && (b->state.flags & STATE_CLEAN)) {
		b->state.flags &= ~(uint32_t)STATE_CLEAN;
		err = state_write(b->state_fd, &b->state);
		if (!err)
			err = file_fsync(b->state_fd);
	}
	if (!err)
		err = file_rename(b->s->dir, DATA_TMP, DATA_PATH);
	if (err) {
		file_unlink(b->s->dir, DATA_TMP);
		return err;
	}
	b->state.txn = txn;
	data_remember(b);
	return state_write(b->state_fd, &b->state);
}

int index_compact(struct store *s)
{
	return burst_run(s, true, compact_burst, NULL);
}

static int clean_burst(struct burst *b, void *arg UNUSED)
{
	int fd = file_open(b->s->dir, DATA_PATH, O_RDWR, 0), err;

	if (fd < 0)
		return fd;
	err = file_fsync(fd);
	close(fd);
	if (err)
		return err;
	b->state.flags |= STATE_CLEAN;
	err = state_write(b->state_fd, &b->state);
	return err ? err : file_fsync(b->state_fd);
}

void index_clean_mark(struct store *s)
{
	if (s->wrote && burst_run(s, true, clean_burst, NULL) == 0)
		s->wrote = false;
}
