/* SPDX-License-Identifier: ISC
 *
 * mailbox.h: one mailbox into the backup.
 */
#ifndef MANSIO_BACKUP_MAILBOX_H
#define MANSIO_BACKUP_MAILBOX_H

#include "backup/repo.h"
#include "store/store.h"

struct taken {
	struct object_id id;
	uint64_t messages, bytes;
	uint64_t read; /* messages whose files were read */
};
/* before: the mailbox in the snapshot before, NULL: none. rate: bytes read a second, 0: as
 * many as come. Not committed. Negative: why in r->why, if that was the fault. */
int mailbox_take(struct repo *r, struct store *s, struct str address, const struct object_id *before,
	uint64_t rate, struct taken *out);

#endif
