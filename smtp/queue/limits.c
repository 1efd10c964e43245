/* SPDX-License-Identifier: ISC
 *
 * limits.c: see limits.h: what becomes of each recipient of a message, and what is written of it.
 *
 *   look   reads the account's row and, for each recipient outside, whether it is known; counts in a copy of the windows
 *   take   writes the windows, if one moved, and who is new
 *
 * A message to people that the account knows, under no limit but that of new recipients, reads two rows and writes none.
 */
#include "smtp/queue/limits.h"

#include "base/sha256.h"
#include "smtp/queue/tasks.h"
#include "trace/trace.h"

#define SEEN_STEP (7 * 86400) /* a row says when an address was written to last, up to this */
#define FORGET_STEP 3600
#define LIST_SLICE 200
#define LIST_KEPT 100000 /* are counted */

enum { SECRET, READ, WRITE, KNOWN, LEARN, REFRESH, OLDEST, KEPT, LIST, OLD, FORGET, FORGET_KNOWN, NSTMT };
_Static_assert((int)NSTMT <= (int)LIMITS_NSTMT, "LIMITS_NSTMT");
_Static_assert(SENDING_KINDS == 5, "the columns of account");

#define COLUMNS "id, name, seen, known, start0, n0, start1, n1, start2, n2, start3, n3, start4, n4"
#define FIRST_WINDOW 4

static const char *const sql[NSTMT] = {
	[SECRET] = "SELECT value FROM meta WHERE name IN ('known_a', 'known_b') ORDER BY name",
	[READ] = "SELECT " COLUMNS " FROM account WHERE id=?",
	[WRITE] = "INSERT OR REPLACE INTO account(" COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[KNOWN] = "SELECT seen FROM known WHERE account=? AND key=?",
	[LEARN] = "INSERT OR IGNORE INTO known VALUES(?,?,?)",
	[REFRESH] = "UPDATE known SET seen=?3 WHERE account=?1 AND key=?2",
	[OLDEST] = "DELETE FROM known WHERE account=?1 AND key IN (SELECT key FROM known WHERE account=?1 ORDER BY seen LIMIT ?2)",
	[KEPT] = "SELECT count(*) FROM (SELECT 1 FROM recipient WHERE state IN (2,7) AND stream=? LIMIT ?)",
	[LIST] = "SELECT " COLUMNS " FROM account WHERE id>? ORDER BY id LIMIT ?",
	[OLD] = "SELECT id FROM account WHERE seen<? LIMIT 1",
	[FORGET] = "DELETE FROM account WHERE id=?",
	[FORGET_KNOWN] = "DELETE FROM known WHERE account=?",
};

static sqlite3_stmt *use(struct queue *q, int i)
{
	return rows_use(&q->rows, sql[i], &q->limits.stmt[i]);
}

void limits_done(struct queue *q)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(q->limits.stmt[i]);
	q->limits = (struct limits){ 0 };
}

/* --- windows ------------------------------------------------------------------------ */

void limits_window_pass(struct limits_window *w, uint64_t limit, int64_t length, int64_t now)
{
	int64_t passed;

	if (w->start > now)
		w->start = now; /* the clock was set back */
	passed = (now - w->start) / length;
	if (passed > 0) {
		w->n -= (uint64_t)passed >= w->n || (uint64_t)passed * limit >= w->n ? w->n : (uint64_t)passed * limit;
		w->start += passed * length;
	}
	if (w->n == 0)
		w->start = now; /* it begins with the first that it counts */
}

/* Those above the limit fill the windows that follow, one after the other. */
int64_t limits_window_take(struct limits_window *w, uint64_t limit, int64_t length, int64_t now)
{
	uint64_t later;

	limits_window_pass(w, limit, length, now);
	later = w->n++ / limit;
	return later ? w->start + (int64_t)MIN(later, (uint64_t)10000) * length : 0;
}

/* --- digests ------------------------------------------------------------------------ */

