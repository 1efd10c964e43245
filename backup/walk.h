/* SPDX-License-Identifier: ISC
 *
 * walk.h: all that a snapshot leads to.
 */
#ifndef MANSIO_BACKUP_WALK_H
#define MANSIO_BACKUP_WALK_H

#include "backup/snapshots.h"

#define WALK_TEXT ((size_t)1 << 30) /* largest text of an object: the mailbox of a million messages */

struct walk {
	/* Each object that is named, texts before what they name. where: for people,
	 * "anna@example.org INBOX"; contents are not read by the walk. Negative ends it. */
	int (*object)(void *arg, const struct object_id *id, const char *where);
	/* A text that cannot be read: r->why says which. 0: go on without what it names. */
	int (*broken)(void *arg, int err, const char *where);
	/* Has this text been walked? (NULL: never.) Saves going through the same lists again. */
	bool (*seen)(void *arg, const struct object_id *id);
	void *arg;
};
int walk_snapshot(struct repo *r, const struct snapshot *s, const struct walk *w);

#endif
