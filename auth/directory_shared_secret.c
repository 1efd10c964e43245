/* SPDX-License-Identifier: ISC
 *
 * directory_shared_secret.c: the table of shared secrets (see directory_sql.h, shared_secret.h): what it holds is sealed.
 */
#include "auth/directory_sql.h"

int directory_shared_secret(struct directory *d, const struct directory_account *v, struct arena *a,
	struct directory_shared_secret *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_SHARED_SECRET, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, v->id);
	r = sql_one(s);
	if (r == 0) {
		out->sealed = sql_str(s, 0, a);
		out->since = sql_u64(s, 1);
		sql_reset(s);
	}
	return r;
}

int directory_shared_secret_put(struct directory *d, uint64_t account, const struct directory_shared_secret *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_SHARED_SECRET_PUT, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, v->sealed);
	sql_bind_u64(s, 3, v->since);
	return sql_change(s);
}

int directory_shared_secret_remove(struct directory *d, uint64_t account)
{
	struct sql *s;
	int r = sql_begin(d, Q_SHARED_SECRET_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	return sql_change(s);
}

int directory_shared_secret_any(struct directory *d, bool *any_out)
{
	struct sql *s;
	int r = sql_begin(d, Q_SHARED_SECRET_ANY, &s);

	if (r < 0)
		return r;
	r = sql_one(s);
	if (r == 0) {
		*any_out = sql_u64(s, 0) > 0;
		sql_reset(s);
	}
	return r;
}