/* A number for (account, address), which tells nobody without the database who that is; address empty: the account's own. */
static uint64_t digest(struct queue *q, struct str account, struct str address)
{
	unsigned char sum[SHA256_SIZE];
	struct sha256 h;
	uint64_t key = 0;
	size_t i;
	char c;

	sha256_init(&h);
	sha256_add(&h, q->limits.secret, sizeof(q->limits.secret));
	for (i = 0; i < account.n; i++) {
		c = ascii_lower(account.p[i]);
		sha256_add(&h, &c, 1);
	}
	sha256_add(&h, "", 1);
	for (i = 0; i < address.n; i++) {
		c = ascii_lower(address.p[i]);
		sha256_add(&h, &c, 1);
	}
	sha256_end(&h, sum);
	for (i = 0; i < 8; i++)
		key = key << 8 | sum[i];
	return key >> 1; /* SQLite's integers have a sign */
}

static bool secret(struct queue *q)
{
	struct limits *l = &q->limits;
	sqlite3_stmt *s;
	int i;

	if (l->secret[0])
		return true;
	if (!(s = use(q, SECRET)))
		return false;
	for (i = 0; i < 2 && rows_step(&q->rows, s); i++)
		l->secret[i] = db_u64(s, 0);
	db_reset(s);
	return q->rows.err >= 0;
}

uint32_t limits_stream(struct str who)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	size_t i;

	for (i = 0; i < who.n; i++)
		h = (h ^ (unsigned char)ascii_lower(who.p[i])) * 16777619u;
	return h & 0x7fffffff;
}

/* --- the account's row ---------------------------------------------------------------- */

static void read_windows(sqlite3_stmt *s, struct limits_look *x)
{
	int i;

	x->seen = (int64_t)db_u64(s, 2);
	x->known = db_u64(s, 3);
	for (i = 0; i < SENDING_KINDS; i++)
		x->window[i] = (struct limits_window){ (int64_t)db_u64(s, FIRST_WINDOW + 2 * i), db_u64(s, FIRST_WINDOW + 2 * i + 1) };
}

static struct limits_look *look_new(struct queue *q, struct str account)
{
	struct limits_look *x = arena_array(&q->turn.arena, 1, sizeof(*x));
	sqlite3_stmt *s;

	x->account = account;
	sending_of(q->conf, account, &x->limit);
	if (!secret(q) || !(s = use(q, READ)))
		return NULL;
	x->id = digest(q, account, STR(""));
	db_bind_u64(s, 1, x->id);
	if (rows_step(&q->rows, s)) {
		read_windows(s, x);
		db_reset(s);
	}
	return x;
}

static void write_row(struct queue *q, struct limits_look *x)
{
	sqlite3_stmt *s = use(q, WRITE);
	int i;

	if (!s)
		return;
	db_bind_u64(s, 1, x->id);
	db_bind_str(s, 2, x->account);
	db_bind_u64(s, 3, (uint64_t)MAX(clock_unix(), (int64_t)1));
	db_bind_u64(s, 4, x->known);
	for (i = 0; i < SENDING_KINDS; i++) {
		db_bind_u64(s, FIRST_WINDOW + 2 * i + 1, (uint64_t)MAX(x->window[i].start, (int64_t)0));
		db_bind_u64(s, FIRST_WINDOW + 2 * i + 2, x->window[i].n);
	}
	rows_run(&q->rows, s);
	q->turn.changed = true;
}

/* Recipients of the account's that are held or throttled, up to `most`. */
static uint64_t kept(struct queue *q, struct str account, int64_t most)
{
	sqlite3_stmt *s = use(q, KEPT);
	uint64_t n = 0;

	if (!s)
		return 0;
	db_bind_u64(s, 1, limits_stream(account));
	db_bind_u64(s, 2, (uint64_t)MAX(most, INT64_C(1)));
	if (rows_step(&q->rows, s))
		n = db_u64(s, 0);
	db_reset(s);
	return n;
}

/* --- known recipients ------------------------------------------------------------------ */

static void look_known(struct queue *q, struct limits_look *x, struct limits_rcpt *r, struct str address)
{
	sqlite3_stmt *s = use(q, KNOWN);

	if (!s)
		return;
	r->key = digest(q, x->account, address);
	db_bind_u64(s, 1, x->id);
	db_bind_u64(s, 2, r->key);
	r->fresh = !rows_step(&q->rows, s);
	if (!r->fresh) {
		r->refresh = (int64_t)db_u64(s, 0) + SEEN_STEP < clock_unix();
		db_reset(s);
	}
}

