/* SPDX-License-Identifier: ISC
 *
 * keep.c: see keep.h.
 *
 * synchronous=NORMAL: a commit writes to the log of the database and syncs
 * nothing; a power cut may cost the last seconds, and never makes a mess.
 */
#include "trace/keep.h"

#include <sys/stat.h>
#include <unistd.h>

#define NAME "trace.db"
#define ASIDE "trace.db.damaged" /* the one before goes */
#define BUSY_MS 200
#define AGAIN_MS 2000
#define FULL_MS 200 /* between two tries to write what is full */
#define AUDIT_MAX (256 * 1024)
#define AUDIT_ROWS "500000" /* and no more, however young */
#define EXPIRE_ROWS "8" /* blocks of one step */
#define JUMP_S 3600 /* the clock was set by more: a mistake, perhaps */
#define JUMP_WAIT_MS (24 * 3600 * 1000)

static const char *const schema[] = {
	"CREATE TABLE block(n INTEGER PRIMARY KEY, text BLOB NOT NULL);"
	"CREATE TABLE ids(n INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" worst INTEGER NOT NULL, bits BLOB NOT NULL);"
	"CREATE TABLE grams(n INTEGER PRIMARY KEY, bits BLOB NOT NULL);"
	"CREATE TABLE tail(n INTEGER PRIMARY KEY, text BLOB NOT NULL);"
	"CREATE TABLE audit(n INTEGER PRIMARY KEY, time INTEGER NOT NULL, text BLOB NOT NULL);"
};

enum statement {
	BEGIN, COMMIT, ROLLBACK, ADD_TAIL, DROP_TAIL, ADD_BLOCK, ADD_IDS, ADD_GRAMS, ADD_AUDIT, WALK_UP, WALK_DOWN,
	GET_GRAMS, GET_BLOCK, AUDITS, OLD_BLOCK, OLD_IDS, OLD_GRAMS, OLD_AUDIT, OLDEST, PAGES,
	NSTATEMENTS
};

static const char *const sql[NSTATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ADD_TAIL] = "INSERT INTO tail(text) VALUES(?1)",
	[DROP_TAIL] = "DELETE FROM tail",
	[ADD_BLOCK] = "INSERT INTO block VALUES(?1, ?2)",
	[ADD_IDS] = "INSERT INTO ids VALUES(?1, ?2, ?3, ?4, ?5)",
	[ADD_GRAMS] = "INSERT INTO grams VALUES(?1, ?2)",
	[ADD_AUDIT] = "INSERT INTO audit(time, text) VALUES(?1, ?2)",
	[WALK_UP] = "SELECT n, first, last, worst, bits FROM ids WHERE n >= ?1 ORDER BY n",
	[WALK_DOWN] = "SELECT n, first, last, worst, bits FROM ids WHERE n <= ?1 ORDER BY n DESC",
	[GET_GRAMS] = "SELECT bits FROM grams WHERE n = ?1",
	[GET_BLOCK] = "SELECT text FROM block WHERE n = ?1",
	[AUDITS] = "SELECT n, text FROM audit WHERE time >= ?1 AND time < ?2 ORDER BY n DESC",
	[OLD_BLOCK] = "DELETE FROM block WHERE n <= ?1",
	[OLD_IDS] = "DELETE FROM ids WHERE n <= ?1",
	[OLD_GRAMS] = "DELETE FROM grams WHERE n <= ?1",
	[OLD_AUDIT] = "DELETE FROM audit WHERE n IN (SELECT n FROM (SELECT n, time FROM audit ORDER BY n LIMIT 1000)"
		" WHERE time < ?1 OR n <= (SELECT max(n) FROM audit) - " AUDIT_ROWS ")",
	[OLDEST] = "SELECT n, last FROM ids ORDER BY n LIMIT " EXPIRE_ROWS,
	[PAGES] = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count),"
		" (SELECT page_size FROM pragma_page_size)",
};

_Static_assert(NSTATEMENTS <= (int)KEEP_STATEMENTS, "room for the statements");

/* --- opening --------------------------------------------------------------------- */

static void shut(struct keep *k)
{
	size_t i;

	for (i = 0; i < NSTATEMENTS; i++) {
		sqlite3_finalize(k->s[i]);
		k->s[i] = NULL;
	}
	if (k->db)
		db_close(&k->db);
}

static void put_aside(void)
{
	static const char *const tail[] = { "", "-wal", "-shm" };
	char from[64], to[64];
	size_t i;

	for (i = 0; i < ARRAY_LEN(tail); i++) {
		snprintf(from, sizeof(from), NAME "%s", tail[i]);
		snprintf(to, sizeof(to), ASIDE "%s", tail[i]);
		unlink(to);
		(void)rename(from, to); /* what is not there need not be moved */
	}
}

