/* SPDX-License-Identifier: ISC
 *
 * directory_sqlite.h: what the files of the built-in directory share: the connection and
 * its prepared statements. directory_sqlite.c has accounts and what belongs to them,
 * directory_tables.c the tables of the mail's way: routes, access, rewriting.
 */
#ifndef MANSIO_AUTH_DIRECTORY_SQLITE_H
#define MANSIO_AUTH_DIRECTORY_SQLITE_H

#include "auth/directory.h"
#include "base/db.h"

/* The next number of an account, of whichever back end. */
#define DIRECTORY_NEXT_ID \
	"(SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name IN ('account', 'identity'))"

enum table_statement {
	T_ROUTE, T_ROUTE_ADD, T_ROUTE_CHANGE, T_ROUTE_REMOVE, T_ROUTES,
	T_RULE, T_RULE_KIND, T_RULE_ADD, T_RULE_REMOVE, T_RULES,
	T_SETTING, T_SETTING_ADD, T_SETTING_PUT,
	T_MAX
};

enum identity_statement { I_FIND, I_OF, I_HOME, I_ADD, I_MOVE, I_LIST, I_MAX };

struct sqlite_directory {
	struct directory d;
	sqlite3 *db;
	sqlite3_stmt **stmt; /* of directory_sqlite.c */
	sqlite3_stmt *table[T_MAX];
	sqlite3_stmt *identity[I_MAX];
};

/* One row: 0 (the caller reads the columns and resets), E_NOTFOUND, negative. */
int directory_one(sqlite3_stmt *s);
/* A change of exactly one row: 0, or E_NOTFOUND if there was none. */
int directory_change(struct directory *d, sqlite3_stmt *s);

/* directory_tables.c */
int directory_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out);
int directory_route_put(struct directory *d, const struct directory_route *v, bool is_new);
int directory_route_remove(struct directory *d, struct str to, struct str from);
int directory_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg);
int directory_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out);
int directory_rule_kind(struct directory *d, struct str kind);
int directory_rule_add(struct directory *d, const struct directory_rule *v);
int directory_rule_remove(struct directory *d, struct str kind, struct str who);
int directory_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg);
int directory_setting(struct directory *d, struct str name, struct buf *out);
int directory_setting_put(struct directory *d, struct str name, struct str value, bool replace);
void directory_tables_done(struct sqlite_directory *o);

/* directory_identity.c: the accounts of other back ends, and what is ours about them */
struct directory_identity {
	uint64_t id; /* of the account: never used again, also not by an account of this database */
	struct str backend, key;
	struct str local, domain; /* its address when it was seen last */
	struct str home_local, home_domain; /* where its mail lies */
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
void identity_done(struct sqlite_directory *o);

#endif
