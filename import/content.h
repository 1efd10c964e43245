/* SPDX-License-Identifier: ISC
 *
 * content.h: contents on their way into the store: copied, counted, digested; and the last step
 * that all imports share: what is new goes in by batches, what changed is changed.
 */
#ifndef MANSIO_IMPORT_CONTENT_H
#define MANSIO_IMPORT_CONTENT_H

#include "import/job.h"

/* A digest that names a message: 128 bits, not against those who choose both contents. */
struct digest {
	uint64_t h[2];
	char rest[64]; /* bytes that wait for a whole block */
	size_t n;
	uint64_t total;
};
#define CONTENT_ID 40 /* "I", 32 hex digits, NUL */
void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_id(struct digest *d, char out[CONTENT_ID]);
/* The id of a text. */
void content_id(struct str text, char out[CONTENT_ID]);

/* All of a file appended to another; wire: size with a CR before each LF. E_LIMIT: more than max. */
int content_copy(int from, int to, uint64_t max, uint64_t *size_out, uint64_t *wire_out);
/* The same, without looking at it: shared blocks where the file system can. */
int content_clone(int from, int to, uint64_t size);

/* --- one folder of a source on its way (apply.c) */

/* A change of flags of messages that came in an earlier run; those alike go together. */
struct apply {
	struct job *j;
	struct store_import *im;
	struct str folder;
	struct store_import_message batch[STORE_IMPORT_BATCH];
	size_t n;
	struct arena a; /* of the batch */
	struct change *change;
	size_t nchanges, changes_cap;
	uint64_t added, changed, removed;
};
void apply_init(struct apply *p, struct job *j, struct store_import *im, struct str folder);
void apply_done(struct apply *p); /* closes what was not added */
/* m->fd is taken; strings are copied. A full batch is added. */
int apply_add(struct apply *p, const struct store_import_message *m);
int apply_flush(struct apply *p);
/* id is here with `was`; the source has these flags and keywords now. What differs is
 * changed here, nothing else is. */
void apply_compare(struct apply *p, struct str id, const struct store_imported *was, uint32_t flags,
	const struct str *keyword, size_t nkeywords);
/* Carries out the changes, and removes here what is gone there. */
int apply_finish(struct apply *p, bool remove_missing);

#endif