/* account, key, and a third number. */
static size_t with_key(struct queue *q, int stmt, uint64_t account, uint64_t key, uint64_t third)
{
	sqlite3_stmt *s = use(q, stmt);

	if (!s)
		return 0;
	db_bind_u64(s, 1, account);
	db_bind_u64(s, 2, key);
	db_bind_u64(s, 3, third);
	rows_run(&q->rows, s);
	return q->rows.err < 0 ? 0 : (size_t)sqlite3_changes(q->rows.db);
}

/* The oldest go, a tenth at once: that reads all of the account's. */
static void bound(struct queue *q, struct limits_look *x)
{
	uint64_t most = (uint64_t)q->conf->send_account_known, n;
	sqlite3_stmt *s;

	if (x->known <= most || !(s = use(q, OLDEST)))
		return;
	n = x->known - most + most / 10;
	db_bind_u64(s, 1, x->id);
	db_bind_u64(s, 2, n);
	rows_run(&q->rows, s);
	x->known -= q->rows.err < 0 ? 0 : MIN(x->known, (uint64_t)sqlite3_changes(q->rows.db));
}

static void learn(struct queue *q, struct limits_look *x, uint64_t key)
{
	x->known += with_key(q, LEARN, x->id, key, (uint64_t)MAX(clock_unix(), (int64_t)0));
	x->changed = true;
}

/* --- a message --------------------------------------------------------------------------- */

static bool is_limited(const struct limits_look *x, enum sending_kind kind)
{
	return x->limit.n[kind] > 0;
}

/* One more of this kind: verdict and next are raised if it does not go now. */
static void take(struct queue *q, struct limits_look *x, enum sending_kind kind, bool hold, enum limits_verdict *verdict, int64_t *next)
{
	int64_t now = clock_unix(), length = sending_seconds(kind), at;
	struct limits_window *w = &x->window[kind];

	if (!is_limited(x, kind))
		return;
	limits_window_pass(w, x->limit.n[kind], length, now);
	if (hold && w->n >= x->limit.n[kind]) {
		*verdict = LIMITS_HOLD;
	} else {
		x->changed = true;
		at = limits_window_take(w, x->limit.n[kind], length, now);
		if (at && *verdict == LIMITS_GO)
			*verdict = LIMITS_WAIT;
		*next = MAX(*next, at);
	}
	if (*verdict != LIMITS_GO && !x->why.n)
		x->why = str_of(arena_fmt(&q->turn.arena, "kept by the limit of its account: %llu %s", (unsigned long long)x->limit.n[kind],
			kind == SENDING_NEW_DAY ? "new recipients a day" : kind == SENDING_MESSAGES_HOUR ? "messages an hour" :
			kind == SENDING_MESSAGES_DAY ? "messages a day" : kind == SENDING_RECIPIENTS_HOUR ? "recipients an hour" : "recipients a day"));
}

/* Who is new, and which of them are too many. True: some go. */
static bool look_new_ones(struct queue *q, const struct envelope *e, struct limits_look *x)
{
	int64_t next = 0;
	bool any = false;
	size_t i;

	for (i = 0; i < e->nrcpt; i++) {
		struct limits_rcpt *r = &x->rcpt[i];

		r->counts = !e->rcpt[i].local && !e->rcpt[i].code && !(q->rows.rebuild && held_before(q, e->id, e->rcpt[i].number));
		if (r->counts && is_limited(x, SENDING_NEW_DAY))
			look_known(q, x, r, e->rcpt[i].address);
		if (r->fresh)
			take(q, x, SENDING_NEW_DAY, true, &r->verdict, &next);
		any |= r->counts && r->verdict == LIMITS_GO;
	}
	return any;
}

