/* SPDX-License-Identifier: ISC
 *
 * directory_totp.c: the table of second factors of the web page (see directory_sql.h, totp.h). What may be used once
 * is used up by one statement that says what must be there: of two logins at a time one finds it.
 */
#include "auth/directory_sql.h"

int directory_totp(struct directory *d, uint64_t account, struct arena *a, struct directory_totp *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	r = sql_one(s);
	if (r == 0) {
		out->secret = sql_str(s, 0, a);
		out->recovery = sql_str(s, 1, a);
		out->since = sql_u64(s, 2);
		out->step = sql_u64(s, 3);
		sql_reset(s);
	}
	return r;
}

int directory_totp_put(struct directory *d, uint64_t account, const struct directory_totp *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP_PUT, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, v->secret);
	sql_bind_u64(s, 3, v->since);
	sql_bind_u64(s, 4, v->step);
	return sql_change(s);
}

int directory_totp_try(struct directory *d, uint64_t account, uint64_t now, uint64_t over, uint64_t max)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP_TRY, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_u64(s, 2, now);
	sql_bind_u64(s, 3, over);
	sql_bind_u64(s, 4, max);
	return sql_change(s);
}

int directory_totp_remove(struct directory *d, uint64_t account)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	return sql_change(s);
}

int directory_totp_step(struct directory *d, uint64_t account, uint64_t step)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP_STEP, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_u64(s, 2, step);
	return sql_change(s);
}

int directory_totp_recover(struct directory *d, uint64_t account, struct str before, struct str after)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOTP_RECOVER, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, before);
	sql_bind_str(s, 3, after);
	return sql_change(s);
}
