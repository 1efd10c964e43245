/* SPDX-License-Identifier: ISC
 *
 * db.h: SQLite databases of a process that is locked into one directory.
 *
 * The databases of the suite lie beneath a descriptor that master opened; the
 * process itself may not reach that place by path. So it does fchdir() there,
 * and opens by bare file name through a thin SQLite VFS that never asks for
 * the current path. Its own library (DB_LIBS), because no small room links it.
 *
 * Every database: WAL, synchronous=FULL (a committed change survives power
 * loss), foreign keys on, defensive, no temporary files, values only by bound
 * parameters. A connection must not cross a fork.
 */
#ifndef MANSIO_BASE_DB_H
#define MANSIO_BASE_DB_H

#include <sqlite3.h>

#include "base/arena.h"

/* Opens `name` (no '/') in the current directory, made if missing; others'
 * locks are waited for up to busy_ms. 0 or negative (E_TEMP, E_DAMAGED, E_*). */
int db_open(const char *name, int busy_ms, sqlite3 **out);
void db_close(sqlite3 **db);
/* Was a write refused as read-only? SQLite opens a file so that it could not open for writing (no
 * descriptors were left, say), and stays with it: the connection must be made anew. */
bool db_stuck(void);
/* Brings the schema to version n: steps[i] leads from version i to i + 1, each
 * in one transaction with its version mark. E_UNSUPPORTED: made by a newer program. */
int db_migrate(sqlite3 *db, const char *const *steps, int n);
int db_exec(sqlite3 *db, const char *sql);
/* The database as it is at this moment, as a new file `name` beside it (another one of that name
 * goes). Others read and write meanwhile. It is not synced: whoever keeps it does that. */
int db_copy(sqlite3 *db, const char *name);
/* An empty database for sqlite3_backup_init: nothing of it is synced or logged. Closed by
 * sqlite3_close. */
int db_copy_open(const char *name, sqlite3 **out);
/* A statement for many uses; BUG if the text is wrong in itself. */
int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out);

/* Parameters from 1. The bytes must live until the statement is reset. */
void db_bind_str(sqlite3_stmt *s, int at, struct str v);
void db_bind_u64(sqlite3_stmt *s, int at, uint64_t v); /* above INT64_MAX: INT64_MAX */
/* 1 a row, 0 no more, negative. After 0 or negative the statement is reset. */
int db_step(sqlite3_stmt *s);
/* Runs a statement without rows, resets it: 0; E_EXISTS (a unique key is
 * taken), E_NOTFOUND (a foreign key leads nowhere), negative. */
int db_run(sqlite3_stmt *s);
void db_reset(sqlite3_stmt *s); /* and forgets the parameters */
/* Columns from 0, copied. */
struct str db_str(sqlite3_stmt *s, int col, struct arena *a);
uint64_t db_u64(sqlite3_stmt *s, int col);
/* A SQLite result code as one of ours. */
int db_error(int code);

#endif
