/* SPDX-License-Identifier: ISC
 *
 * burst.c: the burst itself: lock, open, work, close, unlock; again, when the
 * index was damaged or must be written; dry, when it cannot be written; and
 * what keeps the file small and marks it clean. The life of the index file is
 * drawn in index.c.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/rand.h"
#include "store/lmdb.h"

#define DATA_TMP "index/data.tmp"
#define ROOM_MIN ((uint64_t)1 << 20) /* less is a full disk: some of it is kept for root */

static int burst_inside(struct burst *b, burst_fn *fn, void *arg)
{
	int err = index_open(b);

	/* A dry run does without an index that cannot be used as it is. */
	if (b->dry && (err == BURST_DAMAGED || err == BURST_EXCLUSIVE)) {
		index_close(b);
		err = 0;
	}
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

int burst_writes(const struct burst *b)
{
	return b->exclusive || b->dry ? 0 : BURST_EXCLUSIVE;
}

static void burst_init(struct burst *b, struct store *s, struct index *ix)
{
	memset(ix, 0, sizeof(*ix));
	memset(b, 0, sizeof(*b));
	b->s = s;
	b->state_fd = -1;
	b->index = ix;
	arena_init(&b->a);
}

static int burst_dry(struct store *s, burst_fn *fn, void *arg)
{
	struct overlay o;
	struct index ix;
	struct burst b;
	int tries, err = BURST_DAMAGED;

	for (tries = 0; tries < 2 && err == BURST_DAMAGED; tries++) {
		burst_init(&b, s, &ix);
		overlay_init(&o, &b.a);
		b.dry = &o;
		ix.ignore = tries > 0;
		err = burst_once(&b, fn, arg);
		arena_done(&b.a);
	}
	return err == BURST_DAMAGED ? E_DAMAGED : err == BURST_EXCLUSIVE ? -ENOSPC : err;
}

int burst_read(struct store *s, burst_fn *fn, void *arg)
{
	int err = burst_run(s, false, fn, arg);

	return store_no_room(err) ? burst_dry(s, fn, arg) : err;
}

static int compact_burst(struct burst *b, void *arg);

/* LMDB says EIO for a disk that is full, and also where pages lie (a list of free
 * pages that leads behind the end of the file): with room left it is the file. */
static bool disk_has_room(struct store *s)
{
	int fd = file_open_dir(s->dir, "index");
	struct statfs f;
	bool room = fd >= 0 && fstatfs(fd, &f) == 0 && (uint64_t)f.f_bavail * (uint64_t)f.f_bsize > ROOM_MIN;

	fd_close(&fd);
	return room;
}

int burst_run(struct store *s, bool exclusive, burst_fn *fn, void *arg)
{
	struct index ix;
	struct burst b;
	int damaged = 0, rounds = 0, err;

	for (;;) {
		burst_init(&b, s, &ix);
		b.exclusive = exclusive;
		err = burst_once(&b, fn, arg);
		arena_done(&b.a);
		if (err == -EIO && !file_fsync_failed() && disk_has_room(s))
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
		err = index_env_open(DATA_TMP, 0, b->index->mapsize, &to);
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
	index_remember(b);
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
