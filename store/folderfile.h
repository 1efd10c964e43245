/* SPDX-License-Identifier: ISC
 *
 * folderfile.h: mansio-folder, the small text that makes a Maildir one of
 * ours (docs/STORE.md): identity, the durable marks of UIDNEXT and MODSEQ,
 * keywords, special use. Lines that this version does not know are kept.
 */
#ifndef MANSIO_STORE_FOLDERFILE_H
#define MANSIO_STORE_FOLDERFILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

#define FOLDERFILE_NAME "mansio-folder"
#define FOLDERFILE_MAX (1 << 20)

struct folderfile {
	uint64_t id; /* unique per creation */
	uint32_t uidvalidity;
	uint32_t uidnext; /* reserved: every UID ever given is below */
	uint64_t modseq; /* reserved: every MODSEQ ever told is at or below */
	struct str special; /* "\\Sent" or empty */
	struct str keyword[STORE_KEYWORDS_MAX]; /* number -> name, empty: free */
	unsigned nkeywords; /* highest number in use + 1 */
	/* While an import runs or was broken off: UIDs from import_from up to import_to belong
	 * to it alone, whoever else needs one gets a higher one. 0: none does. */
	uint32_t import_from, import_to;
	struct str rest; /* unknown lines */
};

/* 0, E_DAMAGED. Strings point into text. */
int folderfile_parse(struct str text, struct arena *a, struct folderfile *out);
void folderfile_print(const struct folderfile *f, struct buf *out);
/* "<dir>/mansio-folder": E_NOTFOUND, E_DAMAGED, -errno. */
int folderfile_load(int dirfd, const char *dir, struct arena *a, struct folderfile *out);
int folderfile_save(int dirfd, const char *dir, const struct folderfile *f); /* durable */
/* An IMAP atom that fits a line. */
bool folderfile_keyword_ok(struct str s);

#endif
