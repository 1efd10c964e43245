/* SPDX-License-Identifier: ISC
 *
 * pick.h: messages of one mailbox in a snapshot, by folder and by what people
 * know of them.
 */
#ifndef MANSIO_BACKUP_PICK_H
#define MANSIO_BACKUP_PICK_H

#include "backup/snapshots.h"
#include "store/store.h"

struct pick {
	struct str folder; /* "" : all */
	struct str message; /* a UID, a Message-ID, or words of the subject; "": all */
	struct str match; /* words in subject, sender or Message-ID; "": all */
	bool facts; /* subject, from and message_id are wanted in any case */
};
struct picked {
	struct str folder; /* UTF-8 */
	const struct kept_message *m;
	struct store_listed l;
	struct str subject, from, message_id; /* if the content was read */
};
/* Calls fn for each; a negative answer ends it. A list or message that is damaged is told to
 * bad (r->why names it) and passed over. */
struct pick_ops {
	int (*message)(void *arg, const struct picked *p);
	void (*bad)(void *arg, struct str folder);
	void *arg;
};
int pick_messages(struct repo *r, const struct kept_mailbox *m, const struct pick *p, const struct pick_ops *ops);
/* The mailbox of an address; E_NOTFOUND: the snapshot has none, r->why says so. Strings in the arena. */
int pick_mailbox(struct repo *r, const struct snapshot *s, struct str address, struct arena *a,
	struct kept_mailbox *out);
/* Its name for people; E_SYNTAX. What it needs is read into the arena. */
int pick_folder(struct repo *r, const struct kept_mailbox *m, const struct kept_folder *f, struct arena *a,
	struct store_listed_folder **out);

#endif
