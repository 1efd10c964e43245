/* SPDX-License-Identifier: ISC
 *
 * directory_token.c: the tables of API tokens and invitations (see directory_sql.h): what they hold is digests.
 */
#include "auth/directory_sql.h"

static void token_row(struct sql *s, struct arena *a, struct directory_token *out)
{
	out->id = sql_str(s, 0, a);
	out->label = sql_str(s, 1, a);
	out->digest = sql_str(s, 2, a);
	out->roles = sql_str(s, 3, a);
	out->created = sql_u64(s, 4);
	out->expires = sql_u64(s, 5);
	out->last = sql_u64(s, 6);
}

int directory_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOKEN, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, id);
	r = sql_one(s);
	if (r == 0) {
		token_row(s, a, out);
		sql_reset(s);
	}
	return r;
}

int directory_token_add(struct directory *d, const struct directory_token *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOKEN_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->id);
	sql_bind_str(s, 2, v->label);
	sql_bind_str(s, 3, v->digest);
	sql_bind_str(s, 4, v->roles);
	sql_bind_u64(s, 5, v->created);
	sql_bind_u64(s, 6, v->expires);
	return sql_change(s);
}

int directory_token_remove(struct directory *d, struct str id)
{
	return sql_remove(d, Q_TOKEN_REMOVE, id, STR_NONE);
}

int directory_token_used(struct directory *d, struct str id, uint64_t when)
{
	struct sql *s;
	int r = sql_begin(d, Q_TOKEN_USED, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, id);
	sql_bind_u64(s, 2, when);
	return sql_change(s);
}

int directory_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg)
{
	struct directory_token v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_TOKENS, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		token_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

int directory_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_INVITE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, id);
	r = sql_one(s);
	if (r == 0) {
		out->id = sql_str(s, 0, a);
		out->digest = sql_str(s, 1, a);
		out->account = sql_u64(s, 2);
		out->expires = sql_u64(s, 3);
		out->local = sql_str(s, 4, a);
		out->domain = sql_str(s, 5, a);
		sql_reset(s);
	}
	return r;
}

int directory_invite_put(struct directory *d, const struct directory_invite *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_INVITE_PUT, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, v->account);
	sql_bind_str(s, 2, v->id);
	sql_bind_str(s, 3, v->digest);
	sql_bind_u64(s, 4, v->expires);
	return sql_change(s);
}

int directory_invite_remove(struct directory *d, uint64_t account)
{
	struct sql *s;
	int r = sql_begin(d, Q_INVITE_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, account);
	return sql_change(s);
}
