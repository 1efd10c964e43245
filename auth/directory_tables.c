/* SPDX-License-Identifier: ISC
 *
 * directory_tables.c: the tables of the mail's way (see directory_sql.h). They name domains and addresses of others, so
 * no row of them belongs to an account or a domain of ours.
 */
#include "auth/directory_sql.h"

#include "base/clock.h"

/* --- routes */

static void route_row(struct sql *s, struct arena *a, struct directory_route *out)
{
	out->to = sql_str(s, 0, a);
	out->from = sql_str(s, 1, a);
	out->host = sql_str(s, 2, a);
	out->port = sql_u64(s, 3);
	out->tls = sql_str(s, 4, a);
	out->start = sql_str(s, 5, a);
	out->user = sql_str(s, 6, a);
	out->secret = sql_str(s, 7, a);
	out->mech = sql_str(s, 8, a);
	out->source = sql_str(s, 9, a);
	out->comment = sql_str(s, 10, a);
}

int directory_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_ROUTE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, to);
	sql_bind_str(s, 2, from);
	r = sql_one(s);
	if (r == 0) {
		route_row(s, a, out);
		sql_reset(s);
	}
	return r;
}

int directory_route_put(struct directory *d, const struct directory_route *v, bool is_new)
{
	struct sql *s;
	int r = sql_begin(d, is_new ? Q_ROUTE_ADD : Q_ROUTE_CHANGE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->to);
	sql_bind_str(s, 2, v->from);
	sql_bind_str(s, 3, v->host);
	sql_bind_u64(s, 4, v->port);
	sql_bind_str(s, 5, v->tls);
	sql_bind_str(s, 6, v->start);
	sql_bind_str(s, 7, v->user);
	sql_bind_str(s, 8, v->secret);
	sql_bind_str(s, 9, v->mech);
	sql_bind_str(s, 10, v->source);
	sql_bind_str(s, 11, v->comment);
	if (is_new)
		sql_bind_u64(s, 12, (uint64_t)clock_unix());
	return sql_change(s);
}

int directory_route_remove(struct directory *d, struct str to, struct str from)
{
	struct sql *s;
	int r = sql_begin(d, Q_ROUTE_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, to);
	sql_bind_str(s, 2, from);
	return sql_change(s);
}

int directory_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg)
{
	struct directory_route v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_ROUTES, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		route_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

/* --- rules: access, rewriting */

static void rule_row(struct sql *s, struct arena *a, struct directory_rule *out)
{
	out->kind = sql_str(s, 0, a);
	out->who = sql_str(s, 1, a);
	out->action = sql_str(s, 2, a);
	out->text = sql_str(s, 3, a);
	out->comment = sql_str(s, 4, a);
}

int directory_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_RULE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, kind);
	sql_bind_str(s, 2, who);
	r = sql_one(s);
	if (r == 0) {
		rule_row(s, a, out);
		sql_reset(s);
	}
	return r;
}

int directory_rule_kinds(struct directory *d, unsigned *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_RULE_KINDS, &s);

	if (r < 0)
		return r;
	r = sql_one(s);
	if (r == 0) {
		*out = (unsigned)sql_u64(s, 0);
		sql_reset(s);
	}
	return r;
}

int directory_rule_add(struct directory *d, const struct directory_rule *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_RULE_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->kind);
	sql_bind_str(s, 2, v->who);
	sql_bind_str(s, 3, v->action);
	sql_bind_str(s, 4, v->text);
	sql_bind_str(s, 5, v->comment);
	sql_bind_u64(s, 6, (uint64_t)clock_unix());
	return sql_change(s);
}

int directory_rule_remove(struct directory *d, struct str kind, struct str who)
{
	struct sql *s;
	int r = sql_begin(d, Q_RULE_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, kind);
	sql_bind_str(s, 2, who);
	return sql_change(s);
}

int directory_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg)
{
	struct directory_rule v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_RULES, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		rule_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

/* --- settings: bytes under a name */

int directory_setting(struct directory *d, struct str name, struct buf *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_SETTING, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, name);
	r = sql_one(s);
	if (r < 0)
		return r;
	buf_str(out, sql_bytes(s, 0));
	sql_reset(s);
	return out->err;
}

int directory_setting_put(struct directory *d, struct str name, struct str value, bool replace)
{
	struct sql *s;
	int r = sql_begin(d, replace ? Q_SETTING_PUT : Q_SETTING_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, name);
	sql_bind_bytes(s, 2, value);
	return sql_run(s);
}

/* --- delegations */

int directory_delegations(struct directory *d, struct str address, struct str who,
	bool (*fn)(const struct directory_delegation *v, void *arg), void *arg)
{
	struct directory_delegation v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_DELEGATIONS, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, address);
	sql_bind_str(s, 2, who);
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		v.kind = sql_str(s, 0, &a);
		v.address = sql_str(s, 1, &a);
		v.who = sql_str(s, 2, &a);
		v.created = sql_u64(s, 3);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

int directory_delegation_add(struct directory *d, const struct directory_delegation *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_DELEGATION_ADD, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->kind);
	sql_bind_str(s, 2, v->address);
	sql_bind_str(s, 3, v->who);
	sql_bind_u64(s, 4, (uint64_t)clock_unix());
	return sql_change(s);
}

int directory_delegation_remove(struct directory *d, const struct directory_delegation *v)
{
	struct sql *s;
	int r = sql_begin(d, Q_DELEGATION_REMOVE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->kind);
	sql_bind_str(s, 2, v->address);
	sql_bind_str(s, 3, v->who);
	return sql_change(s);
}

int directory_delegation_forget(struct directory *d, struct str name)
{
	struct sql *s;
	int r = sql_begin(d, Q_DELEGATION_FORGET, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, name);
	return sql_run(s);
}
