/* SPDX-License-Identifier: ISC
 *
 * idset.h: a set of objects, 32 bytes each and half as much room again.
 */
#ifndef MANSIO_BACKUP_IDSET_H
#define MANSIO_BACKUP_IDSET_H

#include "backup/format.h"

struct idset {
	struct object_id *slot;
	size_t nslots, n;
	bool zero; /* the id of zeroes, which marks free places */
};
void idset_init(struct idset *s);
void idset_done(struct idset *s);
bool idset_has(const struct idset *s, const struct object_id *id);
bool idset_add(struct idset *s, const struct object_id *id); /* false: it was there */

#endif
