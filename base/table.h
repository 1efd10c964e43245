/* SPDX-License-Identifier: ISC
 *
 * table.h: hash table from byte strings to pointers, keyed hash, no deletion
 * surprises: tab_remove during tab_each is allowed for the current entry.
 * Keys are copied. Values are the caller's.
 */
#ifndef MANSIO_BASE_TABLE_H
#define MANSIO_BASE_TABLE_H

#include "base/str.h"

struct table_entry;
struct table {
	struct table_entry **bucket;
	size_t nbucket, n;
};

void table_init(struct table *t);
void table_done(struct table *t);
void *table_get(const struct table *t, struct str key); /* NULL: none */
/* Sets or replaces; returns the value that was there before or NULL. */
void *table_set(struct table *t, struct str key, void *value);
void *table_remove(struct table *t, struct str key);
/* Visits all until fn returns false. */
void table_each(struct table *t, bool (*fn)(struct str key, void *value, void *arg), void *arg);

#endif