/* What was written but is in no block yet. */
static int load_tail(struct keep *k)
{
	struct block kept = k->open;
	struct fields e;
	struct record r;
	sqlite3_stmt *s;
	struct str rest;
	int x = db_prepare(k->db, "SELECT text FROM tail ORDER BY n", &s);

	if (x < 0)
		return x;
	block_init(&k->open);
	while ((x = db_step(s)) == 1) {
		const void *p = sqlite3_column_blob(s, 0);

		rest = str_make(p ? p : "", (size_t)sqlite3_column_bytes(s, 0));
		while (record_next(&rest, &r) && k->open.text.n < BLOCK_BYTES)
			if (fields_parse(r.text, &e) == 0)
				block_add(&k->open, &r, &e);
	}
	sqlite3_finalize(s);
	k->stored = k->open.text.n;
	/* what came while there was no database */
	rest = buf_view(&kept.text);
	while (record_next(&rest, &r))
		if (k->open.text.n < BLOCK_BYTES && fields_parse(r.text, &e) == 0)
			block_add(&k->open, &r, &e);
	block_done(&kept);
	return x;
}

static int open_db(struct keep *k)
{
	sqlite3_stmt *s;
	size_t i;
	int r = db_open(NAME, BUSY_MS, &k->db);

	if (r == 0)
		r = db_exec(k->db, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024; PRAGMA journal_size_limit=4194304;");
	if (r == 0)
		r = db_migrate(k->db, schema, (int)ARRAY_LEN(schema));
	if (r == E_UNSUPPORTED)
		r = E_DAMAGED; /* a newer program's: ours is a new one */
	for (i = 0; i < NSTATEMENTS && r == 0; i++) {
		/* not db_prepare: a table that is missing is damage, not a mistake of ours */
		int code = sqlite3_prepare_v3(k->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &k->s[i], NULL);

		r = (code & 0xff) == SQLITE_ERROR ? E_DAMAGED : db_error(code);
	}
	if (r == 0 && (r = db_prepare(k->db, "SELECT max(n) FROM ids", &s)) == 0) {
		r = db_step(s);
		k->next = r == 1 ? sqlite3_column_int64(s, 0) + 1 : 1;
		sqlite3_finalize(s);
		r = MIN(r, 0);
	}
	return r == 0 ? load_tail(k) : r;
}

static void try_open(struct keep *k)
{
	int r = open_db(k);

	if (r < 0)
		keep_failed(k, r);
	else
		k->again = DEADLINE_NEVER;
}

void keep_failed(struct keep *k, int err)
{
	shut(k);
	k->stored = 0;
	if (err == E_DAMAGED) {
		put_aside();
		k->aside = true;
	}
	k->again = deadline_in(err == E_DAMAGED ? 1 : AGAIN_MS);
}

void keep_init(struct keep *k)
{
	*k = (struct keep){ .next = 1, .wall = clock_unix(), .mono = clock_mono_ms() };
	/* a megabyte of cache is enough for what is appended and read once */
	sqlite3_soft_heap_limit64(3 * 1024 * 1024);
	block_init(&k->open);
	buf_init(&k->audit, AUDIT_MAX);
	try_open(k);
	if (!k->db)
		try_open(k); /* anew, if the first was put aside */
}

void keep_done(struct keep *k)
{
	keep_commit(k);
	shut(k);
	block_done(&k->open);
	buf_done(&k->audit);
}

/* --- writing ----------------------------------------------------------------------- */

static void bind_blob(sqlite3_stmt *s, int at, const void *p, size_t n)
{
	sqlite3_bind_blob64(s, at, p, n, SQLITE_STATIC);
}

static int add_tail(struct keep *k)
{
	sqlite3_stmt *s = k->s[ADD_TAIL];

	if (k->stored == k->open.text.n)
		return 0;
	bind_blob(s, 1, k->open.text.p + k->stored, k->open.text.n - k->stored);
	return db_run(s);
}

static int add_block(struct keep *k)
{
	const struct block *b = &k->open;
	sqlite3_stmt *s = k->s[ADD_BLOCK];
	int r;

	sqlite3_bind_int64(s, 1, k->next);
	bind_blob(s, 2, b->text.p, b->text.n);
	r = db_run(s);
	s = k->s[ADD_IDS];
	sqlite3_bind_int64(s, 1, k->next);
	sqlite3_bind_int64(s, 2, b->first);
	sqlite3_bind_int64(s, 3, b->last);
	sqlite3_bind_int64(s, 4, b->worst);
	bind_blob(s, 5, b->ids, sizeof(b->ids));
	r = r == 0 ? db_run(s) : r;
	s = k->s[ADD_GRAMS];
	sqlite3_bind_int64(s, 1, k->next);
	bind_blob(s, 2, b->grams, sizeof(b->grams));
	r = r == 0 ? db_run(s) : r;
	return r == 0 ? db_run(k->s[DROP_TAIL]) : r;
}

static int add_audit(struct keep *k)
{
	struct str rest = buf_view(&k->audit);
	struct record rec;
	sqlite3_stmt *s = k->s[ADD_AUDIT];
	int r = 0;

	while (r == 0 && rest.n > 0) {
		struct str line = str_cut(&rest, '\n');

		if (record_parse(line, &rec) < 0)
			continue;
		sqlite3_bind_int64(s, 1, rec.time);
		bind_blob(s, 2, line.p, line.n);
		r = db_run(s);
	}
	return r;
}

static bool is_full(const struct keep *k)
{
	return k->open.text.n >= BLOCK_BYTES;
}

/* Somebody deleted the file: what we hold open is nobody's any more. */
static bool is_lost(const struct keep *k)
{
	struct stat st;

	return k->db && stat(NAME, &st) < 0 && errno == ENOENT;
}

int keep_commit(struct keep *k)
{
	bool full = is_full(k);
	int r;

	if (is_lost(k)) {
		keep_failed(k, E_NOTFOUND);
		k->again = deadline_in(0);
	}
	if (!k->db && k->again != DEADLINE_NEVER && deadline_passed(k->again))
		try_open(k);
	if (!k->db)
		return E_TEMP;
	if (k->stored == k->open.text.n && k->audit.n == 0 && !full)
		return 0;
	r = db_run(k->s[BEGIN]);
	if (r == 0)
		r = full ? add_block(k) : add_tail(k);
	if (r == 0)
		r = add_audit(k);
	if (r == 0)
		r = db_run(k->s[COMMIT]);
	if (r < 0) {
		db_run(k->s[ROLLBACK]);
		if (r == E_DAMAGED || db_stuck())
			keep_failed(k, r);
		return r;
	}
	buf_reset(&k->audit);
	k->stored = k->open.text.n;
	if (full) {
		block_reset(&k->open);
		k->stored = 0;
		k->next++;
	}
	return 0;
}

void keep_add(struct keep *k, const struct record *r, const struct fields *parsed)
{
	/* what is there already is kept: it may be what somebody looks for; the new ones are counted */
	if (is_full(k) && (deadline_left(k->full_again) > 0 || keep_commit(k) < 0) && is_full(k)) {
		if (deadline_left(k->full_again) <= 0)
			k->full_again = deadline_in(FULL_MS);
		k->lost += r->level != BLOCK_INDEX;
		return;
	}
	block_add(&k->open, r, parsed);
	if (r->level != BLOCK_INDEX && str_eqc(parsed->event, "audit")) {
		record_print(r, &k->audit);
		buf_c(&k->audit, '\n');
		if (k->audit.err)
			buf_reset(&k->audit); /* there is no database for long: the log has them */
	}
}

/* --- deleting ------------------------------------------------------------------------ */

/* A clock that jumps must not make all of it old at once. */
static bool clock_is_odd(struct keep *k, int64_t now)
{
	int64_t mono = clock_mono_ms(), drift = now - k->wall - (mono - k->mono) / 1000;

	k->wall = now;
	k->mono = mono;
	if (drift > JUMP_S || drift < -JUMP_S)
		k->expire_after = deadline_in(JUMP_WAIT_MS);
	return k->expire_after != DEADLINE_NEVER && !deadline_passed(k->expire_after);
}

static uint64_t bytes_used(struct keep *k)
{
	uint64_t n = 0;

	if (db_step(k->s[PAGES]) == 1)
		n = db_u64(k->s[PAGES], 0) * db_u64(k->s[PAGES], 1);
	db_reset(k->s[PAGES]);
	return n;
}

/* The last block that goes now; 0: none. */
static int64_t too_old(struct keep *k, int64_t before, bool too_much)
{
	int64_t n = 0;

	while (db_step(k->s[OLDEST]) == 1) {
		if (!too_much && sqlite3_column_int64(k->s[OLDEST], 1) >= before)
			break;
		n = sqlite3_column_int64(k->s[OLDEST], 0);
	}
	db_reset(k->s[OLDEST]);
	return n;
}

bool keep_expire(struct keep *k, int64_t keep_s, int64_t audit_s, uint64_t size)
{
	static const int tables[] = { OLD_BLOCK, OLD_IDS, OLD_GRAMS };
	int64_t now = clock_unix(), before, n;
	size_t i;
	int r;

	if (!k->db)
		return false;
	before = clock_is_odd(k, now) ? 0 : (now - keep_s) * 1000000;
	n = too_old(k, before, bytes_used(k) > size);
	r = db_run(k->s[BEGIN]);
	for (i = 0; n && i < ARRAY_LEN(tables) && r == 0; i++) {
		sqlite3_bind_int64(k->s[tables[i]], 1, n);
		r = db_run(k->s[tables[i]]);
	}
	if (r == 0 && before) {
		sqlite3_bind_int64(k->s[OLD_AUDIT], 1, (now - audit_s) * 1000000);
		r = db_run(k->s[OLD_AUDIT]);
	}
	if (r == 0)
		r = db_run(k->s[COMMIT]);
	if (r < 0)
		db_run(k->s[ROLLBACK]);
	if (r == E_DAMAGED)
		keep_failed(k, r);
	return r == 0 && n;
}

/* --- reading --------------------------------------------------------------------------- */

static bool fits(const struct look *l, int64_t first, int64_t last, int worst, const unsigned char *ids)
{
	size_t i;

	if ((l->since && last < l->since) || (l->until && first >= l->until) || worst < l->worst)
		return false;
	for (i = 0; i < l->nid; i++)
		if (block_has_id(ids, l->id[i]))
			return true;
	return l->nid == 0;
}

static bool has_needles(const struct look *l, const unsigned char *grams)
{
	size_t i;

	for (i = 0; i < l->nneedle; i++)
		if (!block_has_gram(grams, l->needle[i]))
			return false;
	return true;
}

/* The open block: 1 go on, 0 enough. */
static int visit_open(struct keep *k, const struct look *l, keep_visit *visit, void *arg)
{
	const struct block *b = &k->open;

	if (b->text.n == 0 || (l->from && l->backward && k->next > l->from) ||
	    !fits(l, b->first, b->last, b->worst, b->ids) || !has_needles(l, b->grams))
		return 1;
	return visit(arg, k->next, buf_view(&b->text));
}

static int visit_stored(struct keep *k, const struct look *l, int64_t n, keep_visit *visit, void *arg)
{
	sqlite3_stmt *g = k->s[GET_GRAMS], *s = k->s[GET_BLOCK];
	bool good = true;
	int r = 1;

	if (l->nneedle) {
		sqlite3_bind_int64(g, 1, n);
		r = db_step(g);
		good = r == 1 && sqlite3_column_bytes(g, 0) == BLOCK_GRAMS && has_needles(l, sqlite3_column_blob(g, 0));
		db_reset(g);
	}
	if (r < 0 || !good)
		return r < 0 ? r : 1;
	sqlite3_bind_int64(s, 1, n);
	r = db_step(s);
	if (r == 1)
		r = visit(arg, n, str_make(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)));
	else if (r == 0)
		r = 1;
	db_reset(s);
	return r;
}

