/* SPDX-License-Identifier: ISC
 *
 * rows.c: see rows.h and rows_sql.h. Every statement of the queue stands in the table below;
 * each is prepared when it is used first and kept.
 *
 * message(m) 1 - n recipient(m, number). No foreign key: a message without
 * recipients is removed in the transaction that takes its last one.
 */
#include "smtp/queue/rows_sql.h"

#include "base/file.h"

#define FILE_NAME "queue.db"
/* A larger one is checked page by page as it is used. */
#define CHECK_BYTES (64u * 1024 * 1024)

static const char *const schema[] = {
	"CREATE TABLE message(m INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,"
	" size INTEGER NOT NULL, sender TEXT NOT NULL, session TEXT NOT NULL, reports INTEGER NOT NULL);"
	"CREATE TABLE recipient(m INTEGER NOT NULL, number INTEGER NOT NULL, address TEXT NOT NULL,"
	" dest TEXT NOT NULL, local INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,"
	" next INTEGER NOT NULL, delayed INTEGER NOT NULL, due INTEGER NOT NULL, code INTEGER NOT NULL,"
	" status TEXT NOT NULL, reply TEXT NOT NULL, remote TEXT NOT NULL, last INTEGER NOT NULL,"
	" how INTEGER NOT NULL, expired INTEGER NOT NULL, PRIMARY KEY(m, number)) WITHOUT ROWID;"
	"CREATE INDEX recipient_next ON recipient(local, next) WHERE state=0;"
	"CREATE INDEX recipient_dest ON recipient(dest, state, next, local) WHERE state<>1;"
	"CREATE INDEX recipient_due ON recipient(m) WHERE due<>0;"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('rebuild', 1);",
	"ALTER TABLE recipient ADD COLUMN hop TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE recipient ADD COLUMN level INTEGER NOT NULL DEFAULT 9;"
	"ALTER TABLE recipient ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN class INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX recipient_next;"
	"CREATE INDEX recipient_level ON recipient(local, level, next) WHERE state=0;"
	"CREATE INDEX recipient_turn ON recipient(dest, local, level, stream, next) WHERE state=0 AND hop='';"
	"CREATE INDEX recipient_release ON recipient(next) WHERE state=6;"
	"CREATE TABLE suppression(address TEXT PRIMARY KEY, until INTEGER NOT NULL, since INTEGER NOT NULL,"
	" class INTEGER NOT NULL, reply TEXT NOT NULL) WITHOUT ROWID;",
	"ALTER TABLE suppression RENAME TO suppression_2;"
	"CREATE TABLE suppression(address TEXT NOT NULL, sender TEXT NOT NULL, until INTEGER NOT NULL, since INTEGER NOT NULL,"
	" class INTEGER NOT NULL, reply TEXT NOT NULL, PRIMARY KEY(address, sender)) WITHOUT ROWID;"
	"INSERT INTO suppression SELECT address, '', until, since, class, reply FROM suppression_2;"
	"DROP TABLE suppression_2;"
	"CREATE TABLE sent(key INTEGER PRIMARY KEY, until INTEGER NOT NULL, message TEXT NOT NULL, sender TEXT NOT NULL,"
	" recipient TEXT NOT NULL);"
	"CREATE INDEX sent_until ON sent(until);"
	"CREATE TABLE warmup(source TEXT NOT NULL, provider TEXT NOT NULL, day INTEGER NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(source, provider)) WITHOUT ROWID;",
	"DROP INDEX recipient_release;"
	"CREATE INDEX recipient_release ON recipient(next) WHERE state IN (6,7);"
	"CREATE INDEX recipient_kept ON recipient(stream) WHERE state IN (2,7);"
	"CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL, seen INTEGER NOT NULL, known INTEGER NOT NULL,"
	" start0 INTEGER NOT NULL, n0 INTEGER NOT NULL, start1 INTEGER NOT NULL, n1 INTEGER NOT NULL,"
	" start2 INTEGER NOT NULL, n2 INTEGER NOT NULL, start3 INTEGER NOT NULL, n3 INTEGER NOT NULL,"
	" start4 INTEGER NOT NULL, n4 INTEGER NOT NULL);"
	"CREATE TABLE known(account INTEGER NOT NULL, key INTEGER NOT NULL, seen INTEGER NOT NULL,"
	" PRIMARY KEY(account, key)) WITHOUT ROWID;"
	"INSERT INTO meta VALUES('known_a', random() & 0x7fffffffffffffff), ('known_b', random() & 0x7fffffffffffffff);",
	"CREATE TABLE wish(m INTEGER NOT NULL, number INTEGER NOT NULL, wish INTEGER NOT NULL, PRIMARY KEY(m, number)) WITHOUT ROWID;"
	"CREATE TABLE held(id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY(id, number)) WITHOUT ROWID;",
};

