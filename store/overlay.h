/* SPDX-License-Identifier: ISC
 *
 * overlay.h: entries of the index that are in memory only: what a dry burst
 * (index.h) puts and deletes, laid over what the index file has.
 */
#ifndef MANSIO_STORE_OVERLAY_H
#define MANSIO_STORE_OVERLAY_H

#include "base/arena.h"

#define OVERLAY_LEVELS 16

struct overlay_entry {
	struct str key, value;
	bool deleted; /* the file's entry does not count */
	struct overlay_entry *next[]; /* as many as it has levels */
};
struct overlay {
	struct arena *a; /* the entries live as long */
	struct overlay_entry *first[OVERLAY_LEVELS];
	uint64_t dice;
};

void overlay_init(struct overlay *o, struct arena *a);
void overlay_put(struct overlay *o, struct str key, struct str value);
void overlay_del(struct overlay *o, struct str key);
/* The first entry whose key is at or (above: only) behind `key`, or NULL. */
struct overlay_entry *overlay_from(struct overlay *o, struct str key, bool above);
/* The order of keys, LMDB's own. */
int overlay_cmp(struct str a, struct str b);

#endif
