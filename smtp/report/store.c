/* SPDX-License-Identifier: ISC
 *
 * store.c: reports in SQLite (see store.h).
 */
#include "smtp/report/store.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/file.h"
#include "base/rand.h"
#include "trace/trace.h"

#include <fcntl.h>

#define FILE_NAME "_tlsrpt.db" /* no host is called so: cache.c keeps its files beside it */
#define BUSY_MS 5000 /* after a reload the one before us may be at its last commit */
#define DAY 86400
#define UID 20
#define MAIN_FAILURES 5

static const char *const schema[] = {
	"CREATE TABLE report(id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, domain TEXT NOT NULL, organisation TEXT NOT NULL DEFAULT '',"
	" contact TEXT NOT NULL DEFAULT '', submitter TEXT NOT NULL DEFAULT '', uid TEXT NOT NULL DEFAULT '', start INTEGER NOT NULL, finish INTEGER NOT NULL,"
	" due INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, words TEXT NOT NULL DEFAULT '');"
	"CREATE UNIQUE INDEX report_open ON report(domain) WHERE state=0;"
	"CREATE UNIQUE INDEX report_once ON report(submitter, uid, domain) WHERE state=5;"
	"CREATE INDEX report_due ON report(due) WHERE state=1;"
	"CREATE INDEX report_finish ON report(finish);"
	"CREATE TABLE policy(id INTEGER PRIMARY KEY, report INTEGER NOT NULL REFERENCES report ON DELETE CASCADE, type TEXT NOT NULL, text TEXT NOT NULL,"
	" mx TEXT NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL, UNIQUE(report, type, text, mx));"
	"CREATE TABLE failure(policy INTEGER NOT NULL REFERENCES policy ON DELETE CASCADE, result TEXT NOT NULL, local TEXT NOT NULL, mx TEXT NOT NULL,"
	" helo TEXT NOT NULL, ip TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(policy, result, local, mx, helo, ip, reason)) WITHOUT ROWID;",
};

enum { BEGIN, COMMIT, ROLLBACK, OPEN_OF, OPEN_COUNT, OPEN_NEW, POLICY, POLICY_ID, POLICY_COUNT, FAILURE, FAILURE_COUNT, OVER, SEAL, DUE, NEXT, SET, RECEIVED_COUNT, RECEIVE,
	ROW, LIST, POLICIES, FAILURES, MAIN, TYPES, SWEEP, NSTMT };
#define COLUMNS "r.id, r.state, r.domain, r.organisation, r.contact, r.uid, r.start, r.finish, r.due, r.until, r.tries, r.words," \
	" (SELECT coalesce(sum(ok), 0) FROM policy WHERE report=r.id), (SELECT coalesce(sum(failed), 0) FROM policy WHERE report=r.id)"