#define RCPT_COLUMNS                                                           \
	"m, number, address, dest, local, state, attempts, next, delayed, due, code, status, reply," \
	" remote, last, how, expired, hop, level, stream, class"

_Static_assert((int)NSTMT <= (int)ROWS_NSTMT, "ROWS_NSTMT");

static const char *const sql[NSTMT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[REBUILD] = "SELECT value FROM meta WHERE name='rebuild'",
	[REBUILT] = "UPDATE meta SET value=0 WHERE name='rebuild'",
	[ADD] = "INSERT INTO message VALUES(?,?,?,?,?,?,?)",
	[ADD_RCPT] = "INSERT INTO recipient VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[FIND] = "SELECT m FROM message WHERE id=?",
	[MESSAGE] = "SELECT m, id, time, size, sender, session, reports FROM message WHERE m=?",
	[LAST] = "SELECT max(m) FROM message",
	[RANGE] = "SELECT m, id, time, size, sender, session, reports FROM message WHERE m>? ORDER BY m LIMIT ?",
	[SET_REPORTS] = "UPDATE message SET reports=? WHERE m=?",
	[SET_TIME] = "UPDATE message SET time=? WHERE m=?",
	[ANY_RCPT] = "SELECT 1 FROM recipient WHERE m=? LIMIT 1",
	[REMOVE] = "DELETE FROM message WHERE m=?",
	[RCPTS] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE m=? ORDER BY number",
	[DUE] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state=0 AND local=? AND level=? AND next<=?"
		" ORDER BY next LIMIT ?",
	[NEXT_DEST] = "SELECT dest FROM recipient WHERE state<>1 AND dest>? ORDER BY dest LIMIT 1",
	[DUE_OF] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state<>1 AND dest=? AND state=0 AND next<=?"
		" AND local=? AND hop='' ORDER BY next LIMIT 1",
	[NEXT_DUE] = "SELECT next FROM recipient WHERE state=0 AND local=? AND level=? ORDER BY next LIMIT 1",
	[UPDATE] = "UPDATE recipient SET state=?, attempts=?, next=?, delayed=?, due=?, code=?, status=?,"
		" reply=?, remote=?, last=?, how=?, expired=?, class=? WHERE m=? AND number=?",
	[SET_STATE] = "UPDATE recipient SET state=?, next=? WHERE m=? AND number=?",
	[DELETE_RCPT] = "DELETE FROM recipient WHERE m=? AND number=?",
	[RESET_ACTIVE] = "UPDATE recipient SET state=0, next=? WHERE m>=? AND m<=? AND state=1",
	[BRING_BACK] = "UPDATE recipient SET next=?1 WHERE (m, number) IN (SELECT m, number FROM recipient"
		" WHERE state=0 AND local=?2 AND level=?4 AND next>?1 LIMIT ?3)",
	[NEXT_REPORT] = "SELECT m FROM recipient WHERE due<>0 AND m>? ORDER BY m LIMIT 1",
	/* the order of the index; sums of conditions would cost three times as much */
	[DESTS] = "SELECT dest, state, count(*) FROM recipient WHERE state<>1 AND dest>?"
		" GROUP BY dest, state ORDER BY dest, state",
	[DEST] = "SELECT state, count(*) FROM recipient WHERE state<>1 AND dest=? GROUP BY state",
	[NEXT_OF] = "SELECT next FROM recipient WHERE state<>1 AND dest=? AND state=0 ORDER BY next LIMIT 1",
	[FIRST_OF] = "SELECT next, last, reply FROM recipient WHERE state<>1 AND dest=? AND state=0 ORDER BY next LIMIT 1",
	[LEVEL] = "SELECT level FROM recipient WHERE state=0 AND local=? AND level<? ORDER BY level DESC LIMIT 1",
	[LEVEL_OF] = "SELECT level FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=? AND level<?"
		" ORDER BY level DESC LIMIT 1",
	[STREAM_OF] = "SELECT stream FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=? AND level=?"
		" AND stream>=? ORDER BY stream LIMIT 1",
	[TURN_OF] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=?"
		" AND level=? AND stream=? AND next<=? ORDER BY next LIMIT 1",
	[SET_HOP] = "UPDATE recipient SET hop=? WHERE m=? AND number=?",
	[RELEASED] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state IN (6,7) AND next<=? ORDER BY next LIMIT ?",
	[WAITING_FOR] = "SELECT count(DISTINCT m) FROM (SELECT m FROM recipient WHERE state<>1 AND dest=? AND state=0"
		" AND local=0 LIMIT ?)",
	[HURRY] = "UPDATE recipient SET next=?2 WHERE (m, number) IN (SELECT m, number FROM recipient"
		" WHERE state<>1 AND dest=?1 AND state=0 AND next>?2 AND local=0 LIMIT ?3)",
	[NEXT_RELEASE] = "SELECT next FROM recipient WHERE state IN (6,7) ORDER BY next LIMIT 1",
};

