/* SPDX-License-Identifier: ISC
 *
 * sent.c: see sent.h.
 */
#include "smtp/queue/sent.h"

#include "base/sha256.h"

enum { ADD, FIND, EXPIRE, NSTMT };
_Static_assert((int)NSTMT <= (int)SENT_NSTMT, "SENT_NSTMT");

static const char *const sql[NSTMT] = {
	[ADD] = "INSERT OR REPLACE INTO sent VALUES(?,?,?,?,?)",
	[FIND] = "SELECT until, message, sender, recipient FROM sent WHERE key=?",
	[EXPIRE] = "DELETE FROM sent WHERE key IN (SELECT key FROM sent WHERE until<=? LIMIT ?)",
};

void sent_done(struct sent *s)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(s->stmt[i]);
	*s = (struct sent){ 0 };
}

static sqlite3_stmt *use(struct sent *s, struct rows *r, int i)
{
	return rows_use(r, sql[i], &s->stmt[i]);
}

/* Addresses are the same in any case of letters. */
static uint64_t key_of(char kind, struct str first, struct str second)
{
	unsigned char sum[SHA256_SIZE];
	struct sha256 h;
	uint64_t key = 0;
	size_t i;
	char c;

	sha256_init(&h);
	sha256_add(&h, &kind, 1);
	sha256_add(&h, first.p, first.n);
	sha256_add(&h, "", 1);
	for (i = 0; i < second.n; i++) {
		c = ascii_lower(second.p[i]);
		sha256_add(&h, &c, 1);
	}
	sha256_end(&h, sum);
	for (i = 0; i < 8; i++)
		key = key << 8 | sum[i];
	return key >> 1; /* a rowid has a sign */
}

static void add(struct sent *s, struct rows *r, uint64_t key, const struct sent_row *x, int64_t until)
{
	sqlite3_stmt *q = use(s, r, ADD);

	if (!q)
		return;
	db_bind_u64(q, 1, key);
	db_bind_u64(q, 2, (uint64_t)MAX(until, (int64_t)0));
	db_bind_str(q, 3, x->message);
	db_bind_str(q, 4, x->sender);
	db_bind_str(q, 5, x->recipient);
	rows_run(r, q);
}

static bool find(struct sent *s, struct rows *r, uint64_t key, struct arena *a, struct sent_row *out)
{
	sqlite3_stmt *q = use(s, r, FIND);
	int64_t until;

	if (!q)
		return false;
	db_bind_u64(q, 1, key);
	if (!rows_step(r, q))
		return false;
	until = (int64_t)db_u64(q, 0);
	*out = (struct sent_row){ .message = db_str(q, 1, a), .sender = db_str(q, 2, a), .recipient = db_str(q, 3, a) };
	db_reset(q);
	return until > clock_unix();
}

void sent_add(struct sent *s, struct rows *r, const struct sent_row *x, int64_t until)
{
	add(s, r, key_of('m', x->message, x->recipient), x, until);
}

bool sent_find(struct sent *s, struct rows *r, struct str message, struct str recipient, struct arena *a, struct sent_row *out)
{
	return find(s, r, key_of('m', message, recipient), a, out);
}

void sent_add_verp(struct sent *s, struct rows *r, struct str address, const struct sent_row *x, int64_t until)
{
	add(s, r, key_of('v', STR(""), address), x, until);
}

bool sent_find_verp(struct sent *s, struct rows *r, struct str address, struct arena *a, struct sent_row *out)
{
	return find(s, r, key_of('v', STR(""), address), a, out);
}

size_t sent_expire(struct sent *s, struct rows *r, size_t n)
{
	sqlite3_stmt *q = use(s, r, EXPIRE);

	if (!q)
		return 0;
	db_bind_u64(q, 1, (uint64_t)clock_unix());
	db_bind_u64(q, 2, n);
	rows_run(r, q);
	return r->err < 0 ? 0 : (size_t)sqlite3_changes(r->db);
}
