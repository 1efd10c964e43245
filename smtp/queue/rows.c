/* SPDX-License-Identifier: ISC
 *
 * rows.c: see rows.h. Every statement of the queue stands in the table below;
 * each is prepared when it is used first and kept.
 *
 * message(m) 1 - n recipient(m, number). No foreign key: a message without
 * recipients is removed in the transaction that takes its last one.
 */
#include "smtp/queue/rows.h"

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
};

#define RCPT_COLUMNS                                                           \
	"m, number, address, dest, local, state, attempts, next, delayed, due, code, status, reply," \
	" remote, last, how, expired, hop, level, stream, class"

enum stmt {
	BEGIN, COMMIT, ROLLBACK, REBUILD, REBUILT, ADD, ADD_RCPT, FIND, MESSAGE, LAST, RANGE, SET_TIME,
	ANY_RCPT, REMOVE, RCPTS, DUE, NEXT_DEST, DUE_OF, NEXT_DUE, UPDATE, SET_STATE, DELETE_RCPT,
	RESET_ACTIVE, BRING_BACK, NEXT_REPORT, DESTS, NEXT_OF, LEVEL, LEVEL_OF, STREAM_OF, TURN_OF, SET_HOP,
	RELEASED, NEXT_RELEASE, NSTMT
};
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
	[NEXT_OF] = "SELECT next FROM recipient WHERE state<>1 AND dest=? AND state=0 ORDER BY next LIMIT 1",
	[LEVEL] = "SELECT level FROM recipient WHERE state=0 AND local=? AND level<? ORDER BY level DESC LIMIT 1",
	[LEVEL_OF] = "SELECT level FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=? AND level<?"
		" ORDER BY level DESC LIMIT 1",
	[STREAM_OF] = "SELECT stream FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=? AND level=?"
		" AND stream>=? ORDER BY stream LIMIT 1",
	[TURN_OF] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state=0 AND hop='' AND dest=? AND local=?"
		" AND level=? AND stream=? AND next<=? ORDER BY next LIMIT 1",
	[SET_HOP] = "UPDATE recipient SET hop=? WHERE m=? AND number=?",
	[RELEASED] = "SELECT " RCPT_COLUMNS " FROM recipient WHERE state=6 AND next<=? ORDER BY next LIMIT ?",
	[NEXT_RELEASE] = "SELECT next FROM recipient WHERE state=6 ORDER BY next LIMIT 1",
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

/* NULL after an error of this transaction. */
static sqlite3_stmt *use(struct rows *r, enum stmt i)
{
	if (r->err >= 0 && !r->stmt[i])
		fail(r, db_prepare(r->db, sql[i], &r->stmt[i]));
	return r->err >= 0 ? r->stmt[i] : NULL;
}

static void run(struct rows *r, sqlite3_stmt *s)
{
	fail(r, db_run(s));
}

static bool step(struct rows *r, sqlite3_stmt *s)
{
	int n = db_step(s);

	fail(r, n);
	return n == 1;
}

sqlite3_stmt *rows_use(struct rows *r, const char *text, sqlite3_stmt **slot)
{
	if (r->err >= 0 && !*slot)
		fail(r, db_prepare(r->db, text, slot));
	return r->err >= 0 ? *slot : NULL;
}

void rows_run(struct rows *r, sqlite3_stmt *s)
{
	run(r, s);
}

bool rows_step(struct rows *r, sqlite3_stmt *s)
{
	return step(r, s);
}

static void i64(sqlite3_stmt *s, int at, int64_t v)
{
	db_bind_u64(s, at, v < 0 ? 0 : (uint64_t)v);
}