/* --- errors, transactions ------------------------------------------------------ */

/* What SQLite says, told apart by what can be done about it. */
static int error_of(struct rows *r, int err)
{
	int code;

	if (err >= 0)
		return err;
	code = sqlite3_extended_errcode(r->db);
	if (code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMMAP)
		return E_FULL;
	return err;
}

static void fail(struct rows *r, int err)
{
	if (err < 0 && r->err >= 0)
		r->err = error_of(r, err);
}

sqlite3_stmt *rows_stmt(struct rows *r, enum stmt i)
{
	if (r->err >= 0 && !r->stmt[i])
		fail(r, db_prepare(r->db, sql[i], &r->stmt[i]));
	return r->err >= 0 ? r->stmt[i] : NULL;
}

sqlite3_stmt *rows_use(struct rows *r, const char *text, sqlite3_stmt **slot)
{
	if (r->err >= 0 && !*slot)
		fail(r, db_prepare(r->db, text, slot));
	return r->err >= 0 ? *slot : NULL;
}

void rows_run(struct rows *r, sqlite3_stmt *s)
{
	fail(r, db_run(s));
}

bool rows_step(struct rows *r, sqlite3_stmt *s)
{
	int n = db_step(s);

	fail(r, n);
	return n == 1;
}

size_t rows_changed(struct rows *r, sqlite3_stmt *s)
{
	rows_run(r, s);
	return r->err < 0 ? 0 : (size_t)sqlite3_changes(r->db);
}

void rows_bind(sqlite3_stmt *s, int at, int64_t v)
{
	db_bind_u64(s, at, v < 0 ? 0 : (uint64_t)v);
}

void rows_do(struct rows *r, enum stmt i, const int64_t *v, int n)
{
	sqlite3_stmt *s = rows_stmt(r, i);
	int k;

	for (k = 0; s && k < n; k++)
		rows_bind(s, k + 1, v[k]);
	if (s)
		rows_run(r, s);
}

void rows_begin(struct rows *r)
{
	sqlite3_stmt *s;

	if (r->begun)
		return;
	r->err = 0;
	s = rows_stmt(r, BEGIN);
	if (s)
		rows_run(r, s);
	r->begun = r->err >= 0;
}

void rows_rollback(struct rows *r)
{
	/* an error may have rolled back already: then this one fails, and that is well */
	if (r->begun)
		sqlite3_exec(r->db, sql[ROLLBACK], NULL, NULL, NULL);
	r->begun = false;
	r->err = 0;
}

int rows_commit(struct rows *r)
{
	sqlite3_stmt *s = rows_stmt(r, COMMIT);
	int err;

	if (s)
		rows_run(r, s);
	err = r->err;
	if (err < 0)
		rows_rollback(r);
	r->begun = false;
	r->err = 0;
	return err;
}

/* --- opening ------------------------------------------------------------------- */

static int check(struct rows *r)
{
	sqlite3_stmt *s;
	struct arena a;
	uint64_t pages;
	int err = db_prepare(r->db, "PRAGMA page_count", &s);

	if (err < 0)
		return err;
	err = db_step(s);
	pages = err == 1 ? db_u64(s, 0) : 0;
	sqlite3_finalize(s);
	if (err < 0 || pages > CHECK_BYTES / 4096)
		return err < 0 ? err : 0;
	err = db_prepare(r->db, "PRAGMA quick_check(1)", &s);
	if (err < 0)
		return err;
	arena_init(&a);
	err = db_step(s);
	if (err == 1)
		err = str_eqc(db_str(s, 0, &a), "ok") ? 0 : E_DAMAGED;
	arena_done(&a);
	sqlite3_finalize(s);
	return err;
}

