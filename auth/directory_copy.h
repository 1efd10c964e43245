/* SPDX-License-Identifier: ISC
 *
 * directory_copy.h: everything of one database of accounts into another.
 */
#ifndef MANSIO_AUTH_DIRECTORY_COPY_H
#define MANSIO_AUTH_DIRECTORY_COPY_H

#include "auth/directory_sql.h"

struct directory_copy {
	struct str from, to; /* words of [auth] directory; one of them the built-in database */
	bool replace; /* what is in `to` is removed first */
	void (*working)(void *arg); /* now and then */
	void *arg;
	/* what was done */
	size_t ntables;
	struct {
		const char *name; /* static */
		uint64_t rows;
	} table[SQL_TABLES_N];
};

/* d: the directory of the settings. `to` gets all that `from` is at one moment, or stays as it is. 0; E_NOTFOUND: d has
 * not these two; E_EXISTS: there is something in `to`; E_SYNTAX: there is a value that `to` cannot have (ntables: the
 * table's index); E_CLOSED: the connection broke at the very end, and nobody knows; negative. */
int directory_copy(struct directory *d, struct directory_copy *c);

#endif
