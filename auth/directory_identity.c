/* SPDX-License-Identifier: ISC
 *
 * directory_identity.c: the built-in directory's table of accounts that other back
 * ends keep: from (back end, key) to the account's number and to the place of its mail.
 *
 * A row is made when an account is seen for the first time and stays for ever: the number
 * is never used again, and an account that gets another name keeps its mail. Two accounts
 * never share a place: whoever comes to a name whose mail belongs to another one gets a
 * place that no address can name ("U22": addresses in normal form have no capitals).
 *
 * An account of the built-in database is found here by its number. When it was copied (directory_copy.c),
 * its row has the key that it has in the other database, so that it is the same account in both.
 */
#include "auth/directory_sqlite.h"
#include "base/clock.h"

#define COLUMNS \
	"id, backend, key, local, domain, home_local, home_domain," \
	" EXISTS(SELECT 1 FROM account WHERE account.id = identity.id) FROM identity "
#define KEYS_OF "FROM identity WHERE backend = ?1"

static const char *const sql[I_MAX] = {
	[I_FIND] = "SELECT " COLUMNS "WHERE backend = ?1 AND key = ?2",
	[I_OF] = "SELECT " COLUMNS "WHERE id = ?1",
	[I_HOME] = "SELECT " COLUMNS "WHERE home_local = ?1 AND home_domain = ?2",
	[I_ADD] = "INSERT INTO identity(id, backend, key, local, domain, home_local, home_domain, created)"
		" SELECT n.id, ?2, ?3, ?4, ?5, CASE WHEN ?6 = '' THEN 'U' || n.id ELSE ?6 END, ?7, ?8"
		" FROM (SELECT CASE WHEN ?1 > 0 THEN ?1 ELSE " DIRECTORY_NEXT_ID " END AS id) n"
		" WHERE true ON CONFLICT(backend, key) DO NOTHING",
	[I_MOVE] = "UPDATE identity SET local = ?2, domain = ?3 WHERE id = ?1",
	[I_LIST] = "SELECT " COLUMNS "WHERE backend = ?1 ORDER BY domain, local, id",
	[I_PLACED] = "SELECT 1 FROM identity i JOIN account a ON a.id = i.id"
		" WHERE i.home_local <> a.local OR i.home_domain <> a.domain LIMIT 1",
	/* numbers there that are used; the least number here that needs one there */
	[I_USED] = "SELECT max(?2, coalesce((SELECT max(CAST(key AS INTEGER)) " KEYS_OF "), 0)),"
		" (SELECT coalesce(min(id), 0) FROM account WHERE id NOT IN (SELECT id " KEYS_OF "))",
	[I_SHARE] = "UPDATE identity SET backend = ?1, key = CAST(id + ?2 AS TEXT)"
		" WHERE backend <> ?1 AND id IN (SELECT id FROM account)",
	[I_SHARE_NEW] = "INSERT INTO identity(id, backend, key, local, domain, home_local, home_domain, created)"
		" SELECT id, ?1, CAST(id + ?2 AS TEXT), local, domain, local, domain, ?3 FROM account"
		" WHERE id NOT IN (SELECT id FROM identity)",
};

static int query(struct directory *d, enum identity_statement q, sqlite3_stmt **out)
{
	struct sqlite_directory *o = (struct sqlite_directory *)d;
	int r = 0;

	if (!o->identity[q])
		r = db_prepare(o->db, sql[q], &o->identity[q]);
	if (r == 0)
		*out = o->identity[q];
	return r;
}

void identity_done(struct sqlite_directory *o)
{
	size_t i;

	for (i = 0; i < I_MAX; i++)
		sqlite3_finalize(o->identity[i]);
	memset(o->identity, 0, sizeof(o->identity));
}

static void row(sqlite3_stmt *s, struct arena *a, struct directory_identity *out)
{
	out->id = db_u64(s, 0);
	out->backend = db_str(s, 1, a);
	out->key = db_str(s, 2, a);
	out->local = db_str(s, 3, a);
	out->domain = db_str(s, 4, a);
	out->home_local = db_str(s, 5, a);
	out->home_domain = db_str(s, 6, a);
	out->own = db_u64(s, 7) != 0;
}