int rows_open(struct rows *r)
{
	sqlite3_stmt *s;
	int err;

	*r = (struct rows){ 0 };
	err = db_open(FILE_NAME, 2000, &r->db);
	if (err < 0)
		return err;
	err = error_of(r, db_migrate(r->db, schema, ARRAY_LEN(schema)));
	if (!err)
		err = error_of(r, check(r));
	if (!err && (s = rows_stmt(r, REBUILD)) != NULL && rows_step(r, s)) {
		r->rebuild = db_u64(s, 0) != 0;
		db_reset(s);
	}
	if (!err)
		err = r->err;
	if (err < 0)
		rows_close(r);
	return err;
}

void rows_close(struct rows *r)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(r->stmt[i]);
	if (r->db)
		db_close(&r->db);
	*r = (struct rows){ 0 };
}

void rows_set_aside(int dir, int64_t now)
{
	static const char *const tail[] = { "", "-wal", "-shm" };
	char from[64], to[96];
	size_t i;

	for (i = 0; i < ARRAY_LEN(tail); i++) {
		snprintf(from, sizeof(from), FILE_NAME "%s", tail[i]);
		snprintf(to, sizeof(to), FILE_NAME ".damaged-%lld%s", (long long)now, tail[i]);
		/* what is not there need not be moved */
		(void)file_rename(dir, from, to);
	}
	(void)file_fsync_dir(dir, ".");
}

void rows_rebuilt(struct rows *r)
{
	sqlite3_stmt *s = rows_stmt(r, REBUILT);

	if (s)
		rows_run(r, s);
}

/* --- messages ------------------------------------------------------------------ */

void rows_add(struct rows *r, const struct message_row *m)
{
	sqlite3_stmt *s = rows_stmt(r, ADD);

	if (!s)
		return;
	rows_bind(s, 1, m->m);
	db_bind_str(s, 2, m->id);
	rows_bind(s, 3, m->time);
	db_bind_u64(s, 4, m->size);
	db_bind_str(s, 5, m->sender);
	db_bind_str(s, 6, m->session);
	rows_bind(s, 7, m->reports);
	rows_run(r, s);
}

int rows_find(struct rows *r, struct str id, int64_t *m_out)
{
	sqlite3_stmt *s = rows_stmt(r, FIND);
	bool found;

	if (!s)
		return r->err;
	db_bind_str(s, 1, id);
	found = rows_step(r, s);
	if (found) {
		*m_out = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return found ? 0 : r->err < 0 ? r->err : E_NOTFOUND;
}

static void read_message(sqlite3_stmt *s, struct arena *a, struct message_row *out)
{
	*out = (struct message_row){ .m = (int64_t)db_u64(s, 0), .id = db_str(s, 1, a),
		.time = (int64_t)db_u64(s, 2), .size = db_u64(s, 3), .sender = db_str(s, 4, a),
		.session = db_str(s, 5, a), .reports = db_u64(s, 6) > REPORTS_KEEPER ? REPORTS_NOBODY : (enum report_to)db_u64(s, 6) };
}

int rows_message(struct rows *r, int64_t m, struct arena *a, struct message_row *out)
{
	sqlite3_stmt *s = rows_stmt(r, MESSAGE);

	if (!s)
		return r->err;
	rows_bind(s, 1, m);
	if (!rows_step(r, s))
		return r->err < 0 ? r->err : E_NOTFOUND;
	read_message(s, a, out);
	db_reset(s);
	return 0;
}

int64_t rows_last(struct rows *r)
{
	sqlite3_stmt *s = rows_stmt(r, LAST);
	int64_t last = 0;

	if (s && rows_step(r, s)) {
		last = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return last;
}

size_t rows_range(struct rows *r, int64_t after, struct arena *a, struct message_row *out, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, RANGE);
	size_t i = 0;

	if (!s)
		return 0;
	rows_bind(s, 1, after);
	db_bind_u64(s, 2, n);
	while (i < n && rows_step(r, s))
		read_message(s, a, &out[i++]);
	db_reset(s);
	return i;
}

void rows_set_reports(struct rows *r, int64_t m, enum report_to reports)
{
	ROWS_DO(r, SET_REPORTS, reports, m);
}

void rows_set_time(struct rows *r, int64_t m, int64_t time)
{
	ROWS_DO(r, SET_TIME, time, m);
}

bool rows_remove_if_done(struct rows *r, int64_t m)
{
	sqlite3_stmt *s = rows_stmt(r, ANY_RCPT);
	bool any;

	if (!s)
		return false;
	rows_bind(s, 1, m);
	any = rows_step(r, s);
	if (any)
		db_reset(s);
	if (any || !(s = rows_stmt(r, REMOVE)))
		return false;
	rows_bind(s, 1, m);
	rows_run(r, s);
	return r->err >= 0;
}
