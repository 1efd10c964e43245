/* SPDX-License-Identifier: ISC
 *
 * suppress.c: see suppress.h.
 */
#include "smtp/queue/suppress.h"

#include <time.h>

enum { ADD, REMOVE, REMOVE_ONE, FIND, EXPIRE, RANGE, ANY, NSTMT };
_Static_assert((int)NSTMT <= (int)SUPPRESS_NSTMT, "SUPPRESS_NSTMT");

static const char *const sql[NSTMT] = {
	[ADD] = "INSERT OR REPLACE INTO suppression VALUES(?,?,?,?,?,?)",
	[REMOVE] = "DELETE FROM suppression WHERE address=?",
	[REMOVE_ONE] = "DELETE FROM suppression WHERE address=? AND sender=?",
	[FIND] = "SELECT until, reply FROM suppression WHERE address=? AND sender IN ('', ?) ORDER BY until DESC LIMIT 1",
	[EXPIRE] = "DELETE FROM suppression WHERE (address, sender) IN"
		" (SELECT address, sender FROM suppression WHERE until<=? LIMIT ?)",
	[RANGE] = "SELECT address, sender, until, since, class, reply FROM suppression WHERE (address, sender)>(?, ?)"
		" ORDER BY address, sender LIMIT ?",
	[ANY] = "SELECT 1 FROM suppression LIMIT 1",
};

static sqlite3_stmt *use(struct suppress *s, struct rows *r, int i)
{
	return rows_use(r, sql[i], &s->stmt[i]);
}

static struct str lower(struct arena *a, struct str v)
{
	char *p = arena_cstr(a, v);
	size_t i;

	for (i = 0; i < v.n; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, v.n);
}

void suppress_init(struct suppress *s, struct rows *r)
{
	sqlite3_stmt *q;

	*s = (struct suppress){ 0 };
	q = use(s, r, ANY);
	if (q && rows_step(r, q)) {
		s->any = true;
		db_reset(q);
	}
}

void suppress_done(struct suppress *s)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(s->stmt[i]);
	*s = (struct suppress){ 0 };
}

void suppress_add(struct suppress *s, struct rows *r, const struct suppress_row *x)
{
	sqlite3_stmt *q = use(s, r, ADD);
	struct arena a;

	if (!q)
		return;
	arena_init(&a);
	db_bind_str(q, 1, lower(&a, x->address));
	db_bind_str(q, 2, lower(&a, x->sender));
	db_bind_u64(q, 3, (uint64_t)MAX(x->until, (int64_t)0));
	db_bind_u64(q, 4, (uint64_t)MAX(clock_unix(), (int64_t)0));
	db_bind_u64(q, 5, (uint64_t)x->class);
	db_bind_str(q, 6, x->reply.p ? x->reply : STR(""));
	rows_run(r, q);
	arena_done(&a);
	s->any = true;
}

bool suppress_remove(struct suppress *s, struct rows *r, struct str address, struct str sender)
{
	sqlite3_stmt *q = use(s, r, sender.p ? REMOVE_ONE : REMOVE);
	struct arena a;

	if (!q)
		return false;
	arena_init(&a);
	db_bind_str(q, 1, lower(&a, address));
	if (sender.p)
		db_bind_str(q, 2, lower(&a, sender));
	rows_run(r, q);
	arena_done(&a);
	return r->err >= 0 && sqlite3_changes(r->db) > 0;
}

bool suppress_find(struct suppress *s, struct rows *r, struct str address, struct str sender, struct arena *a,
	struct str *why_out)
{
	ssize_t at = str_rfind(sender, '@');
	sqlite3_stmt *q;
	struct str reply;
	struct tm tm;
	char day[32];
	time_t until;

	if (!s->any || !(q = use(s, r, FIND)))
		return false;
	db_bind_str(q, 1, lower(a, address));
	db_bind_str(q, 2, at >= 0 ? lower(a, str_from(sender, (size_t)at + 1)) : STR(""));
	if (!rows_step(r, q))
		return false;
	until = (time_t)db_u64(q, 0);
	reply = db_str(q, 1, a);
	db_reset(q);
	if (until <= (time_t)clock_unix() || !gmtime_r(&until, &tm))
		return false;
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm);
	*why_out = str_of(arena_fmt(a, "nothing is sent to this address until %s, because of: %.*s; an administrator may"
		" lift this before (mansio suppression remove %.*s)", day, STRF(str_sub(reply, 0, 500)), STRF(address)));
	return true;
}

size_t suppress_expire(struct suppress *s, struct rows *r, size_t n)
{
	sqlite3_stmt *q;

	if (!s->any || !(q = use(s, r, EXPIRE)))
		return 0;
	db_bind_u64(q, 1, (uint64_t)clock_unix());
	db_bind_u64(q, 2, n);
	rows_run(r, q);
	return r->err < 0 ? 0 : (size_t)sqlite3_changes(r->db);
}

size_t suppress_range(struct suppress *s, struct rows *r, const struct suppress_row *after, struct arena *a,
	struct suppress_row *out, size_t n)
{
	sqlite3_stmt *q = use(s, r, RANGE);
	size_t i = 0;

	if (!q)
		return 0;
	db_bind_str(q, 1, after->address.p ? after->address : STR(""));
	db_bind_str(q, 2, after->sender.p ? after->sender : STR(""));
	db_bind_u64(q, 3, n);
	for (; i < n && rows_step(r, q); i++)
		out[i] = (struct suppress_row){ .address = db_str(q, 0, a), .sender = db_str(q, 1, a),
			.until = (int64_t)db_u64(q, 2), .since = (int64_t)db_u64(q, 3),
			.class = (enum bounce_class)db_u64(q, 4), .reply = db_str(q, 5, a) };
	db_reset(q);
	return i;
}
