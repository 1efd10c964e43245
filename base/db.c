/* SPDX-License-Identifier: ISC
 *
 * db.c: see db.h. The VFS is SQLite's own for Unix with one function changed:
 * xFullPathname copies the name, where the original calls getcwd(), which
 * fails for a process that may not read the path above its directory.
 */
#include "base/db.h"

#include <fcntl.h>

#include "base/file.h"

static sqlite3_vfs vfs;

static int full_pathname(sqlite3_vfs *v, const char *name, int n, char *out)
{
	size_t len = strlen(name);

	(void)v;
	if (strchr(name, '/') || len + 1 > (size_t)n)
		return SQLITE_CANTOPEN;
	memcpy(out, name, len + 1);
	return SQLITE_OK;
}

static int vfs_register(void)
{
	sqlite3_vfs *system;

	if (vfs.zName)
		return 0;
	system = sqlite3_vfs_find("unix");
	if (!system)
		return E_UNSUPPORTED;
	vfs = *system;
	vfs.pNext = NULL;
	vfs.zName = "mansio-directory";
	vfs.xFullPathname = full_pathname;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
		vfs.zName = NULL;
		return E_UNSUPPORTED;
	}
	return 0;
}

static bool stuck;

bool db_stuck(void)
{
	return stuck;
}

int db_error(int code)
{
	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		file_fsync_fails();
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
			return E_NOTFOUND;
		if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    code == SQLITE_CONSTRAINT_ROWID)
			return E_EXISTS;
		return E_SYNTAX;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_DAMAGED;
	case SQLITE_NOMEM:
		die_oom(0);
	case SQLITE_READONLY:
		stuck = true;
		return E_TEMP;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return E_DENIED;
	default:
		return E_TEMP;
	}
}

int db_exec(sqlite3 *db, const char *sql)
{
	return db_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int db_open(const char *name, int busy_ms, sqlite3 **out)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int r = vfs_register();

	if (r < 0)
		return r;
	r = db_error(sqlite3_open_v2(name, &db, flags, vfs.zName));
	if (r == 0) {
		sqlite3_extended_result_codes(db, 1);
		sqlite3_busy_timeout(db, busy_ms);
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		r = db_exec(db,
			"PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA journal_mode=WAL;"
			"PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
	}
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*out = db;
	return 0;
}

void db_close(sqlite3 **db)
{
	/* close_v2 waits for statements that are not finalized yet */
	sqlite3_close_v2(*db);
	*db = NULL;
}

static int migrate_one(sqlite3 *db, const char *sql, int version)
{
	char mark[48];
	int r;

	r = db_exec(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	snprintf(mark, sizeof(mark), "PRAGMA user_version=%d", version);
	r = db_exec(db, sql);
	if (r == 0)
		r = db_exec(db, mark);
	if (r == 0)
		r = db_exec(db, "COMMIT");
	if (r < 0)
		db_exec(db, "ROLLBACK");
	return r;
}

int db_copy(sqlite3 *db, const char *name)
{
	sqlite3_stmt *s;
	int r = file_unlink(AT_FDCWD, name);

	if (r == 0)
		r = db_prepare(db, "VACUUM INTO ?1", &s);
	if (r < 0)
		return r;
	db_bind_str(s, 1, str_of(name));
	r = db_run(s);
	sqlite3_finalize(s);
	return r;
}

int db_copy_open(const char *name, sqlite3 **out)
{
	sqlite3 *db = NULL;
	int r = vfs_register();

	if (r == 0)
		r = db_error(sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOMUTEX, vfs.zName));
	if (r == 0)
		r = db_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;");
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*out = db;
	return 0;
}

int db_migrate(sqlite3 *db, const char *const *steps, int n)
{
	sqlite3_stmt *s;
	int version, r;

	r = db_prepare(db, "PRAGMA user_version", &s);
	if (r < 0)
		return r;
	r = db_step(s);
	version = r == 1 ? sqlite3_column_int(s, 0) : 0;
	sqlite3_finalize(s);
	if (r < 0)
		return r;
	if (version > n || version < 0)
		return E_UNSUPPORTED;
	for (r = 0; r == 0 && version < n; version++)
		r = migrate_one(db, steps[version], version + 1);
	return r;
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
	int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

	BUG_ON((code & 0xff) == SQLITE_ERROR || (code & 0xff) == SQLITE_MISUSE);
	return db_error(code);
}

void db_bind_str(sqlite3_stmt *s, int at, struct str v)
{
	int code = sqlite3_bind_text64(s, at, v.p ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8);

	BUG_ON(code == SQLITE_RANGE || code == SQLITE_MISUSE);
}

void db_bind_u64(sqlite3_stmt *s, int at, uint64_t v)
{
	int code = sqlite3_bind_int64(s, at, (sqlite3_int64)MIN(v, (uint64_t)INT64_MAX));

	BUG_ON(code == SQLITE_RANGE || code == SQLITE_MISUSE);
}

int db_step(sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	if (code == SQLITE_ROW)
		return 1;
	db_reset(s);
	return code == SQLITE_DONE ? 0 : db_error(code);
}

int db_run(sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	BUG_ON(code == SQLITE_ROW);
	db_reset(s);
	return db_error(code);
}

void db_reset(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

struct str db_str(sqlite3_stmt *s, int col, struct arena *a)
{
	const unsigned char *p = sqlite3_column_text(s, col);

	return arena_str(a, str_make(p ? p : (const unsigned char *)"", (size_t)sqlite3_column_bytes(s, col)));
}

uint64_t db_u64(sqlite3_stmt *s, int col)
{
	sqlite3_int64 v = sqlite3_column_int64(s, col);

	return v < 0 ? 0 : (uint64_t)v;
}
