/* SPDX-License-Identifier: ISC
 *
 * directory_tables.c: the built-in directory's tables of the mail's way (see
 * directory_sqlite.h). They name domains and addresses of others, so no row of
 * them belongs to an account or a domain of ours.
 */
#include "auth/directory_sqlite.h"

#include "base/clock.h"

#define RULE_COLUMNS "kind, who, action, text, comment FROM rule "
#define ROUTE_COLUMNS \
	"rcpt_domain, sender_domain, host, port, tls, start, user, secret, mech, source, comment FROM route "

static const char *const sql[T_MAX] = {
	[T_ROUTE] = "SELECT " ROUTE_COLUMNS "WHERE rcpt_domain = ?1 AND sender_domain = ?2",
	[T_ROUTE_ADD] = "INSERT INTO route(rcpt_domain, sender_domain, host, port, tls, start, user, secret,"
		" mech, source, comment, created) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[T_ROUTE_CHANGE] = "UPDATE route SET host = ?3, port = ?4, tls = ?5, start = ?6, user = ?7, secret = ?8,"
		" mech = ?9, source = ?10, comment = ?11 WHERE rcpt_domain = ?1 AND sender_domain = ?2",
	[T_ROUTE_REMOVE] = "DELETE FROM route WHERE rcpt_domain = ?1 AND sender_domain = ?2",
	[T_ROUTES] = "SELECT " ROUTE_COLUMNS "ORDER BY rcpt_domain, sender_domain",
	[T_RULE] = "SELECT " RULE_COLUMNS "WHERE kind = ?1 AND who = ?2",
	[T_RULE_KIND] = "SELECT 1 FROM rule WHERE kind = ?1 LIMIT 1",
	[T_RULE_ADD] = "INSERT INTO rule(kind, who, action, text, comment, created)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[T_RULE_REMOVE] = "DELETE FROM rule WHERE kind = ?1 AND who = ?2",
	[T_SETTING] = "SELECT value FROM setting WHERE name = ?1",
	[T_SETTING_ADD] = "INSERT OR IGNORE INTO setting(name, value) VALUES(?1, ?2)",
	[T_SETTING_PUT] = "INSERT OR REPLACE INTO setting(name, value) VALUES(?1, ?2)",
	[T_RULES] = "SELECT " RULE_COLUMNS "ORDER BY kind, who",
};

static struct sqlite_directory *own(struct directory *d)
{
	return (struct sqlite_directory *)d;
}

static int query(struct directory *d, enum table_statement q, sqlite3_stmt **out)
{
	struct sqlite_directory *o = own(d);
	int r = 0;

	if (!o->table[q])
		r = db_prepare(o->db, sql[q], &o->table[q]);
	if (r == 0)
		*out = o->table[q];
	return r;
}

void directory_tables_done(struct sqlite_directory *o)
{
	size_t i;

	for (i = 0; i < T_MAX; i++)
		sqlite3_finalize(o->table[i]);
	memset(o->table, 0, sizeof(o->table));
}

/* --- routes */

static void route_row(sqlite3_stmt *s, struct arena *a, struct directory_route *out)
{
	out->to = db_str(s, 0, a);
	out->from = db_str(s, 1, a);
	out->host = db_str(s, 2, a);
	out->port = db_u64(s, 3);
	out->tls = db_str(s, 4, a);
	out->start = db_str(s, 5, a);
	out->user = db_str(s, 6, a);
	out->secret = db_str(s, 7, a);
	out->mech = db_str(s, 8, a);
	out->source = db_str(s, 9, a);
	out->comment = db_str(s, 10, a);
}

int directory_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out)
{
	sqlite3_stmt *s;
	int r = query(d, T_ROUTE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, to);
	db_bind_str(s, 2, from);
	r = directory_one(s);
	if (r == 0) {
		route_row(s, a, out);
		db_reset(s);
	}
	return r;
}

int directory_route_put(struct directory *d, const struct directory_route *v, bool is_new)
{
	sqlite3_stmt *s;
	int r = query(d, is_new ? T_ROUTE_ADD : T_ROUTE_CHANGE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->to);
	db_bind_str(s, 2, v->from);
	db_bind_str(s, 3, v->host);
	db_bind_u64(s, 4, v->port);
	db_bind_str(s, 5, v->tls);
	db_bind_str(s, 6, v->start);
	db_bind_str(s, 7, v->user);
	db_bind_str(s, 8, v->secret);
	db_bind_str(s, 9, v->mech);
	db_bind_str(s, 10, v->source);
	db_bind_str(s, 11, v->comment);
	if (is_new)
		db_bind_u64(s, 12, (uint64_t)clock_unix());
	return directory_change(d, s);
}

int directory_route_remove(struct directory *d, struct str to, struct str from)
{
	sqlite3_stmt *s;
	int r = query(d, T_ROUTE_REMOVE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, to);
	db_bind_str(s, 2, from);
	return directory_change(d, s);
}

int directory_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg)
{
	struct directory_route v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, T_ROUTES, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		route_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

/* --- rules: access, rewriting */

static void rule_row(sqlite3_stmt *s, struct arena *a, struct directory_rule *out)
{
	out->kind = db_str(s, 0, a);
	out->who = db_str(s, 1, a);
	out->action = db_str(s, 2, a);
	out->text = db_str(s, 3, a);
	out->comment = db_str(s, 4, a);
}

int directory_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out)
{
	sqlite3_stmt *s;
	int r = query(d, T_RULE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, kind);
	db_bind_str(s, 2, who);
	r = directory_one(s);
	if (r == 0) {
		rule_row(s, a, out);
		db_reset(s);
	}
	return r;
}

int directory_rule_kind(struct directory *d, struct str kind)
{
	sqlite3_stmt *s;
	int r = query(d, T_RULE_KIND, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, kind);
	r = directory_one(s);
	if (r == 0)
		db_reset(s);
	return r;
}

int directory_rule_add(struct directory *d, const struct directory_rule *v)
{
	sqlite3_stmt *s;
	int r = query(d, T_RULE_ADD, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->kind);
	db_bind_str(s, 2, v->who);
	db_bind_str(s, 3, v->action);
	db_bind_str(s, 4, v->text);
	db_bind_str(s, 5, v->comment);
	db_bind_u64(s, 6, (uint64_t)clock_unix());
	return directory_change(d, s);
}

int directory_rule_remove(struct directory *d, struct str kind, struct str who)
{
	sqlite3_stmt *s;
	int r = query(d, T_RULE_REMOVE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, kind);
	db_bind_str(s, 2, who);
	return directory_change(d, s);
}

int directory_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg)
{
	struct directory_rule v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, T_RULES, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		rule_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

/* --- settings: bytes under a name */

int directory_setting(struct directory *d, struct str name, struct buf *out)
{
	sqlite3_stmt *s;
	int r = query(d, T_SETTING, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, name);
	r = directory_one(s);
	if (r < 0)
		return r;
	buf_add(out, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
	db_reset(s);
	return out->err;
}

int directory_setting_put(struct directory *d, struct str name, struct str value, bool replace)
{
	sqlite3_stmt *s;
	int r = query(d, replace ? T_SETTING_PUT : T_SETTING_ADD, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, name);
	sqlite3_bind_blob64(s, 2, value.p, value.n, SQLITE_TRANSIENT);
	return db_run(s);
}