void rows_begin(struct rows *r)
{
	sqlite3_stmt *s;

	if (r->begun)
		return;
	r->err = 0;
	s = use(r, BEGIN);
	if (s)
		run(r, s);
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
	sqlite3_stmt *s = use(r, COMMIT);
	int err;

	if (s)
		run(r, s);
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
	if (!err && (s = use(r, REBUILD)) != NULL && step(r, s)) {
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
	sqlite3_stmt *s = use(r, REBUILT);

	if (s)
		run(r, s);
}

/* --- messages ------------------------------------------------------------------ */

void rows_add(struct rows *r, const struct message_row *m)
{
	sqlite3_stmt *s = use(r, ADD);

	if (!s)
		return;
	i64(s, 1, m->m);
	db_bind_str(s, 2, m->id);
	i64(s, 3, m->time);
	db_bind_u64(s, 4, m->size);
	db_bind_str(s, 5, m->sender);
	db_bind_str(s, 6, m->session);
	i64(s, 7, m->reports);
	run(r, s);
}

void rows_add_rcpt(struct rows *r, const struct rcpt_row *x)
{
	sqlite3_stmt *s = use(r, ADD_RCPT);

	if (!s)
		return;
	i64(s, 1, x->m);
	i64(s, 2, x->number);
	db_bind_str(s, 3, x->address);
	db_bind_str(s, 4, x->dest);
	i64(s, 5, x->local);
	i64(s, 6, x->state);
	i64(s, 7, x->attempts);
	i64(s, 8, x->next);
	i64(s, 9, x->delayed);
	i64(s, 10, x->due);
	i64(s, 11, x->code);
	db_bind_str(s, 12, x->status);
	db_bind_str(s, 13, x->reply);
	db_bind_str(s, 14, x->remote);
	i64(s, 15, x->last);
	i64(s, 16, x->how);
	i64(s, 17, x->expired);
	db_bind_str(s, 18, x->hop.p ? x->hop : STR(""));
	i64(s, 19, x->level);
	i64(s, 20, x->stream);
	i64(s, 21, x->class);
	run(r, s);
}

int rows_find(struct rows *r, struct str id, int64_t *m_out)
{
	sqlite3_stmt *s = use(r, FIND);
	bool found;

	if (!s)
		return r->err;
	db_bind_str(s, 1, id);
	found = step(r, s);
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
		.session = db_str(s, 5, a), .reports = db_u64(s, 6) != 0 };
}

int rows_message(struct rows *r, int64_t m, struct arena *a, struct message_row *out)
{
	sqlite3_stmt *s = use(r, MESSAGE);

	if (!s)
		return r->err;
	i64(s, 1, m);
	if (!step(r, s))
		return r->err < 0 ? r->err : E_NOTFOUND;
	read_message(s, a, out);
	db_reset(s);
	return 0;
}

