/* SPDX-License-Identifier: ISC
 *
 * warmup.c: what new source addresses sent today (conf/warmup.h), kept in queue.db for the sender, which decides by it
 * (smtp/send/source.c):
 *
 *   result warm=SOURCE PROVIDER DAY --> one more, in the transaction of the result
 *   a sender's link begins          --> it is told all of today
 *
 * So a count is never behind a result that is on the disk, and costs no sync of its own. What a sender had in hand
 * when it died is not counted.
 */
#include "smtp/queue/warmup.h"

#include "conf/warmup.h"
#include "smtp/queue/tasks.h"

#define DAY 86400
#define ROWS 500 /* of one message */

enum { COUNT, RANGE, FORGET, NSTMT };
_Static_assert((int)NSTMT <= (int)WARMUP_NSTMT, "WARMUP_NSTMT");

static const char *const sql[NSTMT] = {
	[COUNT] = "INSERT INTO warmup VALUES(?1,?2,?3,1) ON CONFLICT(source, provider) DO UPDATE SET"
		" n=CASE day WHEN ?3 THEN n+1 ELSE 1 END, day=?3",
	[RANGE] = "SELECT source, provider, n FROM warmup WHERE day=? AND (source, provider)>(?, ?) ORDER BY source, provider LIMIT ?",
	[FORGET] = "DELETE FROM warmup WHERE (source, provider) IN (SELECT source, provider FROM warmup WHERE day<? LIMIT ?)",
};

static sqlite3_stmt *use(struct queue *q, int i)
{
	return rows_use(&q->rows, sql[i], &q->warmup.stmt[i]);
}

void warmup_done(struct queue *q)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(q->warmup.stmt[i]);
	q->warmup = (struct warmup){ 0 };
}

void warmup_count(struct queue *q, struct str warm)
{
	struct str source = str_cut(&warm, ' '), provider = str_cut(&warm, ' ');
	sqlite3_stmt *s;
	uint64_t day;

	if (source.n == 0 || provider.n == 0 || str_u64(warm, INT64_MAX, &day) < 0 || !(s = use(q, COUNT)))
		return;
	db_bind_str(s, 1, source);
	db_bind_str(s, 2, provider);
	db_bind_u64(s, 3, day);
	rows_run(&q->rows, s);
}

struct count {
	struct str source, provider;
	uint64_t n;
};

/* Up to n of today above `after`, in order. */
static size_t range(struct queue *q, const struct count *after, struct count *out, size_t n)
{
	sqlite3_stmt *s = use(q, RANGE);
	struct arena *a = &q->turn.arena;
	size_t i = 0;

	if (!s)
		return 0;
	db_bind_u64(s, 1, (uint64_t)(clock_unix() / DAY));
	db_bind_str(s, 2, after->source.p ? after->source : STR(""));
	db_bind_str(s, 3, after->provider.p ? after->provider : STR(""));
	db_bind_u64(s, 4, n);
	for (; i < n && rows_step(&q->rows, s); i++)
		out[i] = (struct count){ db_str(s, 0, a), db_str(s, 1, a), db_u64(s, 2) };
	db_reset(s);
	return i;
}

/* False: its socket is full: another turn. */
static bool tell(struct queue *q, struct sender *s)
{
	struct count *v = arena_array(&q->turn.arena, ROWS, sizeof(*v)), after = { .n = 0 };
	struct ipc_msg m;
	size_t i, n;
	int r = 0;

	do {
		n = range(q, &after, v, ROWS);
		if (n == 0)
			break;
		after = v[n - 1];
		ipc_init(&m, "warmup");
		ipc_set_u64(&m, "day", (uint64_t)(clock_unix() / DAY));
		for (i = 0; i < n; i++)
			ipc_setc(&m, "row", arena_fmt(&m.arena, "%.*s %.*s %llu", STRF(v[i].source), STRF(v[i].provider),
				(unsigned long long)v[i].n));
		r = q->ops->job(s->who, &m);
		ipc_done(&m);
	} while (n == ROWS && r == 0);
	return r != -EAGAIN;
}

void warmup_tell(struct queue *q)
{
	size_t i;

	for (i = 0; i < QUEUE_SENDERS; i++) {
		struct sender *s = &q->sender[i];

		if (s->who && !s->told)
			s->told = q->conf->send_warmup.n == 0 || tell(q, s);
	}
}

size_t warmup_forget(struct queue *q, size_t n)
{
	sqlite3_stmt *s = use(q, FORGET);

	if (!s)
		return 0;
	db_bind_u64(s, 1, (uint64_t)(clock_unix() / DAY));
	db_bind_u64(s, 2, n);
	rows_run(&q->rows, s);
	return q->rows.err < 0 ? 0 : (size_t)sqlite3_changes(q->rows.db);
}

/* --- mansio warmup list ------------------------------------------------------------- */

static void row(struct task *t, struct str source, struct str provider, uint64_t sent, int64_t nth, uint64_t limit)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "source", source);
	ipc_set(&m, "provider", provider);
	ipc_set_u64(&m, "day", (uint64_t)nth + 1);
	ipc_set_u64(&m, "sent", sent);
	ipc_set_u64(&m, "limit", limit == WARMUP_NONE ? 0 : limit);
	task_result(t, &m);
	t->recipients++;
}

/* A line for each address of the settings, then one for each provider that got anything from it today. */
void warmup_list(struct queue *q, struct task *t)
{
	struct count *v = arena_array(&q->turn.arena, ROWS, sizeof(*v)), after = { .n = 0 };
	int64_t today = clock_unix() / DAY, first, nth = 0;
	uint64_t limit;
	struct addr a;
	size_t i, n;

	for (i = 0; i < q->conf->send_warmup.n; i++)
		if (warmup_parse(q->conf->send_warmup.v[i], &a, &first) == 0) {
			struct str rule = q->conf->send_warmup.v[i];

			limit = warmup_limit(q->conf, &a, today, &nth);
			row(t, str_cut(&rule, ' '), STR(""), 0, nth, limit);
		}
	do {
		n = range(q, &after, v, ROWS);
		for (i = 0; i < n; i++)
			if (addr_parse(v[i].source, &a) == 0 && (limit = warmup_limit(q->conf, &a, today, &nth)) != WARMUP_NONE)
				row(t, v[i].source, v[i].provider, v[i].n, nth, limit);
		if (n > 0)
			after = v[n - 1];
	} while (n == ROWS);
}
