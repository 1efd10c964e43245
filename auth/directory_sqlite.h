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

enum table_statement {
	T_ROUTE, T_ROUTE_ADD, T_ROUTE_CHANGE, T_ROUTE_REMOVE, T_ROUTES,
	T_RULE, T_RULE_KIND, T_RULE_ADD, T_RULE_REMOVE, T_RULES,
	T_SETTING, T_SETTING_ADD, T_SETTING_PUT,
	T_MAX
};

struct sqlite_directory {
	struct directory d;
	sqlite3 *db;
	sqlite3_stmt **stmt; /* of directory_sqlite.c */
	sqlite3_stmt *table[T_MAX];
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

#endif
