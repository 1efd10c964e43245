/* SPDX-License-Identifier: ISC
 *
 * store.c: hooks.db: the events that the receiver has not taken yet, in the order in which
 * they came (see hookd.h). n is never used twice, id is queued's.
 */
#include "base/db.h"
#include "smtp/hook/hookd.h"

#define FILE_NAME "hooks.db"
#define BUSY_MS 5000 /* after a reload the one before us may be at its last commit */

static const char *const schema[] = {
	"CREATE TABLE event(n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,"
	" json TEXT NOT NULL);",
};

enum { BEGIN, COMMIT, ADD, COUNT, OLDEST, BATCH, POSTED, OLD, TOO_MANY, NSTMT };
static const char *const sql[NSTMT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ADD] = "INSERT OR IGNORE INTO event(id, time, json) VALUES(?,?,?)",
	[COUNT] = "SELECT count(*) FROM event",
	[OLDEST] = "SELECT time FROM event ORDER BY n LIMIT 1",
	[BATCH] = "SELECT n, json FROM event ORDER BY n LIMIT ?",
	[POSTED] = "DELETE FROM event WHERE n>=? AND n<=?",
	[OLD] = "DELETE FROM event WHERE time<?",
	[TOO_MANY] = "DELETE FROM event WHERE n IN (SELECT n FROM event ORDER BY n LIMIT ?)",
};
static sqlite3 *db;
static sqlite3_stmt *stmt[NSTMT];
static uint64_t pending;

static uint64_t count(void)
{
	uint64_t n = 0;

	if (db_step(stmt[COUNT]) == 1) {
		n = db_u64(stmt[COUNT], 0);
		db_reset(stmt[COUNT]);
	}
	return n;
}

int store_open(void)
{
	int r = db_open(FILE_NAME, BUSY_MS, &db);
	size_t i;

	if (r == 0)
		r = db_migrate(db, schema, ARRAY_LEN(schema));
	for (i = 0; i < NSTMT && r == 0; i++)
		r = db_prepare(db, sql[i], &stmt[i]);
	if (r == 0)
		pending = count();
	return r;
}

int store_begin(void)
{
	return db_run(stmt[BEGIN]);
}

int store_commit(void)
{
	return db_run(stmt[COMMIT]);
}

int store_add(struct str id, int64_t time, struct str json)
{
	int r;

	db_bind_str(stmt[ADD], 1, id);
	db_bind_u64(stmt[ADD], 2, (uint64_t)time);
	db_bind_str(stmt[ADD], 3, json);
	r = db_run(stmt[ADD]);
	if (r == 0)
		pending += (uint64_t)sqlite3_changes(db);
	return r;
}

uint64_t store_pending(void)
{
	return pending;
}

int64_t store_oldest(void)
{
	int64_t t = 0;

	if (db_step(stmt[OLDEST]) == 1) {
		t = (int64_t)db_u64(stmt[OLDEST], 0);
		db_reset(stmt[OLDEST]);
	}
	return t;
}

size_t store_batch(size_t n, size_t max, struct buf *out, int64_t *first_out, int64_t *upto_out)
{
	struct arena a;
	size_t found = 0;

	arena_init(&a);
	db_bind_u64(stmt[BATCH], 1, n);
	while (db_step(stmt[BATCH]) == 1) {
		struct str json = db_str(stmt[BATCH], 1, &a);

		if (found > 0 && out->n + json.n + 1 > max)
			break;
		if (found++)
			buf_c(out, ',');
		else
			*first_out = (int64_t)db_u64(stmt[BATCH], 0);
		buf_str(out, json);
		*upto_out = (int64_t)db_u64(stmt[BATCH], 0);
	}
	db_reset(stmt[BATCH]);
	arena_done(&a);
	return found;
}

/* Runs a deletion. */
static int64_t gone(int which)
{
	int r = db_run(stmt[which]);
	uint64_t n = r == 0 ? (uint64_t)sqlite3_changes(db) : 0;

	pending -= MIN(n, pending);
	return r < 0 ? r : (int64_t)n;
}

int store_posted(int64_t first, int64_t upto)
{
	db_bind_u64(stmt[POSTED], 1, (uint64_t)first);
	db_bind_u64(stmt[POSTED], 2, (uint64_t)upto);
	return (int)MIN(gone(POSTED), (int64_t)0);
}

int64_t store_give_up(int64_t before, uint64_t most)
{
	int64_t old, many = 0;

	db_bind_u64(stmt[OLD], 1, (uint64_t)MAX(before, (int64_t)0));
	old = gone(OLD);
	if (old >= 0 && pending > most) {
		db_bind_u64(stmt[TOO_MANY], 1, pending - most);
		many = gone(TOO_MANY);
	}
	return old < 0 ? old : many < 0 ? many : old + many;
}
