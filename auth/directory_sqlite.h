/* SPDX-License-Identifier: ISC
 *
 * directory_sqlite.h: what the files of the built-in directory share: the connection
 * (directory_sqlite.c), and the table of identities (directory_identity.c).
 */
#ifndef MANSIO_AUTH_DIRECTORY_SQLITE_H
#define MANSIO_AUTH_DIRECTORY_SQLITE_H

#include "auth/directory_sql.h"
#include "base/db.h"

/* The next number of an account, of whichever back end. */
#define DIRECTORY_NEXT_ID \
	"(SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name IN ('account', 'identity'))"

enum identity_statement { I_FIND, I_OF, I_HOME, I_ADD, I_MOVE, I_LIST, I_PLACED, I_USED, I_SHARE, I_SHARE_NEW, I_MAX };

struct sqlite_directory {
	struct sql_directory sql;
	sqlite3 *db;
	sqlite3_stmt *identity[I_MAX];
};

/* directory_identity.c: the accounts of other back ends, and what is ours about them; of accounts of this database those
 * that were copied from or to another one, or whose mail lies elsewhere */
struct directory_identity {
	uint64_t id; /* of the account: never used again, also not by an account of this database */
	struct str backend, key;
	struct str local, domain; /* its address when it was seen last */
	struct str home_local, home_domain; /* where its mail lies */
	bool own; /* there is an account of this number in this database */
};
/* 0, E_NOTFOUND, negative. */
int identity_find(struct directory *d, const char *backend, struct str key, struct arena *a,
	struct directory_identity *out);
int identity_of(struct directory *d, uint64_t id, struct arena *a, struct directory_identity *out);
/* Whose mail lies there; fn returns false to stop. */
int identity_home(struct directory *d, struct str local, struct str domain,
	bool (*fn)(const struct directory_identity *v, void *arg), void *arg);
/* Keeps v->backend, key, local, domain and home, if this key is not there yet. id 0: the next free one;
 * an empty home_local: one that no address can have. */
int identity_add(struct directory *d, const struct directory_identity *v);
int identity_move(struct directory *d, uint64_t id, struct str local, struct str domain);
/* All of a back end. */
int identity_list(struct directory *d, const char *backend,
	bool (*fn)(const struct directory_identity *v, void *arg), void *arg);
/* Is there an account of this database whose mail lies elsewhere than its address says? 0 yes, E_NOTFOUND. */
int identity_placed(struct directory *d);
/* Makes each account of this database known to be one of another one, too, under a number there that was never given: by
 * nobody up to `used`, nor for this host by anybody. One that had a number there keeps it. The largest one is put out. */
int identity_share(struct directory *d, const char *backend, uint64_t used, uint64_t *last_out);
void identity_done(struct sqlite_directory *o);

#endif
