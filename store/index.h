/* SPDX-License-Identifier: ISC
 *
 * index.h: the burst: lock, open the index, a little work, close, unlock.
 * Only index.c and burst.c know LMDB.
 */
#ifndef MANSIO_STORE_INDEX_H
#define MANSIO_STORE_INDEX_H

#include "base/arena.h"
#include "store/internal.h"
#include "store/overlay.h"
#include "store/state.h"

#define INDEX_KEY_MAX 128
#define INDEX_VALUE_MAX 1024

/* Codes that a burst function returns to burst_run and nobody else sees. */
enum {
	BURST_EXCLUSIVE = -20001, /* run me again under the exclusive lock */
	BURST_DAMAGED = -20002, /* the index lies: discard it, run me again */
};

struct index;
struct burst {
	struct store *s;
	bool exclusive;
	struct overlay *dry; /* not NULL: a dry run */
	struct arena a; /* of this run */
	int state_fd;
	struct state state;
	struct index *index;
};

/* Runs fn(b, arg) under the shared or exclusive lock with the index open.
 * What fn has put and not committed is committed if it returns 0, else dropped.
 * fn may run more than once (see the codes; a fault inside LMDB too), so it
 * keeps in arg what it did to files. */
typedef int burst_fn(struct burst *b, void *arg);
int burst_run(struct store *s, bool exclusive, burst_fn *fn, void *arg);
/* For those who only read: as burst_run with the shared lock. But where something
 * would have to be written first and the disk takes nothing, fn runs dry: under the
 * shared lock, what it puts stays in memory, commits do nothing and no file is
 * touched. Then no number may be given out: see folder.c and refresh.c. */
int burst_read(struct store *s, burst_fn *fn, void *arg);
/* 0: go on, as a writer or dry; else BURST_EXCLUSIVE. */
int burst_writes(const struct burst *b);
/* Commits what was put so far; fn goes on. Raises the generation of folder_id
 * (0: nothing that a session could see). */
int index_commit(struct burst *b, uint64_t folder_id);

/* Values are copied out. E_NOTFOUND, BURST_DAMAGED, -errno. */
int index_get(struct burst *b, const void *key, size_t nkey, void *value, size_t cap, size_t *n_out);
int index_put(struct burst *b, const void *key, size_t nkey, const void *value, size_t n);
int index_del(struct burst *b, const void *key, size_t nkey); /* a missing one is 0 */

/* Keys in byte order from `from` on while they start with the first nprefix
 * bytes of it. next: 1 and key/value, 0 at the end, negative. Entries may be
 * put and deleted at or before the current key while it runs. */
struct index_scan {
	struct burst *b;
	void *cursor;
	unsigned char key[INDEX_KEY_MAX];
	size_t nkey, nprefix;
	bool started;
	unsigned char value[INDEX_VALUE_MAX];
	size_t nvalue;
};
int index_scan(struct burst *b, const void *from, size_t n, size_t nprefix, struct index_scan *sc);
int index_scan_next(struct index_scan *sc);
void index_scan_end(struct index_scan *sc);

/* Copies the live pages into a new file if most of the old one is garbage. */
int index_compact(struct store *s);
/* Deletes the index under the exclusive lock. */
int index_discard(struct store *s);
/* Everything on disk, and the mark that says so. */
void index_clean_mark(struct store *s);

#endif