static int one(sqlite3_stmt *s, struct arena *a, struct directory_identity *out)
{
	int r = db_step(s);

	if (r != 1)
		return r == 0 ? E_NOTFOUND : r;
	row(s, a, out);
	db_reset(s);
	return 0;
}

int identity_find(struct directory *d, const char *backend, struct str key, struct arena *a,
	struct directory_identity *out)
{
	sqlite3_stmt *s;
	int r = query(d, I_FIND, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(backend));
	db_bind_str(s, 2, key);
	return one(s, a, out);
}

int identity_of(struct directory *d, uint64_t id, struct arena *a, struct directory_identity *out)
{
	sqlite3_stmt *s;
	int r = query(d, I_OF, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, id);
	return one(s, a, out);
}

/* fn must not come back to this table. */
static int list(sqlite3_stmt *s, bool (*fn)(const struct directory_identity *v, void *arg), void *arg)
{
	struct directory_identity v;
	struct arena a;
	bool more = true;
	int r = 0;

	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

int identity_home(struct directory *d, struct str local, struct str domain,
	bool (*fn)(const struct directory_identity *v, void *arg), void *arg)
{
	sqlite3_stmt *s;
	int r = query(d, I_HOME, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, local);
	db_bind_str(s, 2, domain);
	return list(s, fn, arg);
}

int identity_add(struct directory *d, const struct directory_identity *v)
{
	sqlite3_stmt *s;
	int r = query(d, I_ADD, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, v->id);
	db_bind_str(s, 2, v->backend);
	db_bind_str(s, 3, v->key);
	db_bind_str(s, 4, v->local);
	db_bind_str(s, 5, v->domain);
	db_bind_str(s, 6, v->home_local);
	db_bind_str(s, 7, v->home_domain);
	db_bind_u64(s, 8, (uint64_t)clock_unix());
	return db_run(s);
}

int identity_move(struct directory *d, uint64_t id, struct str local, struct str domain)
{
	sqlite3_stmt *s;
	int r = query(d, I_MOVE, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, id);
	db_bind_str(s, 2, local);
	db_bind_str(s, 3, domain);
	return db_run(s);
}

int identity_list(struct directory *d, const char *backend,
	bool (*fn)(const struct directory_identity *v, void *arg), void *arg)
{
	sqlite3_stmt *s;
	int r = query(d, I_LIST, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(backend));
	return list(s, fn, arg);
}

int identity_placed(struct directory *d)
{
	sqlite3_stmt *s;
	int r = query(d, I_PLACED, &s);

	if (r == 0)
		r = db_step(s);
	if (r == 1)
		db_reset(s);
	return r == 1 ? 0 : r == 0 ? E_NOTFOUND : r;
}

/* used: and the largest of them; first: the least number here without one there, 0: none. */
static int numbers(struct directory *d, const char *backend, uint64_t *used, uint64_t *first)
{
	sqlite3_stmt *s;
	int r = query(d, I_USED, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(backend));
	db_bind_u64(s, 2, *used);
	r = db_step(s);
	if (r != 1)
		return r < 0 ? r : E_DAMAGED;
	*used = db_u64(s, 0);
	*first = db_u64(s, 1);
	db_reset(s);
	return 0;
}

int identity_share(struct directory *d, const char *backend, uint64_t used, uint64_t *last_out)
{
	uint64_t first = 0, base;
	sqlite3_stmt *s = NULL;
	int r = numbers(d, backend, &used, &first);

	base = first > used ? 0 : used; /* the same numbers, if they are free */
	if (r == 0)
		r = query(d, I_SHARE, &s);
	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(backend));
	db_bind_u64(s, 2, base);
	r = db_run(s);
	if (r == 0)
		r = query(d, I_SHARE_NEW, &s);
	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(backend));
	db_bind_u64(s, 2, base);
	db_bind_u64(s, 3, (uint64_t)clock_unix());
	r = db_run(s);
	if (r == 0)
		r = numbers(d, backend, &used, &first);
	if (r == 0)
		*last_out = used;
	return r;
}
