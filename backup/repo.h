/* SPDX-License-Identifier: ISC
 *
 * repo.h: the folder of a backup (docs/BACKUP.md): contents by their SHA-256
 * in a few large packs that are only appended to, and snapshots that name them.
 *
 *     mansio-backup          what this folder is, and its id
 *     lock  reading          one writer; readers keep packs from being removed
 *     packs/000001.pack      objects; packs/000001.index where they begin
 *     snapshots/ID           manifests
 *     unfinished             the manifest of a run that did not come to its end
 *     damaged                places that `verify` found bad: never used again
 *
 * Always true
 *  1. A line of an index is written after its object is on disk (repo_commit), a manifest after
 *     all that it names: what can be found is there.
 *  2. Nothing in a pack is ever changed; a pack is removed when all of it that a snapshot
 *     needs is on disk elsewhere and in an index (collect.c).
 *  3. Nothing is believed unread: a content is given out with its SHA-256 found right, or
 *     E_DAMAGED at its end and the place in `why`.
 *  4. The table holds 16 bytes an object, whatever the size of the backup.
 */
#ifndef MANSIO_BACKUP_REPO_H
#define MANSIO_BACKUP_REPO_H

#include "backup/format.h"
#include "base/file.h"

struct repo_slot;
struct repo_pack {
	uint32_t number;
	uint64_t end; /* of what the index names */
	uint64_t index_read; /* bytes of the index that the table knows */
	bool scanned; /* its index was missing or bad: found by reading the pack */
};
struct repo_place { /* of the file `damaged` */
	uint32_t pack;
	uint64_t at;
};

struct repo {
	int dir, packs; /* dir: the caller's */
	int lock, reading;
	bool write, compress, fresh;
	uint64_t pack_size;
	char id[17];
	bool marker_bad; /* mansio-backup was damaged: the id is that of the packs */
	struct repo_slot *slot;
	size_t nslots, nobjects;
	struct repo_pack *pack; /* by number */
	size_t npacks;
	struct repo_place *bad;
	size_t nbad;
	/* of the writer */
	int out_fd, out_index;
	uint32_t out_pack; /* 0: none open */
	uint64_t out_at; /* where the next object begins */
	struct buf out, lines; /* not written, not committed */
	struct buf zipped;
	void *zip;
	/* the pack that was read last */
	int in_fd;
	uint32_t in_pack;
	char why[300]; /* one sentence for people about the last failure, or "" */
};

enum repo_mode {
	REPO_READ,
	REPO_WRITE, /* makes a folder that is empty; E_TEMP: another one writes */
	REPO_COLLECT, /* a writer that waits for readers, and keeps new ones out */
};
struct repo_options {
	enum repo_mode mode;
	bool compress;
	uint64_t pack_size;
	struct str expect; /* the id that the folder had; without it a missing marker makes a new backup */
};
/* dir stays the caller's. Negative: why says what is wrong, naming the file. */
int repo_open(int dir, const struct repo_options *opt, struct repo *r);
/* The id of the backup in the folder, without opening it: E_NOTFOUND, E_DAMAGED. */
int repo_peek(int dir, char id_out[17]);
void repo_close(struct repo *r);
/* Objects that another process of this writer has committed meanwhile, and where it ended. */
int repo_refresh(struct repo *r);

uint64_t repo_bytes(const struct repo *r); /* of all packs, as far as their indexes go */
bool repo_has(struct repo *r, const struct object_id *id);
/* Stores what is not there yet. In the pack when it returns, safe after repo_commit. */
int repo_put(struct repo *r, enum object_kind kind, struct str data, struct object_id *out);
/* The same of a file, from its begin to its end, whatever its size. E_STALE: it changed. */
int repo_put_fd(struct repo *r, enum object_kind kind, int fd, struct object_id *out, uint64_t *size_out);
int repo_commit(struct repo *r);
/* Closes the open pack, after repo_commit: another process of this writer goes on; see repo_refresh. */
void repo_release(struct repo *r);

typedef int repo_sink(void *arg, const void *p, size_t n);
/* The content, piece by piece. What the sink was given counts only if 0 is returned. */
int repo_read(struct repo *r, const struct object_id *id, repo_sink *sink, void *arg);
int repo_get(struct repo *r, const struct object_id *id, struct buf *out); /* whole; E_LIMIT */

/* --- for verify and collect ---------------------------------------------------- */

#define REPO_PACK_HEAD 34 /* "mansio-pack 1 ID\n": bytes before the first object, padded */
struct repo_object {
	uint32_t pack;
	uint64_t at;
	struct object_head head;
};
/* The object at a place: its head; E_DAMAGED. */
int repo_object_at(struct repo *r, uint32_t pack, uint64_t at, struct repo_object *out);
/* Its content. */
int repo_object_read(struct repo *r, const struct repo_object *o, repo_sink *sink, void *arg);
/* Where an object lies: the first place that is not known as bad. */
int repo_find(struct repo *r, const struct object_id *id, struct repo_object *out);
/* Sets `damaged`: these places, and those that it has. */
int repo_mark_bad(struct repo *r, const struct repo_place *place, size_t n);
/* Stores it again, from a pack that is to go; E_DAMAGED. With r->fresh the first one begins a new pack. */
int repo_move(struct repo *r, const struct repo_object *o);
/* The table forgets what lies in this pack, and the pack. */
void repo_forget(struct repo *r, uint32_t number);
void repo_pack_name(uint32_t number, const char *suffix, char out[32]);
int repo_fail(struct repo *r, int err, const char *fmt, ...) PRINTF(3, 4);

#endif
