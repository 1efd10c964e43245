/* SPDX-License-Identifier: ISC
 *
 * directory_sql.c: accounts, and what belongs to them, in an SQL database (see directory_sql.h).
 *
 * Invariants, which every schema keeps: an account or alias belongs to a domain row (foreign
 * key), so a domain with either cannot be removed; an account's number is never given again; one
 * address is either an account or an alias (the verbs see to it, one at a time).
 */
#include "auth/directory_sql.h"

#include "base/clock.h"

int sql_begin(struct directory *d, enum sql_statement q, struct sql **out)
{
	struct sql *s = &((struct sql_directory *)d)->stmt[q];
	int r = s->o->driver->begin(s);

	if (r == 0)
		*out = s;
	return r;
}

void sql_bind_str(struct sql *s, int at, struct str v)
{
	s->o->driver->bind_str(s, at, v);
}

void sql_bind_u64(struct sql *s, int at, uint64_t v)
{
	s->o->driver->bind_u64(s, at, v);
}

void sql_bind_bytes(struct sql *s, int at, struct str v)
{
	s->o->driver->bind_bytes(s, at, v);
}

int sql_step(struct sql *s)
{
	return s->o->driver->step(s);
}

int sql_run(struct sql *s)
{
	return s->o->driver->run(s);
}

uint64_t sql_changes(struct sql *s)
{
	return s->o->driver->changes(s);
}

void sql_reset(struct sql *s)
{
	s->o->driver->reset(s);
}

struct str sql_str(struct sql *s, int col, struct arena *a)
{
	return s->o->driver->str(s, col, a);
}

uint64_t sql_u64(struct sql *s, int col)
{
	return s->o->driver->u64(s, col);
}

struct str sql_bytes(struct sql *s, int col)
{
	return s->o->driver->bytes(s, col);
}

int sql_one(struct sql *s)
{
	int r = sql_step(s);

	return r == 0 ? E_NOTFOUND : MIN(r, 0);
}

int sql_change(struct sql *s)
{
	int r = sql_run(s);

	return r == 0 && sql_changes(s) == 0 ? E_NOTFOUND : r;
}

int sql_transaction(struct directory *d, enum sql_transaction t)
{
	struct sql_directory *o = (struct sql_directory *)d;

	return o->driver->transaction(o, t);
}

static void domain_row(struct sql *s, struct arena *a, struct directory_domain *out)
{
	out->name = sql_str(s, 0, a);
	out->active = sql_u64(s, 1) != 0;
	out->catchall = sql_str(s, 2, a);
	out->accounts = sql_u64(s, 3);
	out->aliases = sql_u64(s, 4);
	out->backup = sql_u64(s, 5) != 0;
}

void sql_account(struct sql *s, struct arena *a, struct directory_account *out)
{
	out->id = sql_u64(s, 0);
	out->local = sql_str(s, 1, a);
	out->domain = sql_str(s, 2, a);
	out->name = sql_str(s, 3, a);
	out->hash = sql_str(s, 4, a);
	out->scram = sql_str(s, 5, a);
	out->quota_bytes = sql_u64(s, 6);
	out->quota_messages = sql_u64(s, 7);
	out->active = sql_u64(s, 8) != 0;
	out->roles = sql_str(s, 9, a);
	out->domain_active = sql_u64(s, 10) != 0;
	out->forward = sql_str(s, 11, a);
	out->forward_keep = sql_u64(s, 12) != 0;
	out->main_web = sql_u64(s, 13) != 0;
	out->expires = sql_u64(s, 14);
	out->left = sql_u64(s, 15);
	out->refuse_from = sql_u64(s, 16);
	out->refuse_text = sql_str(s, 17, a);
	out->shared = sql_u64(s, 18) != 0;
	out->unlisted = sql_u64(s, 19) != 0;
	out->backend = s->o->d.name;
	out->key = str_of(arena_fmt(a, "%llu", (unsigned long long)out->id));
	out->home_local = out->home_domain = STR("");
}

static void alias_row(struct sql *s, struct arena *a, struct directory_alias *out)
{
	out->address = sql_str(s, 0, a);
	out->targets = sql_str(s, 1, a);
	out->unlisted = sql_u64(s, 2) != 0;
}

static int get_domain(struct directory *d, struct str name, struct arena *a,
	struct directory_domain *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_DOMAIN, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, name);
	r = sql_one(s);
	if (r == 0) {
		domain_row(s, a, out);
		sql_reset(s);
	}
	return r;
}

