/* SPDX-License-Identifier: ISC
 *
 * repo_private.h: what repo.c and repo_write.c share.
 */
#ifndef MANSIO_BACKUP_REPO_PRIVATE_H
#define MANSIO_BACKUP_REPO_PRIVATE_H

#include "backup/repo.h"

#define REPO_BUFFER ((size_t)256 << 10) /* written at once */
#define REPO_MEMORY ((size_t)1 << 20) /* contents up to this size are read whole */
#define REPO_AT_MAX ((UINT64_C(1) << 40) - 1)

static inline uint64_t repo_loc(uint32_t pack, uint64_t at)
{
	return (uint64_t)pack << 40 | at;
}

/* The table learns where an object is. */
void repo_known(struct repo *r, const struct object_id *id, uint32_t pack, uint64_t at);
/* Made if it is not there yet; good until the next one is made. */
struct repo_pack *repo_pack_of(struct repo *r, uint32_t number);
int repo_open_pack(struct repo *r, uint32_t number);
int repo_scan_pack(struct repo *r, struct repo_pack *p);
int repo_flush(struct repo *r); /* what waits in the buffer, into the pack; not durable */
void repo_write_done(struct repo *r);

#endif
