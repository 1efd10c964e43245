/* SPDX-License-Identifier: ISC
 *
 * lines.h: a cursor over lines of words, with a sticky error: the texts of a
 * backup are all made of it. A word is what stands between two blanks, a text
 * is percent-encoded.
 */
#ifndef MANSIO_BACKUP_LINES_H
#define MANSIO_BACKUP_LINES_H

#include "backup/format.h"

struct lines {
	struct str rest; /* lines to come */
	struct str line; /* words to come; p NULL: none left */
	struct arena *a; /* for texts */
	int err; /* E_DAMAGED */
};

void lines_init(struct lines *l, struct str text, struct arena *a);
/* Goes to the next line; false at the end or after an error. What is left of the line
 * before is an error. */
bool lines_next(struct lines *l);
/* The next word, empty if there is none (an error). */
struct str lines_word(struct lines *l);
/* Takes the next word if it is this one. */
bool lines_word_is(struct lines *l, const char *word);
uint64_t lines_u64(struct lines *l, uint64_t max);
void lines_sha(struct lines *l, struct object_id *out);
struct str lines_text(struct lines *l);
/* The error; anything left over is one. */
int lines_end(struct lines *l);
/* The head of a text, "NAME 1": 0, E_DAMAGED, E_UNSUPPORTED. */
int lines_version(struct lines *l, const char *name);

void print_sha(struct buf *out, const struct object_id *id);
void print_text(struct buf *out, struct str text);

#endif