/* The other limits: of the message once, of each recipient that goes. */
static void look_amounts(struct queue *q, const struct envelope *e, struct limits_look *x)
{
	bool hold = q->conf->send_account_over == CONF_ACCOUNT_OVER_HOLD;
	enum limits_verdict all = LIMITS_GO;
	int64_t next = 0;
	size_t i;

	take(q, x, SENDING_MESSAGES_HOUR, hold, &all, &next);
	take(q, x, SENDING_MESSAGES_DAY, hold, &all, &next);
	for (i = 0; i < e->nrcpt; i++) {
		struct limits_rcpt *r = &x->rcpt[i];

		if (!r->counts || r->verdict != LIMITS_GO)
			continue;
		r->verdict = all;
		r->next = next;
		if (all != LIMITS_HOLD)
			take(q, x, SENDING_RECIPIENTS_HOUR, hold, &r->verdict, &r->next);
		if (r->verdict != LIMITS_HOLD)
			take(q, x, SENDING_RECIPIENTS_DAY, hold, &r->verdict, &r->next);
	}
}

struct limits_look *limits_look(struct queue *q, const struct envelope *e)
{
	struct limits_look *x;
	size_t i;

	if (str_rfind(e->user, '@') < 0 || e->forward || e->report || e->hold || q->conf->send_hold_all)
		return NULL;
	for (i = 0; i < e->nrcpt && e->rcpt[i].local; i++)
		;
	if (i == e->nrcpt || !(x = look_new(q, e->user)))
		return NULL;
	for (i = 0; i < SENDING_KINDS && !x->limit.n[i]; i++)
		;
	if (i == SENDING_KINDS)
		return NULL;
	x->rcpt = arena_array(&q->turn.arena, e->nrcpt, sizeof(*x->rcpt));
	if (look_new_ones(q, e, x))
		look_amounts(q, e, x);
	for (i = 0; i < e->nrcpt; i++) {
		x->held += x->rcpt[i].verdict == LIMITS_HOLD;
		x->waiting += x->rcpt[i].verdict == LIMITS_WAIT;
	}
	if (x->held + x->waiting > 0)
		x->kept = kept(q, x->account, q->conf->send_account_held);
	return x;
}

bool limits_full(const struct queue *q, const struct limits_look *x)
{
	return x && x->held + x->waiting > 0 && q->conf->send_account_held > 0 && x->kept >= (uint64_t)q->conf->send_account_held;
}

/* The message's own event; and the first of what is kept of an account is an event for the administrator. */
static void tell(const struct envelope *e, const struct limits_look *x)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "limited");
	trace_str(&t, "s", e->session);
	trace_str(&t, "m", e->id);
	trace_str(&t, "user", str_sub(x->account, 0, TRACE_TEXT));
	trace_u64(&t, "held", x->held);
	trace_u64(&t, "waiting", x->waiting);
	trace_str(&t, "why", x->why);
	trace_end(&t);
	if (x->kept > 0)
		return;
	trace_begin(&t, TRACE_WARN, "account-limited");
	trace_str(&t, "user", str_sub(x->account, 0, TRACE_TEXT));
	trace_str(&t, "why", x->why);
	trace_end(&t);
}

void limits_take(struct queue *q, const struct envelope *e, struct limits_look *x)
{
	size_t i;

	for (i = 0; i < e->nrcpt; i++) {
		struct limits_rcpt *r = &x->rcpt[i];

		if (r->fresh && r->verdict != LIMITS_HOLD)
			learn(q, x, r->key);
		else if (r->refresh)
			with_key(q, REFRESH, x->id, r->key, (uint64_t)MAX(clock_unix(), (int64_t)0));
	}
	bound(q, x);
	if (x->changed || x->seen + SEEN_STEP < clock_unix())
		write_row(q, x);
	if (x->held + x->waiting > 0)
		tell(e, x);
}

void limits_learn(struct queue *q, const struct envelope *e, struct str recipient)
{
	struct limits_look *x;

	if (str_rfind(e->user, '@') < 0 || e->forward || !(x = look_new(q, e->user)) || !is_limited(x, SENDING_NEW_DAY))
		return;
	learn(q, x, digest(q, x->account, recipient));
	bound(q, x);
	write_row(q, x);
}

/* --- accounts that send no more -------------------------------------------------------------- */