static const char *const sql[NSTMT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[OPEN_OF] = "SELECT id FROM report WHERE domain=? AND state=0 AND finish>=?",
	[OPEN_COUNT] = "SELECT count(*) FROM report WHERE state=0",
	[OPEN_NEW] = "INSERT INTO report(state, domain, start, finish) VALUES(0, ?, max(?, coalesce((SELECT max(finish) + 1 FROM report WHERE domain=?1 AND state<5), 0)), ?)",
	[POLICY] = "INSERT INTO policy(report, type, text, mx, ok, failed) VALUES(?,?,?,?,?,?)"
		" ON CONFLICT(report, type, text, mx) DO UPDATE SET ok=ok+excluded.ok, failed=failed+excluded.failed",
	[POLICY_ID] = "SELECT id FROM policy WHERE report=? AND type=? AND text=? AND mx=?",
	[POLICY_COUNT] = "SELECT count(*) FROM policy WHERE report=?",
	[FAILURE] = "INSERT INTO failure(policy, result, local, mx, helo, ip, reason, n) VALUES(?,?,?,?,?,?,?,?)"
		" ON CONFLICT(policy, result, local, mx, helo, ip, reason) DO UPDATE SET n=n+excluded.n",
	[FAILURE_COUNT] = "SELECT count(*) FROM failure WHERE policy=?",
	[OVER] = "SELECT id, finish FROM report WHERE state=0 AND finish<? LIMIT 500",
	[SEAL] = "UPDATE report SET state=1, finish=?2, due=?3, until=?4, uid=?5 WHERE id=?1 AND state=0",
	[DUE] = "SELECT " COLUMNS " FROM report r WHERE state=1 AND due<=? AND id>? ORDER BY id LIMIT 1",
	[NEXT] = "SELECT coalesce(min(due), 0) FROM report WHERE state=1",
	[SET] = "UPDATE report SET state=?2, due=?3, words=?4, tries=tries+1 WHERE id=?1 AND state=1",
	[RECEIVED_COUNT] = "SELECT count(*) FROM report WHERE state=5",
	[RECEIVE] = "INSERT INTO report(state, domain, organisation, contact, submitter, uid, start, finish, due) VALUES(5,?,?,?,?,?,?,?,?)",
	[ROW] = "SELECT " COLUMNS " FROM report r WHERE id=?",
	[LIST] = "SELECT " COLUMNS " FROM report r WHERE (?1='' OR domain=?1) ORDER BY finish DESC, id DESC",
	[POLICIES] = "SELECT id, type, text, mx, ok, failed FROM policy WHERE report=? ORDER BY id",
	[FAILURES] = "SELECT result, local, mx, helo, ip, reason, n FROM failure WHERE policy=? ORDER BY n DESC, result LIMIT 5000",
	[MAIN] = "SELECT result, sum(n) FROM failure WHERE policy IN (SELECT id FROM policy WHERE report=?) GROUP BY result ORDER BY sum(n) DESC, result LIMIT 6",
	[TYPES] = "SELECT DISTINCT type FROM policy WHERE report=? ORDER BY type",
	[SWEEP] = "DELETE FROM report WHERE id IN (SELECT id FROM report WHERE state>1 AND finish<? LIMIT 1000)",
};
static sqlite3 *db;
static sqlite3_stmt *stmt[NSTMT];
static const struct conf *conf;

const char *report_state_name(enum report_state s)
{
	static const char *const name[] = { "counting", "waiting", "sent", "unwanted", "given up", "received" };

	return name[s];
}

static int prepare(void)
{
	int r = db_open(FILE_NAME, BUSY_MS, &db);
	size_t i;

	if (r == 0)
		r = db_migrate(db, schema, ARRAY_LEN(schema));
	for (i = 0; i < NSTMT && r == 0; i++)
		r = db_prepare(db, sql[i], &stmt[i]);
	return r;
}

int reports_open(const struct conf *c)
{
	int r;

	conf = c;
	r = prepare();
	if (r == E_DAMAGED) {
		trace_event(TRACE_ERROR, "tls-report-store", NULL, "the reports are damaged and put aside (" FILE_NAME ".damaged)");
		if (db)
			db_close(&db);
		r = file_rename(AT_FDCWD, FILE_NAME, FILE_NAME ".damaged");
		file_unlink(AT_FDCWD, FILE_NAME "-wal");
		file_unlink(AT_FDCWD, FILE_NAME "-shm");
		if (r == 0)
			r = prepare();
	}
	return r;
}

int reports_begin(void)
{
	return db_run(stmt[BEGIN]);
}

void reports_undo(void)
{
	db_run(stmt[ROLLBACK]);
}

int reports_commit(void)
{
	int r = db_run(stmt[COMMIT]);

	if (r < 0)
		reports_undo();
	return r;
}

