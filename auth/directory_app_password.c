/* SPDX-License-Identifier: ISC
 *
 * directory_app_password.c: the table of app passwords (see directory_sql.h). A row belongs to an
 * account and goes with it; in the built-in database it may belong to an account that another back end
 * keeps, by the number that it has here.
 */
#include "auth/directory_sql.h"

static void row(struct sql *s, struct arena *a, struct directory_app_password *out)
{
	out->id = sql_str(s, 0, a);
	out->label = sql_str(s, 1, a);
	out->digest = sql_str(s, 2, a);
	out->protocols = sql_str(s, 3, a);
	out->created = sql_u64(s, 4);
	out->expires = sql_u64(s, 5);
	out->last = sql_u64(s, 6);
	out->peer = sql_str(s, 7, a);
	out->owner = sql_str(s, 8, a);
}

int directory_app_password(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
	struct directory_app_password *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_APP, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, v->id);
	sql_bind_str(s, 2, digest);
	r = sql_one(s);
	if (r == 0) {
		row(s, a, out);
		sql_reset(s);
	}
	return r;
}

int directory_app_password_add(struct directory *d, uint64_t account, const struct directory_app_password *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_APP_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, v->id);
	sql_bind_str(s, 3, v->label);
	sql_bind_str(s, 4, v->digest);
	sql_bind_str(s, 5, v->protocols);
	sql_bind_u64(s, 6, v->created);
	sql_bind_u64(s, 7, v->expires);
	sql_bind_str(s, 8, v->owner.p ? v->owner : STR(""));
	return sql_change(s);
}

int directory_app_password_remove(struct directory *d, uint64_t account, struct str id)
{
	struct sql *s;
	int r = sql_begin(d, Q_APP_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, id);
	return sql_change(s);
}

int directory_app_passwords_forget(struct directory *d, struct str owner)
{
	struct sql *s;
	int r = sql_begin(d, Q_APP_FORGET, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, owner);
	return sql_run(s);
}

int directory_app_password_used(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer)
{
	struct sql *s;
	int r = sql_begin(d, Q_APP_USED, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, id);
	sql_bind_u64(s, 3, when);
	sql_bind_str(s, 4, peer);
	return sql_change(s);
}

int directory_app_passwords(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_app_password *v, void *arg), void *arg)
{
	struct directory_app_password v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_APPS, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}
