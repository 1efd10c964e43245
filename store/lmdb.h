/* SPDX-License-Identifier: ISC
 *
 * lmdb.h: the index file while a burst has it open. For index.c (what is in it)
 * and burst.c (when it is opened, thrown away, compacted) alone.
 */
#ifndef MANSIO_STORE_LMDB_H
#define MANSIO_STORE_LMDB_H

#include <lmdb.h>

#include "store/guard.h"
#include "store/index.h"

#define DATA_PATH GUARD_FILE

struct index {
	MDB_env *env;
	MDB_txn *txn; /* NULL in a dry run that does without the file */
	MDB_dbi dbi;
	bool write, dirty, garbage;
	bool ignore; /* a dry run that has to do without the file */
	size_t mapsize;
};

/* E_*, -errno or BURST_DAMAGED for an LMDB result. */
int index_error(int rc);
int index_env_open(const char *path, unsigned flags, size_t mapsize, MDB_env **out);
/* Checks state and file, begins the transaction. After any result: index_close. */
int index_open(struct burst *b);
void index_close(struct burst *b);
/* The file as this burst leaves it goes to b->state. */
void index_remember(struct burst *b);

#endif
