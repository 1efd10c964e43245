/* SPDX-License-Identifier: ISC
 *
 * import_state.h: the memory of imports, import/<number> beneath the key: which messages of a
 * source came into a folder, under which UID, with which flags.
 */
#ifndef MANSIO_STORE_IMPORT_STATE_H
#define MANSIO_STORE_IMPORT_STATE_H

#include "base/table.h"
#include "store/internal.h"

#define IMPORT_ID_MAX 40

struct import_entry {
	struct import_entry *next; /* in the order of their coming */
	struct str id, keywords;
	uint32_t uid, flags;
	bool asked, gone, remembered;
};
struct import_state {
	struct arena a;
	struct table by_id;
	struct import_entry *first, **last;
	size_t n;
	char path[40];
	struct buf head, lines; /* lines: not written yet */
	bool fresh; /* the file is to be begun anew */
};

/* Ids that may be in names of files: [A-Za-z0-9]{20,40}, an 'I' first. */
bool import_id_ok(struct str id);
void import_state_init(struct import_state *st);
void import_state_done(struct import_state *st);
/* A missing file, or one about another folder of that name, is empty; lines that do not parse are
 * passed over. */
int import_state_load(struct store *s, struct str source, struct str folder, uint64_t folder_id,
	struct import_state *st);
/* Empty, for the folder with this id. */
void import_state_reset(struct import_state *st, uint64_t folder_id);
struct import_entry *import_state_get(const struct import_state *st, struct str id);
/* In memory alone (remembered: as if from the file). */
void import_state_learn(struct import_state *st, struct str id, uint32_t uid, uint32_t flags, struct str keywords,
	bool remembered);
/* And a line, to be written by import_state_flush (which syncs). */
int import_state_add(struct import_state *st, struct str id, uint32_t uid, uint32_t flags, struct str keywords);
int import_state_write(struct store *s, struct import_state *st, struct str id, uint32_t uid, uint32_t flags,
	struct str keywords);
int import_state_forget(struct store *s, struct import_state *st, struct str id);
/* The file is there: the source is known from now on. */
int import_state_head(struct store *s, struct import_state *st);
int import_state_flush(struct store *s, struct import_state *st);

#endif
