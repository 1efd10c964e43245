/* SPDX-License-Identifier: ISC
 *
 * suppress.c: see suppress.h.
 */
#include "smtp/queue/suppress.h"

#include <time.h>
#include <unistd.h>

#include "mail/address.h"

#define REASON_MAX 400 /* bytes of what was said */

enum { ADD, REMOVE, FIND, SENDERS, EXPIRE, RANGE, ALL, NSTMT };
_Static_assert((int)NSTMT <= (int)SUPPRESS_NSTMT, "SUPPRESS_NSTMT");

static const char *const sql[NSTMT] = {
	[ADD] = "INSERT OR REPLACE INTO suppression VALUES(?,?,?,?,?,?)",
	[REMOVE] = "DELETE FROM suppression WHERE address=? AND sender=?",
	[FIND] = "SELECT until, reply, class FROM suppression WHERE address=? AND sender IN ('', ?) ORDER BY until DESC LIMIT 1",
	[SENDERS] = "SELECT sender FROM suppression WHERE address=? ORDER BY sender LIMIT ?",
	[EXPIRE] = "DELETE FROM suppression WHERE (address, sender) IN"
		" (SELECT address, sender FROM suppression WHERE until<=? LIMIT ?)",
	[RANGE] = "SELECT address, sender, until, since, class, reply FROM suppression WHERE (address, sender)>(?, ?)"
		" ORDER BY address, sender LIMIT ?",
	[ALL] = "SELECT address FROM suppression",
};

static sqlite3_stmt *use(struct suppress *s, struct rows *r, int i)
{
	return rows_use(r, sql[i], &s->stmt[i]);
}

/* A domain, or an address, as it is compared: lower case, the domain in A-labels. */
static struct str key(struct arena *a, struct str v)
{
	size_t at = (size_t)(str_rfind(v, '@') + 1), i;
	struct str domain = str_from(v, at);
	char *p;

	if (!str_is_ascii(domain) && domain_normal(domain, a, &domain) == 0)
		p = arena_fmt(a, "%.*s%.*s", STRF(str_sub(v, 0, at)), STRF(domain));
	else
		p = arena_cstr(a, v);
	for (i = 0; p[i]; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, i);
}

/* All that is on the list; above SUPPRESSFILTER_MANY it is asked about each address. */
static void fill(struct suppress *s, struct rows *r)
{
	sqlite3_stmt *q = use(s, r, ALL);
	struct arena a;
	size_t n = 0;

	arena_init(&a);
	while (q && rows_step(r, q)) {
		s->any = true;
		if (s->filter && ++n > SUPPRESSFILTER_MANY)
			suppressfilter_all(s->filter);
		if (!s->filter || n > SUPPRESSFILTER_MANY)
			break;
		suppressfilter_add(s->filter, db_str(q, 0, &a));
		arena_reset(&a);
	}
	if (q)
		db_reset(q);
	arena_done(&a);
	if (r->err < 0) { /* not all was seen: each may be there */
		s->any = true;
		if (s->filter)
			suppressfilter_all(s->filter);
	}
}

void suppress_init(struct suppress *s, struct rows *r)
{
	*s = (struct suppress){ .filter_fd = -1 };
	s->filter = suppressfilter_new(&s->filter_fd);
	fill(s, r);
}

void suppress_done(struct suppress *s)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(s->stmt[i]);
	suppressfilter_close(s->filter);
	if (s->filter)
		close(s->filter_fd);
	*s = (struct suppress){ .filter_fd = -1 };
}

void suppress_add(struct suppress *s, struct rows *r, const struct suppress_row *x)
{
	sqlite3_stmt *q = use(s, r, ADD);
	struct str address;
	struct arena a;

	if (!q)
		return;
	arena_init(&a);
	address = key(&a, x->address);
	if (s->filter)
		suppressfilter_add(s->filter, address);
	db_bind_str(q, 1, address);
	db_bind_str(q, 2, key(&a, x->sender));
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
	sqlite3_stmt *q = use(s, r, REMOVE);
	struct arena a;

	if (!q)
		return false;
	arena_init(&a);
	db_bind_str(q, 1, key(&a, address));
	db_bind_str(q, 2, key(&a, sender));
	rows_run(r, q);
	arena_done(&a);
	return r->err >= 0 && sqlite3_changes(r->db) > 0;
}

static struct str reason(enum bounce_class class, struct str reply, struct arena *a)
{
	reply = str_sub(reply, 0, REASON_MAX);
	if (class == BOUNCE_INVALID)
		return str_of(arena_fmt(a, "the server of its domain said that there is no such mailbox (%.*s)", STRF(reply)));
	if (class == BOUNCE_NONE && reply.n)
		return str_of(arena_fmt(a, "the administrator of this server wants it so (%.*s)", STRF(reply)));
	return reply.n ? arena_str(a, reply) : STR("the administrator of this server wants it so");
}

bool suppress_find(struct suppress *s, struct rows *r, struct str address, struct str sender, struct arena *a,
	struct suppressed *out)
{
	ssize_t at = str_rfind(sender, '@');
	enum bounce_class class;
	struct str reply, why;
	sqlite3_stmt *q;
	struct tm tm;
	char day[32];
	time_t until;

	if (!s->any || !(q = use(s, r, FIND)))
		return false;
	db_bind_str(q, 1, key(a, address));
	db_bind_str(q, 2, at >= 0 ? key(a, str_from(sender, (size_t)at + 1)) : STR(""));
	if (!rows_step(r, q))
		return false;
	until = (time_t)db_u64(q, 0);
	reply = db_str(q, 1, a);
	class = (enum bounce_class)db_u64(q, 2);
	db_reset(q);
	if (until <= (time_t)clock_unix() || !gmtime_r(&until, &tm))
		return false;
	strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm);
	why = reason(class, reply, a);
	out->status = class == BOUNCE_INVALID ? STR("5.1.1") : STR("5.7.1");
	out->words = str_of(arena_fmt(a, "mail to this address is stopped on this server until %s: %.*s", day, STRF(why)));
	return true;
}

size_t suppress_senders(struct suppress *s, struct rows *r, struct str address, struct arena *a, struct str *out, size_t n)
{
	sqlite3_stmt *q = use(s, r, SENDERS);
	size_t i = 0;

	if (!q)
		return 0;
	db_bind_str(q, 1, key(a, address));
	db_bind_u64(q, 2, n);
	while (i < n && rows_step(r, q))
		out[i++] = db_str(q, 0, a);
	db_reset(q);
	return i;
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