static void forget(struct queue *q, uint64_t id)
{
	static const int both[] = { FORGET_KNOWN, FORGET };
	sqlite3_stmt *s;
	size_t i;

	for (i = 0; i < ARRAY_LEN(both) && (s = use(q, both[i])) != NULL; i++) {
		db_bind_u64(s, 1, id);
		rows_run(&q->rows, s);
	}
}

size_t limits_forget(struct queue *q, size_t n)
{
	int64_t now = clock_unix();
	sqlite3_stmt *s;
	uint64_t id;
	size_t i;

	if (q->limits.forget > now && q->limits.forget <= now + FORGET_STEP)
		return 0;
	for (i = 0; i < n && (s = use(q, OLD)) != NULL; i++) {
		db_bind_u64(s, 1, (uint64_t)MAX(now - q->conf->send_account_keep / 1000, (int64_t)0));
		if (!rows_step(&q->rows, s))
			break;
		id = db_u64(s, 0);
		db_reset(s);
		forget(q, id);
	}
	if (i < n)
		q->limits.forget = now + FORGET_STEP;
	return i;
}

/* --- mansio limit ------------------------------------------------------------------------------ */

/* A line for each limit that counts for the account. */
static void rows_of(struct task *t, struct limits_look *x)
{
	int64_t now = clock_unix();
	struct ipc_msg m;
	int i;

	for (i = 0; i < SENDING_KINDS; i++) {
		struct limits_window *w = &x->window[i];

		if (!is_limited(x, (enum sending_kind)i))
			continue;
		limits_window_pass(w, x->limit.n[i], sending_seconds((enum sending_kind)i), now);
		ipc_init(&m, "result");
		ipc_set(&m, "account", x->account);
		ipc_setc(&m, "counts", sending_name((enum sending_kind)i));
		ipc_set_u64(&m, "sent", w->n);
		ipc_set_u64(&m, "limit", x->limit.n[i]);
		ipc_set_u64(&m, "left", w->n ? (uint64_t)MAX(w->start + sending_seconds((enum sending_kind)i) - now, (int64_t)0) : 0);
		ipc_set_u64(&m, "known", x->known);
		ipc_set_u64(&m, "kept", x->kept);
		task_result(t, &m);
		t->recipients++;
	}
}

static bool full(struct task *t)
{
	t->cut = t->limit > 0 && t->recipients >= t->limit;
	return t->cut;
}

bool limits_list(struct queue *q, struct task *t)
{
	struct limits_look *x;
	sqlite3_stmt *s;
	size_t n = 0;

	if (t->filter.sender.p) {
		if ((x = look_new(q, t->filter.sender)) != NULL) {
			x->kept = kept(q, x->account, LIST_KEPT);
			rows_of(t, x);
		}
		return false;
	}
	while (n < LIST_SLICE && !full(t) && (s = use(q, LIST)) != NULL) {
		x = arena_array(&q->turn.arena, 1, sizeof(*x));
		db_bind_u64(s, 1, (uint64_t)t->after);
		db_bind_u64(s, 2, 1);
		if (!rows_step(&q->rows, s))
			return false;
		t->after = (int64_t)db_u64(s, 0);
		x->account = db_str(s, 1, &q->turn.arena);
		read_windows(s, x);
		db_reset(s);
		sending_of(q->conf, x->account, &x->limit);
		x->kept = kept(q, x->account, LIST_KEPT);
		rows_of(t, x);
		n++;
	}
	return n == LIST_SLICE;
}

void limits_reset(struct queue *q, struct task *t)
{
	struct limits_look *x = look_new(q, t->filter.sender);
	struct trace e;
	int i;

	if (!x || !x->seen) {
		t->none = "this account has sent nothing that is counted";
		return;
	}
	for (i = 0; i < SENDING_KINDS; i++)
		x->window[i] = (struct limits_window){ 0 };
	write_row(q, x);
	t->messages++;
	trace_begin(&e, TRACE_INFO, "limit-reset");
	trace_str(&e, "user", str_sub(x->account, 0, TRACE_TEXT));
	trace_s(&e, "by", "admin");
	trace_end(&e);
}
