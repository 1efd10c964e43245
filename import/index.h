/* SPDX-License-Identifier: ISC
 *
 * index.h: the files in which Dovecot and Courier keep what a Maildir does not say: UIDs, POP3
 * UIDLs, names of keywords, subscriptions. Pure parsers of text that anybody may have written:
 * a line that does not parse is counted and passed over; nothing is repaired.
 *
 * A message is known by its base: the file's name up to the first ':' or ',' (Dovecot and
 * Courier change what stands behind).
 */
#ifndef MANSIO_IMPORT_INDEX_H
#define MANSIO_IMPORT_INDEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/table.h"

#define INDEX_UID_MAX 4000000000u /* no server gives these */
#define INDEX_KEYWORDS 26 /* letters a-z */

struct index_entry {
	struct str base;
	uint32_t uid; /* 0: none */
	struct str uidl; /* of POP3; empty: none */
	struct str keywords; /* names, a space between two */
};
struct index {
	struct arena *a;
	struct table by_base;
	uint32_t uidvalidity, uidnext; /* 0: the file is not there or damaged */
	size_t bad; /* lines that were passed over */
	size_t doubles; /* names or UIDs that came twice */
};

void index_init(struct index *x, struct arena *a);
void index_done(struct index *x);
struct index_entry *index_find(const struct index *x, struct str base); /* NULL: not there */
struct str index_base(struct str name);

/* All: 0, or E_DAMAGED: the head says nothing; x is as before then. */
int index_dovecot_uidlist(struct index *x, struct str text);
int index_courier_uids(struct index *x, struct str text); /* courierimapuiddb */
int index_courier_pop3(struct index *x, struct str text); /* courierpop3dsizelist */
/* courierimapkeywords/:list, and the file of one message in that folder, by its name. */
void index_courier_keywords(struct index *x, struct str text);
void index_courier_keyword_file(struct index *x, struct str name, struct str text);
/* dovecot-keywords: name[i] for letter 'a' + i; *beyond_out: how many have no letter. */
void index_dovecot_keywords(struct str text, struct arena *a, struct str name[INDEX_KEYWORDS], size_t *beyond_out);
/* Names as Mansio writes them: Dovecot's `subscriptions` (both versions), courierimapsubscribed. */
size_t index_subscriptions(struct str text, bool courier, struct arena *a, struct str **out);

/* A name on disk, levels parted by `sep`, in modified UTF-7 or UTF-8, as Mansio's. Empty levels
 * and what cannot stand in a name become '_'. E_SYNTAX: nothing can be made of it. */
int index_folder_name(struct str disk, char sep, struct arena *a, struct str *out);

/* Dovecot's pop3_uidl_format with its %u %v %f (and %08Xu, %x, %d): E_SYNTAX for what is not known. */
int index_uidl(const char *format, uint32_t uid, uint32_t uidvalidity, struct str base, struct buf *out);

#endif