static int get_domain_size(struct directory *d, struct str name, uint64_t *accounts_out, uint64_t *aliases_out)
{
	struct sql *s;
	int r = sql_begin(d, Q_DOMAIN_SIZE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, name);
	r = sql_one(s);
	if (r == 0) {
		*accounts_out = sql_u64(s, 0);
		*aliases_out = sql_u64(s, 1);
		sql_reset(s);
	}
	return r;
}

static int get_account(struct directory *d, struct str local, struct str domain, struct arena *a,
	struct directory_account *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_ACCOUNT, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, local);
	sql_bind_str(s, 2, domain);
	r = sql_one(s);
	if (r == 0) {
		sql_account(s, a, out);
		sql_reset(s);
	}
	return r;
}

static int get_alias(struct directory *d, struct str address, struct arena *a,
	struct directory_alias *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_ALIAS, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, address);
	r = sql_one(s);
	if (r == 0) {
		alias_row(s, a, out);
		sql_reset(s);
	}
	return r;
}

static int get_keeper(struct directory *d, struct str domain, struct arena *a,
	struct directory_account *out)
{
	struct sql *s;
	int r = sql_begin(d, Q_KEEPER, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, domain);
	r = sql_one(s);
	if (r == 0) {
		sql_account(s, a, out);
		sql_reset(s);
	}
	return r;
}

static int get_scram_complete(struct directory *d, struct str mech, bool *any_out, bool *complete_out)
{
	struct sql *s;
	int r = sql_begin(d, Q_SCRAM, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, mech);
	r = sql_one(s);
	if (r < 0)
		return r;
	*any_out = sql_u64(s, 0) > 0;
	*complete_out = sql_u64(s, 1) == 0;
	sql_reset(s);
	return 0;
}

static int get_secret(struct directory *d, unsigned char out[DIRECTORY_SECRET])
{
	struct str value;
	struct sql *s;
	int r = sql_begin(d, Q_SECRET, &s);

	if (r == 0)
		r = sql_one(s);
	if (r < 0)
		return r;
	value = sql_bytes(s, 0);
	if (value.n == DIRECTORY_SECRET)
		memcpy(out, value.p, DIRECTORY_SECRET);
	else
		r = E_DAMAGED;
	sql_reset(s);
	return r;
}

static int put_credentials(struct directory *d, uint64_t id, struct str before, struct str hash, struct str scram)
{
	struct sql *s;
	int r = sql_begin(d, Q_CREDENTIALS, &s);

	if (r < 0)
		return r;
	sql_bind_u64(s, 1, id);
	sql_bind_str(s, 2, hash);
	sql_bind_str(s, 3, scram);
	sql_bind_str(s, 4, before);
	return sql_change(s);
}

static int put_domain(struct directory *d, const struct directory_domain *v, bool is_new)
{
	struct sql *s;
	int r = sql_begin(d, is_new ? Q_DOMAIN_ADD : Q_DOMAIN_CHANGE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->name);
	sql_bind_u64(s, 2, v->active);
	sql_bind_str(s, 3, v->catchall);
	sql_bind_u64(s, 4, v->backup);
	if (is_new)
		sql_bind_u64(s, 5, (uint64_t)clock_unix());
	return sql_change(s);
}

static int put_account(struct directory *d, const struct directory_account *v, bool is_new)
{
	struct sql *s;
	int r = sql_begin(d, is_new ? Q_ACCOUNT_ADD : Q_ACCOUNT_CHANGE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->local);
	sql_bind_str(s, 2, v->domain);
	sql_bind_str(s, 3, v->name);
	sql_bind_str(s, 4, v->hash);
	sql_bind_str(s, 5, v->scram);
	sql_bind_u64(s, 6, v->quota_bytes);
	sql_bind_u64(s, 7, v->quota_messages);
	sql_bind_u64(s, 8, v->active);
	sql_bind_str(s, 9, v->roles);
	sql_bind_str(s, 10, v->forward.p ? v->forward : STR(""));
	sql_bind_u64(s, 11, v->forward_keep || v->forward.n == 0);
	sql_bind_u64(s, 12, v->main_web);
	sql_bind_u64(s, 13, v->expires);
	sql_bind_u64(s, 14, v->left);
	sql_bind_u64(s, 15, v->refuse_from);
	sql_bind_str(s, 16, v->refuse_text.p ? v->refuse_text : STR(""));
	sql_bind_u64(s, 17, v->shared);
	sql_bind_u64(s, 18, v->unlisted);
	if (is_new)
		sql_bind_u64(s, 19, (uint64_t)clock_unix());
	return sql_change(s);
}

