/* SPDX-License-Identifier: ISC
 *
 * internal.h: what the files of store/ share: the open mailbox, and the burst,
 * the one way to touch the index. Private to store/.
 */
#ifndef MANSIO_STORE_INTERNAL_H
#define MANSIO_STORE_INTERNAL_H

#include "base/clock.h"
#include "base/file.h"
#include "store/store.h"

#define STORE_DIR_SIZE 320 /* "Maildir/.A.B" and a NUL */
#define STORE_PATH_SIZE 640 /* that, "/cur/", a file name */
#define STORE_CHUNK 1000 /* messages per lock, commit and MODSEQ */
/* A directory whose mtime is younger than this may still change without its
 * mtime changing (kernel ticks are up to 10 ms). */
#define STORE_TICK_NS INT64_C(20000000)

struct store {
	int key; /* O_PATH, as given */
	int dir; /* ".", open for reading: carries the lock */
	int turnstile; /* Maildir/ */
	char *host;
	uint64_t quota_bytes, quota_messages;
	int64_t lock_timeout_ms;
	int notify; /* bound socket or -1 */
	char notify_path[64];
	bool session; /* opened with opt.notify: leaves a clean mark behind */
	bool wrote; /* committed something since then */
	void *spare; /* rec[] of the last large view, room for spare_cap */
	uint32_t spare_cap;
	bool locked; /* a burst is running: they do not nest */
};

/* Locking (store.c). Order everywhere: turnstile, then the directory. */
int store_lock(struct store *s, bool exclusive);
void store_unlock(struct store *s);

/* mtime of a directory in ns; negative error. */
int store_mtime(struct store *s, const char *dir, const char *sub, int64_t *out);
bool store_no_room(int err); /* the disk takes nothing: full, read-only, failing */
int64_t store_now_ns(void); /* wall clock as file times use it */

/* Tells waiting sessions that a folder changed (notify.c). No lock is held. */
void notify_prepare(void);
int notify_open(struct store *s, int earlier); /* takes earlier (> 0: one of its own from before) */
void notify_close(struct store *s);
void notify_send(struct store *s, uint64_t folder_id);

#endif
