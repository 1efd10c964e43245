/* SPDX-License-Identifier: ISC
 *
 * cache.h: index/<folder id>.cache, descriptions of messages: computed once,
 * append-only, never mapped, never trusted (a torn or foreign entry is as if
 * it were not there).
 */
#ifndef MANSIO_STORE_CACHE_H
#define MANSIO_STORE_CACHE_H

#include "store/folder.h"

#define CACHE_ENTRY_MAX ((size_t)1 << 20)

/* The text of an entry: what clients ask for of one message (wire form). */
void cache_describe(struct str message, struct buf *out);
/* Parts of an entry; E_DAMAGED. */
int cache_parse(struct str entry, struct store_desc *out);

/* Appends; r's place is set, the caller puts r. Exclusive lock. */
int cache_append(struct burst *b, struct folder *f, struct record *r, struct str entry);
/* E_NOTFOUND if what lies there is not this message's. */
int cache_read(struct store *s, uint64_t folder, uint32_t uid, uint64_t at, uint32_t len,
	struct arena *a, struct str *out);
/* After the loss of the index: finds the places again. */
int cache_recover(struct burst *b, struct folder *f);
/* Rewrites the file if most of it is garbage. */
int cache_compact(struct burst *b, struct folder *f);
void cache_remove(struct store *s, uint64_t folder);

/* Keeps the file open, for those who read many; { .fd = -1 } to begin with. */
struct cache_reader {
	int fd;
	char *window; /* n bytes of the file from `at` on */
	uint64_t at, next; /* next: where the last entry ended */
	size_t n;
};
/* *out lies in the arena or in the window: it is good until the next call. */
int cache_reader_get(struct cache_reader *r, struct store *s, uint64_t folder, uint32_t uid, uint64_t at,
	uint32_t len, struct arena *a, struct str *out);
void cache_reader_done(struct cache_reader *r);

#endif