int keep_look(struct keep *k, const struct look *l, keep_visit *visit, void *arg)
{
	sqlite3_stmt *s = k->s[l->backward ? WALK_DOWN : WALK_UP];
	int more = 1, r;

	if (l->backward)
		more = visit_open(k, l, visit, arg);
	if (k->db && more == 1) {
		sqlite3_bind_int64(s, 1, l->from || !l->backward ? l->from : INT64_MAX);
		while (more == 1 && (r = db_step(s)) == 1)
			if (sqlite3_column_bytes(s, 4) == BLOCK_IDS &&
			    fits(l, sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), sqlite3_column_int(s, 3),
				sqlite3_column_blob(s, 4)))
				more = visit_stored(k, l, sqlite3_column_int64(s, 0), visit, arg);
		db_reset(s);
		if (more == 1 && r < 0)
			more = r;
		if (more == E_DAMAGED)
			keep_failed(k, more);
	}
	if (!l->backward && more == 1)
		more = visit_open(k, l, visit, arg);
	return MIN(more, 0);
}

int keep_audit(struct keep *k, int64_t since, int64_t until, keep_visit *visit, void *arg)
{
	sqlite3_stmt *s = k->s[AUDITS];
	bool more = true;
	int r = 0;

	keep_commit(k);
	if (!k->db)
		return E_TEMP;
	s = k->s[AUDITS];
	sqlite3_bind_int64(s, 1, since);
	sqlite3_bind_int64(s, 2, until ? until : INT64_MAX);
	while (more && (r = db_step(s)) == 1)
		more = visit(arg, sqlite3_column_int64(s, 0),
			str_make(sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)));
	db_reset(s);
	return MIN(r, 0);
}
