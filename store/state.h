/* SPDX-License-Identifier: ISC
 *
 * state.h: index/state: may the index be trusted, and did a folder change.
 */
#ifndef MANSIO_STORE_STATE_H
#define MANSIO_STORE_STATE_H

#include "base/base.h"

#define STATE_PATH "index/state"
#define STATE_MAGIC "mansix4" /* format and byte order; another one: rebuilt */
#define STATE_SLOTS 4096

enum {
	STATE_CLEAN = 1, /* synced to disk, nothing written since: survives a boot */
	STATE_OPEN = 2, /* a commit was under way: its transaction may be missing */
};
struct state {
	char magic[8];
	unsigned char boot[16];
	uint64_t epoch; /* this life of the index */
	uint64_t txn; /* last LMDB transaction */
	/* data.mdb as the last burst left it (ino 0: not known): whoever else
	 * writes it changes one of these. */
	uint64_t ino, size;
	int64_t mtime, ctime; /* ns */
	uint32_t flags;
	uint32_t crc;
};

/* The boot id, read once (before a sandbox hides /proc). */
void state_boot(unsigned char out[16]);
/* Descriptor of the file (flags as of open) and its checked head: E_NOTFOUND, E_DAMAGED. */
int state_open(int dir, int flags, int *fd_out, struct state *out);
int state_write(int fd, struct state *st);
/* A fresh epoch, all generations zero; durable enough: it is replaced whole. */
int state_create(int dir);
/* The generation shared by the folders that hash to its slot. */
int state_generation(int fd, uint64_t folder_id, uint64_t *out);
int state_bump(int fd, uint64_t folder_id);

#endif