int64_t rows_last(struct rows *r)
{
	sqlite3_stmt *s = use(r, LAST);
	int64_t last = 0;

	if (s && step(r, s)) {
		last = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return last;
}

size_t rows_range(struct rows *r, int64_t after, struct arena *a, struct message_row *out, size_t n)
{
	sqlite3_stmt *s = use(r, RANGE);
	size_t i = 0;

	if (!s)
		return 0;
	i64(s, 1, after);
	db_bind_u64(s, 2, n);
	while (i < n && step(r, s))
		read_message(s, a, &out[i++]);
	db_reset(s);
	return i;
}

void rows_set_time(struct rows *r, int64_t m, int64_t time)
{
	sqlite3_stmt *s = use(r, SET_TIME);

	if (!s)
		return;
	i64(s, 1, time);
	i64(s, 2, m);
	run(r, s);
}

bool rows_remove_if_done(struct rows *r, int64_t m)
{
	sqlite3_stmt *s = use(r, ANY_RCPT);
	bool any;

	if (!s)
		return false;
	i64(s, 1, m);
	any = step(r, s);
	if (any)
		db_reset(s);
	if (any || !(s = use(r, REMOVE)))
		return false;
	i64(s, 1, m);
	run(r, s);
	return r->err >= 0;
}

/* --- recipients ---------------------------------------------------------------- */

static void read_rcpt(sqlite3_stmt *s, struct arena *a, struct rcpt_row *out)
{
	*out = (struct rcpt_row){ .m = (int64_t)db_u64(s, 0), .number = (uint32_t)db_u64(s, 1),
		.address = db_str(s, 2, a), .dest = db_str(s, 3, a), .local = db_u64(s, 4) != 0,
		.state = (enum rcpt_state)MIN(db_u64(s, 5), (uint64_t)RCPT_STATES - 1),
		.attempts = (uint32_t)db_u64(s, 6), .next = (int64_t)db_u64(s, 7),
		.delayed = db_u64(s, 8) != 0,
		.due = (enum report_kind)MIN(db_u64(s, 9), (uint64_t)REPORT_DELAY),
		.code = (int)db_u64(s, 10), .status = db_str(s, 11, a), .reply = db_str(s, 12, a),
		.remote = db_str(s, 13, a), .last = (int64_t)db_u64(s, 14),
		.how = (enum rcpt_how)MIN(db_u64(s, 15), (uint64_t)HOW_EXPANDED), .expired = db_u64(s, 16) != 0,
		.hop = db_str(s, 17, a), .level = (int)db_u64(s, 18), .stream = (uint32_t)db_u64(s, 19),
		.class = (int)db_u64(s, 20) };
}

size_t rows_rcpts(struct rows *r, int64_t m, struct arena *a, struct rcpt_row **out)
{
	sqlite3_stmt *s = use(r, RCPTS);
	struct rcpt_row *v = NULL;
	size_t n = 0, cap = 0;

	*out = NULL;
	if (!s)
		return 0;
	i64(s, 1, m);
	while (step(r, s)) {
		if (n == cap) {
			struct rcpt_row *more;

			cap = cap ? cap * 2 : 4;
			more = arena_array(a, cap, sizeof(*v));
			if (n)
				memcpy(more, v, n * sizeof(*v));
			v = more;
		}
		read_rcpt(s, a, &v[n++]);
	}
	*out = v;
	return n;
}

/* The next lower priority that waits for anything, -1: none. There is one mostly. */
static int next_level(struct rows *r, bool local, int below)
{
	sqlite3_stmt *s = use(r, LEVEL);
	int level = -1;

	if (!s || below <= 0)
		return -1;
	i64(s, 1, local);
	i64(s, 2, below);
	if (step(r, s)) {
		level = (int)db_u64(s, 0);
		db_reset(s);
	}
	return level;
}

size_t rows_due(struct rows *r, bool local, int64_t now, struct arena *a, struct rcpt_row *out, size_t n)
{
	sqlite3_stmt *s = use(r, DUE);
	size_t i = 0;
	int level = LEVELS;

	while (s && i < n && (level = next_level(r, local, level)) >= 0) {
		i64(s, 1, local);
		i64(s, 2, level);
		i64(s, 3, now);
		db_bind_u64(s, 4, n - i);
		while (i < n && step(r, s))
			read_rcpt(s, a, &out[i++]);
		db_reset(s);
	}
	return i;
}

/* --- turns within a destination */

#define STREAMS 8 /* senders without anything due that are passed over */

static int next_level_of(struct rows *r, struct str dest, bool local, int below)
{
	sqlite3_stmt *s = use(r, LEVEL_OF);
	int level = -1;

	if (!s || below <= 0)
		return -1;
	db_bind_str(s, 1, dest);
	i64(s, 2, local);
	i64(s, 3, below);
	if (step(r, s)) {
		level = (int)db_u64(s, 0);
		db_reset(s);
	}
	return level;
}

static bool next_stream_of(struct rows *r, struct str dest, bool local, int level, int64_t *stream)
{
	sqlite3_stmt *s = use(r, STREAM_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	i64(s, 2, local);
	i64(s, 3, level);
	i64(s, 4, *stream);
	if (!step(r, s))
		return false;
	*stream = (int64_t)db_u64(s, 0);
	db_reset(s);
	return true;
}

static bool first_of(struct rows *r, struct str dest, bool local, int level, int64_t stream, int64_t now,
	struct arena *a, struct rcpt_row *out)
{
	sqlite3_stmt *s = use(r, TURN_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	i64(s, 2, local);
	i64(s, 3, level);
	i64(s, 4, stream);
	i64(s, 5, now);
	if (!step(r, s))
		return false;
	read_rcpt(s, a, out);
	db_reset(s);
	return true;
}

bool rows_turn_of(struct rows *r, struct str dest, bool local, uint32_t stream, int64_t now,
	struct arena *a, struct rcpt_row *out)
{
	int level = LEVELS, i;

	while ((level = next_level_of(r, dest, local, level)) >= 0) {
		int64_t at = (int64_t)stream + 1;
		bool wrapped = false;

		for (i = 0; i < STREAMS; i++, at++) {
			if (!next_stream_of(r, dest, local, level, &at)) {
				if (wrapped)
					break;
				wrapped = true;
				at = -1; /* and round, from the first one */
				continue;
			}
			if (first_of(r, dest, local, level, at, now, a, out))
				return true;
		}
	}
	return false;
}

struct str rows_next_dest(struct rows *r, struct str after, struct arena *a)
{
	sqlite3_stmt *s = use(r, NEXT_DEST);
	struct str dest = STR_NONE;

	if (!s)
		return dest;
	db_bind_str(s, 1, after);
	if (step(r, s)) {
		dest = db_str(s, 0, a);
		db_reset(s);
	}
	return dest;
}

bool rows_due_of(struct rows *r, struct str dest, bool local, int64_t now, struct arena *a,
	struct rcpt_row *out)
{
	sqlite3_stmt *s = use(r, DUE_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	i64(s, 2, now);
	i64(s, 3, local);
	if (!step(r, s))
		return false;
	read_rcpt(s, a, out);
	db_reset(s);
	return true;
}

int64_t rows_next_due(struct rows *r, bool local)
{
	sqlite3_stmt *s = use(r, NEXT_DUE);
	int64_t next = INT64_MAX;
	int level = LEVELS;

	while (s && (level = next_level(r, local, level)) >= 0) {
		i64(s, 1, local);
		i64(s, 2, level);
		if (step(r, s)) {
			next = MIN(next, (int64_t)db_u64(s, 0));
			db_reset(s);
		}
	}
	return next;
}

void rows_update(struct rows *r, const struct rcpt_row *x)
{
	sqlite3_stmt *s = use(r, UPDATE);

	if (!s)
		return;
	i64(s, 1, x->state);
	i64(s, 2, x->attempts);
	i64(s, 3, x->next);
	i64(s, 4, x->delayed);
	i64(s, 5, x->due);
	i64(s, 6, x->code);
	db_bind_str(s, 7, x->status);
	db_bind_str(s, 8, x->reply);
	db_bind_str(s, 9, x->remote);
	i64(s, 10, x->last);
	i64(s, 11, x->how);
	i64(s, 12, x->expired);
	i64(s, 13, x->class);
	i64(s, 14, x->m);
	i64(s, 15, x->number);
	run(r, s);
}

void rows_set_state(struct rows *r, int64_t m, uint32_t number, enum rcpt_state state, int64_t next)
{
	sqlite3_stmt *s = use(r, SET_STATE);

	if (!s)
		return;
	i64(s, 1, state);
	i64(s, 2, next);
	i64(s, 3, m);
	i64(s, 4, number);
	run(r, s);
}

void rows_delete(struct rows *r, int64_t m, uint32_t number)
{
	sqlite3_stmt *s = use(r, DELETE_RCPT);

	if (!s)
		return;
	i64(s, 1, m);
	i64(s, 2, number);
	run(r, s);
}

void rows_set_hop(struct rows *r, int64_t m, uint32_t number, struct str hop)
{
	sqlite3_stmt *s = use(r, SET_HOP);

	if (!s)
		return;
	db_bind_str(s, 1, hop);
	i64(s, 2, m);
	i64(s, 3, number);
	run(r, s);
}

size_t rows_released(struct rows *r, int64_t now, struct arena *a, struct rcpt_row *out, size_t n)
{
	sqlite3_stmt *s = use(r, RELEASED);
	size_t i = 0;

	if (!s)
		return 0;
	i64(s, 1, now);
	db_bind_u64(s, 2, n);
	while (i < n && step(r, s))
		read_rcpt(s, a, &out[i++]);
	db_reset(s);
	return i;
}

int64_t rows_next_release(struct rows *r)
{
	sqlite3_stmt *s = use(r, NEXT_RELEASE);
	int64_t next = INT64_MAX;

	if (s && step(r, s)) {
		next = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return next;
}

static size_t changed(struct rows *r, sqlite3_stmt *s)
{
	run(r, s);
	return r->err < 0 ? 0 : (size_t)sqlite3_changes(r->db);
}

size_t rows_reset_active(struct rows *r, int64_t from, int64_t to, int64_t now)
{
	sqlite3_stmt *s = use(r, RESET_ACTIVE);

	if (!s)
		return 0;
	i64(s, 1, now);
	i64(s, 2, from);
	i64(s, 3, to);
	return changed(r, s);
}

size_t rows_bring_back(struct rows *r, bool local, int64_t latest, size_t n)
{
	sqlite3_stmt *s = use(r, BRING_BACK);
	size_t moved = 0;
	int level = LEVELS;

	while (s && moved < n && (level = next_level(r, local, level)) >= 0) {
		i64(s, 1, latest);
		i64(s, 2, local);
		db_bind_u64(s, 3, n - moved);
		i64(s, 4, level);
		moved += changed(r, s);
	}
	return moved;
}

int64_t rows_next_report(struct rows *r, int64_t after)
{
	sqlite3_stmt *s = use(r, NEXT_REPORT);
	int64_t m = 0;

	if (!s)
		return 0;
	i64(s, 1, after);
	if (step(r, s)) {
		m = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return m;
}

static void add_state(struct dest_row *d, enum rcpt_state state, uint64_t n)
{
	d->n += n;
	if (state == RCPT_WAITING)
		d->waiting += n;
	else if (state == RCPT_SCHEDULED)
		d->scheduled += n;
	else if (state == RCPT_HELD)
		d->held += n;
	else
		d->other += n;
}

static int64_t next_of(struct rows *r, struct str dest)
{
	sqlite3_stmt *s = use(r, NEXT_OF);
	int64_t next = 0;

	if (!s)
		return 0;
	db_bind_str(s, 1, dest);
	if (step(r, s)) {
		next = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return next;
}

size_t rows_dests(struct rows *r, struct str after, struct arena *a, struct dest_row *out, size_t n)
{
	sqlite3_stmt *s = use(r, DESTS);
	struct str dest;
	size_t i = 0, k;

	if (!s)
		return 0;
	db_bind_str(s, 1, after);
	while (step(r, s)) {
		dest = db_str(s, 0, a);
		if (i == 0 || !str_eq(dest, out[i - 1].dest)) {
			if (i == n)
				break;
			out[i++] = (struct dest_row){ .dest = dest };
		}
		add_state(&out[i - 1], (enum rcpt_state)MIN(db_u64(s, 1), (uint64_t)RCPT_STATES - 1), db_u64(s, 2));
	}
	db_reset(s);
	for (k = 0; k < i; k++)
		if (out[k].waiting)
			out[k].next = next_of(r, out[k].dest);
	return i;
}