static int put_alias(struct directory *d, const struct directory_alias *v, struct str domain,
	bool is_new)
{
	struct sql *s;
	int r = sql_begin(d, is_new ? Q_ALIAS_ADD : Q_ALIAS_CHANGE, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, v->address);
	sql_bind_str(s, 2, domain);
	sql_bind_str(s, 3, v->targets);
	sql_bind_u64(s, 4, v->unlisted);
	if (is_new)
		sql_bind_u64(s, 5, (uint64_t)clock_unix());
	return sql_change(s);
}

/* DELETE with one or two names. A foreign key that holds it: E_EXISTS. */
int sql_remove(struct directory *d, enum sql_statement q, struct str first, struct str second)
{
	struct sql *s;
	int r = sql_begin(d, q, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, first);
	if (second.p)
		sql_bind_str(s, 2, second);
	r = sql_run(s);
	if (r == 0)
		return sql_changes(s) == 0 ? E_NOTFOUND : 0;
	return r == E_NOTFOUND ? E_EXISTS : r;
}

static int remove_domain(struct directory *d, struct str name)
{
	return sql_remove(d, Q_DOMAIN_REMOVE, name, STR_NONE);
}

static int remove_account(struct directory *d, struct str local, struct str domain)
{
	return sql_remove(d, Q_ACCOUNT_REMOVE, local, domain);
}

static int remove_alias(struct directory *d, struct str address)
{
	return sql_remove(d, Q_ALIAS_REMOVE, address, STR_NONE);
}

static int list_domains(struct directory *d,
	bool (*fn)(const struct directory_domain *v, void *arg), void *arg)
{
	struct directory_domain v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_DOMAINS, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		domain_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static int list_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg)
{
	struct directory_account v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_ACCOUNTS, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, domain);
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		sql_account(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static int list_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	struct directory_alias v;
	struct arena a;
	struct sql *s;
	bool more = true;
	int r = sql_begin(d, Q_ALIASES, &s);

	if (r < 0)
		return r;
	sql_bind_str(s, 1, domain);
	arena_init(&a);
	while (more && (r = sql_step(s)) == 1) {
		alias_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	sql_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static const struct directory_ops common = {
	.domain = get_domain,
	.domain_size = get_domain_size,
	.account = get_account,
	.alias = get_alias,
	.keeper = get_keeper,
	.scram_complete = get_scram_complete,
	.secret = get_secret,
	.credentials = put_credentials,
	.domain_put = put_domain,
	.domain_remove = remove_domain,
	.account_put = put_account,
	.account_remove = remove_account,
	.alias_put = put_alias,
	.alias_remove = remove_alias,
	.domains = list_domains,
	.accounts = list_accounts,
	.aliases = list_aliases,
	.token = directory_token,
	.token_add = directory_token_add,
	.token_remove = directory_token_remove,
	.token_used = directory_token_used,
	.tokens = directory_tokens,
	.invite = directory_invite,
	.invite_put = directory_invite_put,
	.invite_remove = directory_invite_remove,
	.route = directory_route,
	.route_put = directory_route_put,
	.route_remove = directory_route_remove,
	.routes = directory_routes,
	.rule = directory_rule,
	.rule_kinds = directory_rule_kinds,
	.rule_add = directory_rule_add,
	.rule_remove = directory_rule_remove,
	.rules = directory_rules,
	.delegations = directory_delegations,
	.delegation_add = directory_delegation_add,
	.delegation_remove = directory_delegation_remove,
	.delegation_forget = directory_delegation_forget,
	.setting = directory_setting,
	.setting_put = directory_setting_put,
	.app_password = directory_app_password,
	.app_password_add = directory_app_password_add,
	.app_password_remove = directory_app_password_remove,
	.app_passwords_forget = directory_app_passwords_forget,
	.app_password_used = directory_app_password_used,
	.app_passwords = directory_app_passwords,
	.totp = directory_totp,
	.totp_put = directory_totp_put,
	.totp_remove = directory_totp_remove,
	.totp_try = directory_totp_try,
	.totp_step = directory_totp_step,
	.totp_recover = directory_totp_recover,
	.shared_secret = directory_shared_secret,
	.shared_secret_put = directory_shared_secret_put,
	.shared_secret_remove = directory_shared_secret_remove,
	.shared_secret_any = directory_shared_secret_any,
	.security_key_add = directory_security_key_add,
	.security_key_remove = directory_security_key_remove,
	.security_key_used = directory_security_key_used,
	.security_keys = directory_security_keys,
};

void sql_init(struct sql_directory *o, const struct sql_driver *driver, struct directory_ops *ops)
{
	size_t i;

	*ops = common;
	o->d.ops = ops;
	o->d.sql = true;
	o->driver = driver;
	for (i = 0; i < Q_MAX; i++)
		o->stmt[i] = (struct sql){ .o = o, .q = (enum sql_statement)i };
}
