/* SPDX-License-Identifier: ISC
 *
 * folders.h: folder names and their directories; the list of folders.
 */
#ifndef MANSIO_STORE_FOLDERS_H
#define MANSIO_STORE_FOLDERS_H

#include "base/arena.h"
#include "store/internal.h"

/* "A/B" -> "Maildir/.A.B", "INBOX" -> "Maildir". E_SYNTAX. */
int folders_dir(struct str name, char out[STORE_DIR_SIZE]);
/* The way back, for a directory's last part ".A.B". E_SYNTAX: no name leads there. */
int folders_name(struct str dir, struct arena *a, struct str *out);
/* Directories of all folders ("Maildir" first), each terminated. */
int folders_dirs(struct store *s, struct arena *a, struct str **out, size_t *n_out);
/* Both names of a rename that is going on. */
#define FOLDERS_RENAME "Maildir/mansio-rename"
#define FOLDERS_NEW "mansio-new" /* in Maildir/: a folder while it is made */
/* The file of subscribed names, one a line; a missing one is empty. */
#define FOLDERS_SUBSCRIPTIONS "Maildir/mansio-subscriptions"
#define FOLDERS_SUBSCRIPTIONS_MAX (4 << 20)
int folders_subscriptions(struct store *s, struct buf *out);
bool folders_exists(struct store *s, const char *dir);

/* folders_change.c */

/* Under the exclusive lock: cur, new, tmp and mansio-folder. E_EXISTS. */
int folders_make(struct store *s, struct str name, struct str special);
/* First opening: the standard folders. Exclusive lock. */
int folders_standard(struct store *s);
/* Gives a folder its special use, and takes it from an empty one that has it; where one with
 * messages has it, nothing changes. */
int folders_special(struct store *s, const char *dir, struct str special);
/* Goes on with a rename that a crash stopped. Exclusive lock. */
int folders_resume_rename(struct store *s);

/* Removes what a deletion left behind. */
void folders_remove_deleted(struct store *s, const char *name);

#endif
