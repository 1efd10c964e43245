/* SPDX-License-Identifier: ISC
 *
 * extra.h: mansio-extra, what no file name can hold: SAVEDATE where it is not
 * INTERNALDATE, keywords beyond 26, imported POP3 UIDLs.
 */
#ifndef MANSIO_STORE_EXTRA_H
#define MANSIO_STORE_EXTRA_H

#include "store/folderfile.h"
#include "store/internal.h"

struct extra_entry {
	uint32_t uid;
	bool has_savedate, has_keywords;
	int64_t savedate;
	uint64_t keywords; /* bits 26..63 */
	struct str uidl; /* empty: none */
};
struct extra {
	struct extra_entry *entry; /* by uid */
	size_t n, lines;
};

/* A missing file, or one of another life of the folder, is empty. Lines that
 * do not parse (a torn tail) are skipped. Strings live in the arena. */
int extra_load(struct store *s, const char *dir, const struct folderfile *f, struct arena *a,
	struct extra *out);
/* The same from the file's text. */
void extra_parse(struct str text, const struct folderfile *f, struct arena *a, struct extra *out);
const struct extra_entry *extra_find(const struct extra *x, uint32_t uid);
/* Lines for extra_append. */
void extra_savedate(struct buf *lines, uint32_t uid, int64_t savedate);
void extra_keywords(struct buf *lines, uint32_t uid, uint64_t keywords);
void extra_uidl(struct buf *lines, uint32_t uid, struct str uidl);
/* Appends and syncs. Under the exclusive lock. Nothing to add is 0. */
int extra_append(struct store *s, const char *dir, const struct folderfile *f, struct str lines);
/* Rewrites the file with the entries of uids for which keep() is true. */
int extra_compact(struct store *s, const char *dir, const struct folderfile *f,
	const struct extra *x, bool (*keep)(uint32_t uid, void *arg), void *arg);

#endif
