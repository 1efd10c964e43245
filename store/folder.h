/* SPDX-License-Identifier: ISC
 *
 * folder.h: one folder inside a burst: its mansio-folder, its place in the
 * index, its numbers. Opening it brings the index up to date with the
 * directory (refresh.c), so whoever holds a struct folder sees the truth.
 */
#ifndef MANSIO_STORE_FOLDER_H
#define MANSIO_STORE_FOLDER_H

#include "store/folderfile.h"
#include "store/record.h"

struct folder {
	char dir[STORE_DIR_SIZE];
	struct folderfile file;
	char tag[NAME_TAG + 1];
	struct meta meta;
	bool fresh; /* the index knew nothing of it */
	uint64_t counted_bytes; /* as the mailbox's sums have it */
	uint32_t counted;
};

/* E_NOTFOUND: no such directory. BURST_EXCLUSIVE where something has to be
 * made or brought up to date first. */
int folder_open(struct burst *b, const char *dir, struct folder *f);
/* Makes the identity of a Maildir that has none (or a damaged one). */
int folder_identify(struct store *s, const char *dir, struct str special, struct arena *a,
	struct folderfile *out);

/* Numbers. The durable marks are raised first where needed. */
int folder_take_uids(struct burst *b, struct folder *f, uint32_t n, uint32_t *first_out);
int folder_next_modseq(struct burst *b, struct folder *f);
/* Number of a keyword; made (durably) if it is new and make is set. E_NOTFOUND, E_LIMIT. */
int folder_keyword(struct burst *b, struct folder *f, struct str name, bool make, unsigned *out);
int folder_keywords(struct burst *b, struct folder *f, const struct str *name, size_t n, bool make,
	uint64_t *bits_out);

/* Around changes to files: from begin to finish a crash means "look at the directory". */
int folder_begin(struct burst *b, struct folder *f);
int folder_finish(struct burst *b, struct folder *f);
int folder_store(struct burst *b, struct folder *f); /* meta and sums, no commit */

/* Sums of the folder when a record comes or goes. */
void folder_count(struct folder *f, const struct record *r, int sign);
/* The change log: these messages have this MODSEQ by a change of flags or keywords.
 * Sorts uid[]; once a MODSEQ. */
int folder_log_changed(struct burst *b, struct folder *f, uint32_t *uid, size_t n);
/* The expunge log, shortened when long. */
int folder_log_gone(struct burst *b, struct folder *f, uint32_t uid);
/* "<dir>/cur/<name>" */
void folder_path(const struct folder *f, const char *name, char out[STORE_PATH_SIZE]);
/* r->name from its flags, keywords, uid and this folder's tag. */
int folder_rename_record(const struct folder *f, struct record *r);

/* refresh.c */
int folder_refresh(struct burst *b, struct folder *f);

/* Sums of the mailbox, all folders included. */
int usage_current(struct burst *b, struct usage *out);
/* E_QUOTA if that much more does not fit. It may open every folder, and so bring them up
 * to date: ask before you open yours, or you hold an old one. */
int usage_quota(struct burst *b, uint64_t bytes, uint64_t messages);

/* mansio-mailbox: never the same UIDVALIDITY twice in one mailbox; n of them, rising
 * from *out. Exclusive lock. */
int mailbox_uidvalidity(struct store *s, uint32_t n, uint32_t *out);
/* A folder has this one, given by another server: later ones are higher. */
int mailbox_uidvalidity_seen(struct store *s, uint32_t seen);

#endif