/* The number in the first column of the one row; 0: none. */
static int64_t one(sqlite3_stmt *s)
{
	int64_t n = 0;

	if (db_step(s) == 1) {
		n = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return n;
}

static int64_t of_report(int which, int64_t id)
{
	db_bind_u64(stmt[which], 1, (uint64_t)id);
	return one(stmt[which]);
}

/* --- counting --------------------------------------------------------------------------------- */

static int64_t open_report(struct str domain, int64_t now)
{
	int64_t day = now - now % DAY, id;
	int r;

	db_bind_str(stmt[OPEN_OF], 1, domain);
	db_bind_u64(stmt[OPEN_OF], 2, (uint64_t)now);
	id = one(stmt[OPEN_OF]);
	if (id)
		return id;
	if (one(stmt[OPEN_COUNT]) >= conf->tlsrpt_domains)
		return E_FULL;
	db_bind_str(stmt[OPEN_NEW], 1, domain);
	db_bind_u64(stmt[OPEN_NEW], 2, (uint64_t)day);
	db_bind_u64(stmt[OPEN_NEW], 3, (uint64_t)day + DAY - 1);
	r = db_run(stmt[OPEN_NEW]);
	return r < 0 ? r : sqlite3_last_insert_rowid(db);
}

/* Its id, or negative. */
static int64_t add_policy(int64_t report, const struct tlsrpt_policy *p)
{
	sqlite3_stmt *s = stmt[POLICY];
	int r;

	db_bind_u64(s, 1, (uint64_t)report);
	db_bind_str(s, 2, p->type);
	db_bind_str(s, 3, p->text);
	db_bind_str(s, 4, p->mx);
	db_bind_u64(s, 5, p->ok);
	db_bind_u64(s, 6, p->failed);
	r = db_run(s);
	if (r < 0)
		return r;
	s = stmt[POLICY_ID];
	db_bind_u64(s, 1, (uint64_t)report);
	db_bind_str(s, 2, p->type);
	db_bind_str(s, 3, p->text);
	db_bind_str(s, 4, p->mx);
	return one(s);
}

static int add_failure(int64_t policy, const struct tlsrpt_failure *f)
{
	sqlite3_stmt *s = stmt[FAILURE];

	db_bind_u64(s, 1, (uint64_t)policy);
	db_bind_str(s, 2, f->result);
	db_bind_str(s, 3, f->local);
	db_bind_str(s, 4, f->mx);
	db_bind_str(s, 5, f->helo);
	db_bind_str(s, 6, f->ip);
	db_bind_str(s, 7, f->reason);
	db_bind_u64(s, 8, f->n);
	return db_run(s);
}

int reports_count(const struct report_count *c, int64_t now)
{
	bool good = !c->failure.result.n;
	struct tlsrpt_policy p = { .type = c->type, .text = c->text.n ? c->text : STR(""), .mx = c->mx.n ? c->mx : STR(""),
		.ok = good ? c->failure.n : 0, .failed = good ? 0 : c->failure.n };
	struct tlsrpt_failure f = c->failure;
	int64_t report = open_report(c->domain, now), policy;

	if (report < 0)
		return (int)report;
	/* a domain that changes its policy all the time: the rest under one without text */
	if (p.text.n && of_report(POLICY_COUNT, report) >= conf->tlsrpt_failures)
		p.text = p.mx = STR("");
	policy = add_policy(report, &p);
	if (policy <= 0 || good)
		return (int)MIN(policy, (int64_t)0);
	if (of_report(FAILURE_COUNT, policy) >= conf->tlsrpt_failures)
		f = (struct tlsrpt_failure){ .result = f.result, .local = STR(""), .mx = STR(""), .helo = STR(""), .ip = STR(""), .reason = STR(""), .n = f.n };
	return add_failure(policy, &f);
}

/* --- the end of a day ----------------------------------------------------------------------------- */

static int seal(int64_t id, int64_t finish, int64_t due, int64_t lifetime)
{
	char uid[UID + 1];

	rand_id(uid, UID);
	db_bind_u64(stmt[SEAL], 1, (uint64_t)id);
	db_bind_u64(stmt[SEAL], 2, (uint64_t)finish);
	db_bind_u64(stmt[SEAL], 3, (uint64_t)due);
	db_bind_u64(stmt[SEAL], 4, (uint64_t)(due + lifetime));
	db_bind_str(stmt[SEAL], 5, str_of(uid));
	return db_run(stmt[SEAL]);
}

int reports_seal(int64_t now, int64_t delay, int64_t lifetime)
{
	int64_t id[500], finish[500], due;
	size_t n = 0, i;
	int r = 0;

	db_bind_u64(stmt[OVER], 1, (uint64_t)now);
	while (n < ARRAY_LEN(id) && db_step(stmt[OVER]) == 1) {
		id[n] = (int64_t)db_u64(stmt[OVER], 0);
		finish[n++] = (int64_t)db_u64(stmt[OVER], 1);
	}
	db_reset(stmt[OVER]);
	for (i = 0; i < n && r == 0; i++) {
		due = finish[i] + 1 + (delay > 0 ? (int64_t)(rand_u64() % (uint64_t)delay) : 0);
		r = seal(id[i], finish[i], MAX(due, now), lifetime);
	}
	return r < 0 ? r : (int)n;
}

int64_t reports_seal_now(struct str domain, int64_t now, int64_t lifetime)
{
	int64_t id;
	int r;

	db_bind_str(stmt[OPEN_OF], 1, domain);
	db_bind_u64(stmt[OPEN_OF], 2, 0);
	id = one(stmt[OPEN_OF]);
	if (!id)
		return 0;
	r = seal(id, now, now, lifetime);
	return r < 0 ? r : id;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void read_row(sqlite3_stmt *s, struct arena *a, struct report_row *out)
{
	*out = (struct report_row){ .id = (int64_t)db_u64(s, 0), .state = (enum report_state)MIN(db_u64(s, 1), (uint64_t)REPORT_RECEIVED),
		.domain = db_str(s, 2, a), .organisation = db_str(s, 3, a), .contact = db_str(s, 4, a), .uid = db_str(s, 5, a),
		.start = (int64_t)db_u64(s, 6), .end = (int64_t)db_u64(s, 7), .due = (int64_t)db_u64(s, 8), .until = (int64_t)db_u64(s, 9),
		.tries = db_u64(s, 10), .words = db_str(s, 11, a), .ok = db_u64(s, 12), .failed = db_u64(s, 13) };
}

int reports_due(int64_t now, int64_t after, struct arena *a, struct report_row *out)
{
	sqlite3_stmt *s = stmt[DUE];
	int r;

	db_bind_u64(s, 1, (uint64_t)now);
	db_bind_u64(s, 2, (uint64_t)after);
	r = db_step(s);
	if (r == 1) {
		read_row(s, a, out);
		db_reset(s);
	}
	return r;
}

int64_t reports_next(void)
{
	return one(stmt[NEXT]);
}

int reports_set(int64_t id, enum report_state state, int64_t due, struct str words)
{
	sqlite3_stmt *s = stmt[SET];

	db_bind_u64(s, 1, (uint64_t)id);
	db_bind_u64(s, 2, state);
	db_bind_u64(s, 3, (uint64_t)due);
	db_bind_str(s, 4, words.p ? words : STR(""));
	return db_run(s);
}

static void load_failures(int64_t policy, struct arena *a, struct tlsrpt_policy *p)
{
	sqlite3_stmt *s = stmt[FAILURES];
	size_t cap = (size_t)MIN(of_report(FAILURE_COUNT, policy), (int64_t)TLSRPT_FAILURES);

	p->failure = arena_array(a, cap + 1, sizeof *p->failure);
	db_bind_u64(s, 1, (uint64_t)policy);
	while (p->nfailures < cap && db_step(s) == 1)
		p->failure[p->nfailures++] = (struct tlsrpt_failure){ .result = db_str(s, 0, a), .local = db_str(s, 1, a), .mx = db_str(s, 2, a),
			.helo = db_str(s, 3, a), .ip = db_str(s, 4, a), .reason = db_str(s, 5, a), .n = db_u64(s, 6) };
	db_reset(s);
}

int reports_load(int64_t id, struct arena *a, struct report_row *row_out, struct tlsrpt *out)
{
	sqlite3_stmt *s = stmt[ROW];
	int64_t *policy;
	size_t cap, i;

	db_bind_u64(s, 1, (uint64_t)id);
	if (db_step(s) != 1)
		return E_NOTFOUND;
	read_row(s, a, row_out);
	db_reset(s);
	*out = (struct tlsrpt){ .organisation = row_out->organisation, .contact = row_out->contact, .id = row_out->uid, .start = row_out->start, .end = row_out->end };
	cap = (size_t)of_report(POLICY_COUNT, id);
	out->policy = arena_array(a, cap + 1, sizeof *out->policy);
	policy = arena_array(a, cap + 1, sizeof *policy);
	s = stmt[POLICIES];
	db_bind_u64(s, 1, (uint64_t)id);
	while (out->npolicies < cap && db_step(s) == 1) {
		policy[out->npolicies] = (int64_t)db_u64(s, 0);
		out->policy[out->npolicies++] = (struct tlsrpt_policy){ .type = db_str(s, 1, a), .text = db_str(s, 2, a), .mx = db_str(s, 3, a),
			.domain = row_out->domain, .ok = db_u64(s, 4), .failed = db_u64(s, 5) };
	}
	db_reset(s);
	for (i = 0; i < out->npolicies; i++)
		load_failures(policy[i], a, &out->policy[i]);
	return 0;
}

void reports_each(struct str domain, bool (*fn)(void *arg, const struct report_row *r), void *arg)
{
	sqlite3_stmt *s = stmt[LIST];
	struct report_row row;
	struct arena a;
	bool more = true;

	arena_init(&a);
	db_bind_str(s, 1, domain.p ? domain : STR(""));
	while (more && db_step(s) == 1) {
		arena_reset(&a);
		read_row(s, &a, &row);
		more = fn(arg, &row);
	}
	db_reset(s);
	arena_done(&a);
}

void reports_failures(int64_t id, struct buf *out)
{
	sqlite3_stmt *s = stmt[MAIN];
	struct arena a;
	int n = 0;

	arena_init(&a);
	db_bind_u64(s, 1, (uint64_t)id);
	while (n < MAIN_FAILURES && db_step(s) == 1)
		buf_fmt(out, "%s%.*s (%llu)", n++ ? ", " : "", STRF(db_str(s, 0, &a)), (unsigned long long)db_u64(s, 1));
	db_reset(s);
	arena_done(&a);
}

void reports_types(int64_t id, struct buf *out)
{
	sqlite3_stmt *s = stmt[TYPES];
	struct arena a;

	arena_init(&a);
	db_bind_u64(s, 1, (uint64_t)id);
	while (db_step(s) == 1)
		buf_fmt(out, "%s%.*s", out->n ? ", " : "", STRF(db_str(s, 0, &a)));
	db_reset(s);
	arena_done(&a);
}

/* --- others' ------------------------------------------------------------------------------------------- */

static int insert_received(const struct tlsrpt *r, struct str domain, struct str submitter, int64_t now)
{
	sqlite3_stmt *s = stmt[RECEIVE];

	db_bind_str(s, 1, domain);
	db_bind_str(s, 2, r->organisation);
	db_bind_str(s, 3, r->contact);
	db_bind_str(s, 4, submitter);
	db_bind_str(s, 5, r->id);
	db_bind_u64(s, 6, (uint64_t)r->start);
	db_bind_u64(s, 7, (uint64_t)r->end);
	db_bind_u64(s, 8, (uint64_t)now);
	return db_run(s);
}

int reports_receive(const struct tlsrpt *r, struct str domain, struct str submitter, int64_t now)
{
	int64_t id, policy;
	size_t i, k;
	int err;

	if (one(stmt[RECEIVED_COUNT]) >= conf->tlsrpt_received)
		return E_FULL;
	err = insert_received(r, domain, submitter, now);
	id = sqlite3_last_insert_rowid(db);
	for (i = 0; i < r->npolicies && !err; i++) {
		policy = add_policy(id, &r->policy[i]);
		err = (int)MIN(policy, (int64_t)0);
		for (k = 0; k < r->policy[i].nfailures && !err; k++)
			err = add_failure(policy, &r->policy[i].failure[k]);
	}
	return err;
}

void reports_sweep(int64_t now)
{
	db_bind_u64(stmt[SWEEP], 1, (uint64_t)MAX(now - conf->tlsrpt_keep / 1000, (int64_t)0));
	db_run(stmt[SWEEP]);
}
