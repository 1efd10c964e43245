/* SPDX-License-Identifier: ISC
 *
 * directory_security_key.c: the table of security keys (see directory_sql.h, webauthn.h). That a counter goes up is part of
 * the statement that writes it: of two logins at a time one finds it.
 */
#include "auth/directory_sql.h"

int directory_security_key_add(struct directory *d, uint64_t account, const struct directory_security_key *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_SECURITY_KEY_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, v->id);
	sql_bind_str(s, 3, v->label);
	sql_bind_str(s, 4, v->credential);
	sql_bind_str(s, 5, v->public);
	sql_bind_str(s, 6, v->algorithm);
	sql_bind_str(s, 7, v->rp_id);
	sql_bind_u64(s, 8, v->counter);
	sql_bind_u64(s, 9, v->created);
	return sql_change(s);
}

int directory_security_key_remove(struct directory *d, uint64_t account, struct str id)
{
	struct sql *s;
	int r = sql_begin(d, Q_SECURITY_KEY_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, id);
	return sql_change(s);
}

int directory_security_key_used(struct directory *d, uint64_t account, const struct directory_security_key *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_SECURITY_KEY_USED, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	sql_bind_str(s, 2, v->id);
	sql_bind_u64(s, 3, v->counter);
	sql_bind_u64(s, 4, v->last);
	sql_bind_str(s, 5, v->peer);
	return sql_change(s);
}

int directory_security_keys(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_security_key *v, void *arg), void *arg)
{
	struct directory_security_key v = { .id = STR("") };
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_SECURITY_KEYS, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		v.id = sql_str(s, 0, &a);
		v.label = sql_str(s, 1, &a);
		v.credential = sql_str(s, 2, &a);
		v.public = sql_str(s, 3, &a);
		v.algorithm = sql_str(s, 4, &a);
		v.rp_id = sql_str(s, 5, &a);
		v.counter = sql_u64(s, 6);
		v.created = sql_u64(s, 7);
		v.last = sql_u64(s, 8);
		v.peer = sql_str(s, 9, &a);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}
