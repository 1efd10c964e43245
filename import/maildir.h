/* SPDX-License-Identifier: ISC
 *
 * maildir.h: a Maildir of another server as it is found: its folders, their messages and what
 * the server's own files say about them. Read through the command (remote_open).
 */
#ifndef MANSIO_IMPORT_MAILDIR_H
#define MANSIO_IMPORT_MAILDIR_H

#include "import/index.h"
#include "import/job.h"

struct source_folder {
	struct str path; /* beneath the source: "", ".A.B", "A/B" */
	struct str name; /* as it will be called here */
};
struct source {
	struct source_folder *folder;
	size_t n, cap;
	bool plus; /* Maildir++; else a tree of directories */
	bool courier, dovecot; /* whose files count */
	struct str *subscribed;
	size_t nsubscribed;
};
/* Finds the layout and the folders. */
int source_read(struct job *j, struct source *out);

struct source_message {
	struct str file; /* "cur/..." */
	struct str base;
	uint32_t uid, flags; /* uid 0: none */
	uint32_t letters;
	int64_t sec;
	uint64_t size, wire; /* of the name; 0: not there */
	struct str uidl, keywords; /* keywords: Courier's, a space between two */
};
struct source_list {
	struct source_message *m; /* those with UIDs by UID, then the others by time */
	size_t n, cap;
	uint32_t uidvalidity, uidnext;
	struct str keyword[INDEX_KEYWORDS]; /* Dovecot's letters */
	size_t beyond; /* keywords of Dovecot that only its index has */
	bool acl;
	const char *damaged; /* a file that could not be read, or NULL */
	size_t left_out; /* names that are none */
};
/* Everything of a folder but the messages themselves. Lives in the arena. */
int source_list(struct job *j, const struct source *s, const struct source_folder *f, struct arena *a,
	struct source_list *out);

#endif
