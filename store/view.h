/* SPDX-License-Identifier: ISC
 *
 * view.h: the private half of struct store_view.
 */
#ifndef MANSIO_STORE_VIEW_H
#define MANSIO_STORE_VIEW_H

#include "store/cache.h"
#include "store/extra.h"
#include "store/folder.h"

#define VIEW_LOCS 64 /* asked for at once; doubled while they are asked for in order */
#define VIEW_LOCS_MAX 1024
#define VIEW_PENDING 32

/* Where a message is: a guess that the next open checks. */
struct view_loc {
	uint32_t uid;
	uint32_t cache_len;
	uint64_t cache_at, size, file_size;
	char name[NAME_SIZE];
};
/* A description that is not in the cache file yet, or damaged there (at bad_at). */
struct view_desc {
	uint32_t uid;
	uint64_t bad_at;
	struct buf text;
};

struct store_view_private {
	char dir[STORE_DIR_SIZE];
	uint64_t id;
	uint64_t epoch, generation;
	int64_t cur_mtime, new_mtime;
	uint32_t unsettled;
	int64_t scanned, scan_cost;
	uint64_t synced; /* MODSEQ up to which rec[] is complete */
	uint32_t *owed; /* UIDs whose flags the client must be told (freeze.c), nowed of capowed */
	size_t nowed, capowed;
	bool owed_keywords;
	bool complete; /* rec[] came from this epoch's index */
	uint64_t packed; /* MODSEQ of the pack that it came from */
	bool pack_due; /* a new pack is to be written */
	uint32_t cap;
	uint32_t ngone; /* rec[] entries with STORE_GONE */
	struct arena names; /* name and keywords */
	struct view_loc *loc; /* room for caploc, nloc of them, rising uids */
	unsigned nloc, caploc, loc_next;
	bool loc_old; /* a store_sync lies between */
	struct cache_reader cache;
	struct view_desc pending[VIEW_PENDING];
	unsigned npending;
	struct extra extra;
	struct arena extra_arena;
	bool extra_loaded;
};

/* Opens the view's folder in a burst; E_STALE if it is another one now. */
int view_folder(struct burst *b, struct store_view *v, struct folder *f);
/* After our own change of messages of the view: `before` is what meta.modseq was. */
void view_own_change(struct burst *b, struct store_view *v, const struct folder *f, uint64_t before);
/* What the folder's directories were when the index agreed with them. */
void view_settle(struct store_view_private *p, const struct meta *m);
void view_keywords(struct store_view *v, const struct folder *f, bool *added_out);
void view_mark_gone(struct store_view *v, uint32_t index);
/* Drops them; their sequence numbers as EXPUNGE counts them and UIDs, or NULL. */
void view_drop_gone(struct store_view *v, uint32_t *number_out, uint32_t *uid_out);
void view_reserve(struct store_view *v, uint32_t n); /* room in rec[] */
void view_fill(struct store_rec *to, const struct record *r); /* \Recent and STORE_GONE stay */
void view_owe(struct store_view *v, uint32_t uid); /* the next store_sync tells its flags */
void view_locs_drop(struct store_view *v);
/* A command is over: what only a FETCH over many needs is given back. */
void view_locs_rest(struct store_view *v);
/* Writes pending descriptions to the cache file. */
void view_flush(struct store_view *v);
/* A file is not where the index says, though the directory looks unchanged: another program
 * renamed it in the same tick as we changed something. The next look reads the directory. */
void view_doubt(struct store_view *v);
/* fsync of the folder's cur/ after unlocking. */
int view_fsync(struct store *s, const char *dir);

#endif
