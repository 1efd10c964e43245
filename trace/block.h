/* SPDX-License-Identifier: ISC
 *
 * block.h: private to trace/: some hundred events together, as text, with two
 * small sets that tell without reading it what cannot be in it.
 *
 *     TIME L PROGRAM PID EVENT...     TIME: Unix µs, 16 digits; L: level, or
 *                                     'i': an index line (flight.h), no event
 *
 * ids    a Bloom filter of the values of s= and m=: where one message's and
 *        one session's events are
 * grams  a bit for (the hash of) every three bytes in a row of the values of
 *        index lines, in lower case: where an address or a subject may be
 *
 * Both may say "perhaps" wrongly, never "no".
 */
#ifndef MANSIO_TRACE_BLOCK_H
#define MANSIO_TRACE_BLOCK_H

#include "trace/fields.h"

#define BLOCK_BYTES (64 * 1024) /* of text; a line more, at most */
#define BLOCK_IDS 1024 /* bytes */
#define BLOCK_GRAMS 4096
#define BLOCK_INDEX 'i'

struct block {
	int64_t first, last; /* least and greatest time of its events, µs */
	int worst; /* highest level */
	uint64_t events;
	struct buf text;
	unsigned char ids[BLOCK_IDS], grams[BLOCK_GRAMS];
};

/* One line of a block. Borrows. */
struct record {
	int64_t time;
	char level; /* '0' ... '3', BLOCK_INDEX */
	struct str program, text;
	uint64_t pid;
};

void block_init(struct block *b);
void block_reset(struct block *b);
void block_done(struct block *b);
/* Adds a line (and its LF); parsed: its event. */
void block_add(struct block *b, const struct record *r, const struct fields *parsed);
/* A line as it stands in a block, without LF: 0 or E_SYNTAX. */
int record_parse(struct str line, struct record *out);
void record_print(const struct record *r, struct buf *out);
/* The next line of text; false: no more. What is no record is skipped. */
bool record_next(struct str *rest, struct record *out);

uint64_t block_id(struct str id); /* the number by which sets know it */
bool block_has_id(const unsigned char *ids, uint64_t id);
/* needle: raw, in lower case. Less than three bytes may be anywhere. */
bool block_has_gram(const unsigned char *grams, struct str needle);

#endif
