/* SPDX-License-Identifier: ISC
 *
 * directory_sqlite.c: the built-in directory, `directory.db`.
 *
 * Each worker has a connection of its own; SQLite's WAL lets them read while
 * one writes. Statements are prepared when first used and kept. What a name
 * may be is decided before (address_normal); here it is a bound value.
 *
 * Invariants: an account or alias belongs to a domain row (foreign key), so a
 * domain with either cannot be removed; an account's number is never given
 * again, nor that of an account of another back end (DIRECTORY_NEXT_ID); one address is either an account or an alias (the
 * verbs see to it, under one writer's lock).
 */
#include "auth/directory_sqlite.h"

#include "base/clock.h"

#define BUSY_MS 5000

static const char *const schema[] = {
	"CREATE TABLE domain("
	" name TEXT NOT NULL PRIMARY KEY,"
	" active INTEGER NOT NULL,"
	" catchall TEXT NOT NULL,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE account("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" local TEXT NOT NULL,"
	" domain TEXT NOT NULL REFERENCES domain(name),"
	" name TEXT NOT NULL,"
	" hash TEXT NOT NULL,"
	" scram TEXT NOT NULL,"
	" quota_bytes INTEGER NOT NULL,"
	" quota_messages INTEGER NOT NULL,"
	" active INTEGER NOT NULL,"
	" roles TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" UNIQUE(domain, local)) STRICT;"
	"CREATE TABLE alias("
	" address TEXT NOT NULL PRIMARY KEY,"
	" domain TEXT NOT NULL REFERENCES domain(name),"
	" targets TEXT NOT NULL,"
	" created INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX alias_domain ON alias(domain);"
	"CREATE TABLE setting("
	" name TEXT NOT NULL PRIMARY KEY,"
	" value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"INSERT INTO setting VALUES('secret', randomblob(32));",
	/* 2: forwards of accounts, tokens of the API, invitations */
	"ALTER TABLE account ADD COLUMN forward TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE account ADD COLUMN forward_keep INTEGER NOT NULL DEFAULT 1;"
	"CREATE TABLE token("
	" id TEXT NOT NULL PRIMARY KEY,"
	" label TEXT NOT NULL,"
	" digest TEXT NOT NULL,"
	" roles TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" expires INTEGER NOT NULL,"
	" last INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE invite("
	" account INTEGER NOT NULL PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,"
	" id TEXT NOT NULL UNIQUE,"
	" digest TEXT NOT NULL,"
	" expires INTEGER NOT NULL) STRICT;",
	/* 3: routes */
	"CREATE TABLE route("
	" rcpt_domain TEXT NOT NULL,"
	" sender_domain TEXT NOT NULL,"
	" host TEXT NOT NULL,"
	" port INTEGER NOT NULL,"
	" tls TEXT NOT NULL,"
	" start TEXT NOT NULL,"
	" user TEXT NOT NULL,"
	" secret TEXT NOT NULL,"
	" mech TEXT NOT NULL,"
	" source TEXT NOT NULL,"
	" comment TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY(rcpt_domain, sender_domain)) STRICT, WITHOUT ROWID;",
	/* 4: access and rewriting */
	"CREATE TABLE rule("
	" kind TEXT NOT NULL,"
	" who TEXT NOT NULL,"
	" action TEXT NOT NULL,"
	" text TEXT NOT NULL,"
	" comment TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY(kind, who)) STRICT, WITHOUT ROWID;",
	/* 5: domains that we are backup for */
	"ALTER TABLE domain ADD COLUMN backup INTEGER NOT NULL DEFAULT 0;",
	/* 6: accounts of other back ends (directory_identity.c) */
	"CREATE TABLE identity("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" backend TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" local TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" home_local TEXT NOT NULL,"
	" home_domain TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" UNIQUE(backend, key)) STRICT;"
	"CREATE INDEX identity_home ON identity(home_domain, home_local);",
};

#define ACCOUNT_COLUMNS                                                                  \
	"a.id, a.local, a.domain, a.name, a.hash, a.scram, a.quota_bytes, a.quota_messages," \
	" a.active, a.roles, d.active, a.forward, a.forward_keep"                          \
	" FROM account a JOIN domain d ON d.name = a.domain "
#define DOMAIN_COLUMNS                                                                   \
	"name, active, catchall,"                                                            \
	" (SELECT count(*) FROM account WHERE domain = d.name),"                             \
	" (SELECT count(*) FROM alias WHERE domain = d.name), backup FROM domain d "

enum statement {
	Q_DOMAIN, Q_ACCOUNT, Q_ALIAS, Q_KEEPER, Q_SCRAM, Q_SECRET, Q_CREDENTIALS,
	Q_DOMAIN_ADD, Q_DOMAIN_CHANGE, Q_DOMAIN_REMOVE,
	Q_ACCOUNT_ADD, Q_ACCOUNT_CHANGE, Q_ACCOUNT_REMOVE,
	Q_ALIAS_ADD, Q_ALIAS_CHANGE, Q_ALIAS_REMOVE,
	Q_DOMAINS, Q_ACCOUNTS, Q_ALIASES,
	Q_TOKEN, Q_TOKEN_ADD, Q_TOKEN_REMOVE, Q_TOKEN_USED, Q_TOKENS,
	Q_INVITE, Q_INVITE_PUT, Q_INVITE_REMOVE, Q_MAX
};

static const char *const sql[Q_MAX] = {
	[Q_DOMAIN] = "SELECT " DOMAIN_COLUMNS "WHERE name = ?1",
	[Q_ACCOUNT] = "SELECT " ACCOUNT_COLUMNS "WHERE a.domain = ?2 AND a.local = ?1",
	[Q_ALIAS] = "SELECT address, targets FROM alias WHERE address = ?1",
	[Q_KEEPER] = "SELECT " ACCOUNT_COLUMNS "WHERE a.domain = ?1"
		" ORDER BY instr(',' || a.roles || ',', ',admin,') = 0, a.id LIMIT 1",
	[Q_SCRAM] = "SELECT count(*), coalesce(sum(instr(scram, ?1) = 0), 0) FROM account"
		" WHERE active AND hash <> ''", /* who was only invited yet cannot log in anyway */
	[Q_SECRET] = "SELECT value FROM setting WHERE name = 'secret'",
	[Q_CREDENTIALS] = "UPDATE account SET hash = ?2, scram = ?3 WHERE id = ?1",
	[Q_DOMAIN_ADD] = "INSERT INTO domain(name, active, catchall, backup, created) VALUES(?1, ?2, ?3, ?4, ?5)",
	[Q_DOMAIN_CHANGE] = "UPDATE domain SET active = ?2, catchall = ?3, backup = ?4 WHERE name = ?1",
	[Q_DOMAIN_REMOVE] = "DELETE FROM domain WHERE name = ?1",
	[Q_ACCOUNT_ADD] = "INSERT INTO account(id, local, domain, name, hash, scram, quota_bytes,"
		" quota_messages, active, roles, forward, forward_keep, created)"
		" VALUES(" DIRECTORY_NEXT_ID ", ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[Q_ACCOUNT_CHANGE] = "UPDATE account SET name = ?3, hash = ?4, scram = ?5, quota_bytes = ?6,"
		" quota_messages = ?7, active = ?8, roles = ?9, forward = ?10, forward_keep = ?11 WHERE domain = ?2 AND local = ?1",
	[Q_ACCOUNT_REMOVE] = "DELETE FROM account WHERE domain = ?2 AND local = ?1",
	[Q_ALIAS_ADD] = "INSERT INTO alias(address, domain, targets, created) VALUES(?1, ?2, ?3, ?4)",
	[Q_ALIAS_CHANGE] = "UPDATE alias SET targets = ?3 WHERE address = ?1 AND domain = ?2",
	[Q_ALIAS_REMOVE] = "DELETE FROM alias WHERE address = ?1",
	[Q_DOMAINS] = "SELECT " DOMAIN_COLUMNS "ORDER BY name",
	[Q_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS "WHERE ?1 = '' OR a.domain = ?1"
		" ORDER BY a.domain, a.local",
	[Q_ALIASES] = "SELECT address, targets FROM alias WHERE ?1 = '' OR domain = ?1"
		" ORDER BY domain, address",
	[Q_TOKEN] = "SELECT id, label, digest, roles, created, expires, last FROM token WHERE id = ?1",
	[Q_TOKEN_ADD] = "INSERT INTO token(id, label, digest, roles, created, expires, last)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0)",
	[Q_TOKEN_REMOVE] = "DELETE FROM token WHERE id = ?1",
	[Q_TOKEN_USED] = "UPDATE token SET last = ?2 WHERE id = ?1",
	[Q_TOKENS] = "SELECT id, label, digest, roles, created, expires, last FROM token ORDER BY created, id",
	[Q_INVITE] = "SELECT i.id, i.digest, i.account, i.expires, a.local, a.domain"
		" FROM invite i JOIN account a ON a.id = i.account WHERE i.id = ?1",
	[Q_INVITE_PUT] = "INSERT OR REPLACE INTO invite(account, id, digest, expires) VALUES(?1, ?2, ?3, ?4)",
	[Q_INVITE_REMOVE] = "DELETE FROM invite WHERE account = ?1",
};

static struct sqlite_directory *own(struct directory *d)
{
	return (struct sqlite_directory *)d;
}

static int query(struct directory *d, enum statement q, sqlite3_stmt **out)
{
	struct sqlite_directory *o = own(d);
	int r = 0;

	if (!o->stmt[q])
		r = db_prepare(o->db, sql[q], &o->stmt[q]);
	if (r == 0)
		*out = o->stmt[q];
	return r;
}

static void domain_row(sqlite3_stmt *s, struct arena *a, struct directory_domain *out)
{
	out->name = db_str(s, 0, a);
	out->active = db_u64(s, 1) != 0;
	out->catchall = db_str(s, 2, a);
	out->accounts = db_u64(s, 3);
	out->aliases = db_u64(s, 4);
	out->backup = db_u64(s, 5) != 0;
}

static void account_row(sqlite3_stmt *s, struct arena *a, struct directory_account *out)
{
	out->id = db_u64(s, 0);
	out->local = db_str(s, 1, a);
	out->domain = db_str(s, 2, a);
	out->name = db_str(s, 3, a);
	out->hash = db_str(s, 4, a);
	out->scram = db_str(s, 5, a);
	out->quota_bytes = db_u64(s, 6);
	out->quota_messages = db_u64(s, 7);
	out->active = db_u64(s, 8) != 0;
	out->roles = db_str(s, 9, a);
	out->domain_active = db_u64(s, 10) != 0;
	out->forward = db_str(s, 11, a);
	out->forward_keep = db_u64(s, 12) != 0;
	out->backend = "sqlite";
	out->key = out->home_local = out->home_domain = STR("");
}

static void alias_row(sqlite3_stmt *s, struct arena *a, struct directory_alias *out)
{
	out->address = db_str(s, 0, a);
	out->targets = db_str(s, 1, a);
}

int directory_one(sqlite3_stmt *s)
{
	int r = db_step(s);

	return r == 0 ? E_NOTFOUND : MIN(r, 0);
}

static int get_domain(struct directory *d, struct str name, struct arena *a,
	struct directory_domain *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_DOMAIN, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, name);
	r = directory_one(s);
	if (r == 0) {
		domain_row(s, a, out);
		db_reset(s);
	}
	return r;
}

static int get_account(struct directory *d, struct str local, struct str domain, struct arena *a,
	struct directory_account *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_ACCOUNT, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, local);
	db_bind_str(s, 2, domain);
	r = directory_one(s);
	if (r == 0) {
		account_row(s, a, out);
		db_reset(s);
	}
	return r;
}

static int get_alias(struct directory *d, struct str address, struct arena *a,
	struct directory_alias *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_ALIAS, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, address);
	r = directory_one(s);
	if (r == 0) {
		alias_row(s, a, out);
		db_reset(s);
	}
	return r;
}

static int get_keeper(struct directory *d, struct str domain, struct arena *a,
	struct directory_account *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_KEEPER, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, domain);
	r = directory_one(s);
	if (r == 0) {
		account_row(s, a, out);
		db_reset(s);
	}
	return r;
}

static int get_scram_complete(struct directory *d, struct str mech, bool *any_out, bool *complete_out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_SCRAM, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, mech);
	r = directory_one(s);
	if (r < 0)
		return r;
	*any_out = db_u64(s, 0) > 0;
	*complete_out = db_u64(s, 1) == 0;
	db_reset(s);
	return 0;
}

static int get_secret(struct directory *d, unsigned char out[DIRECTORY_SECRET])
{
	sqlite3_stmt *s;
	int r = query(d, Q_SECRET, &s);

	if (r == 0)
		r = directory_one(s);
	if (r < 0)
		return r;
	if (sqlite3_column_bytes(s, 0) == DIRECTORY_SECRET)
		memcpy(out, sqlite3_column_blob(s, 0), DIRECTORY_SECRET);
	else
		r = E_DAMAGED;
	db_reset(s);
	return r;
}

int directory_change(struct directory *d, sqlite3_stmt *s)
{
	int r = db_run(s);

	if (r == 0 && sqlite3_changes(own(d)->db) == 0)
		r = E_NOTFOUND;
	return r;
}

static int put_credentials(struct directory *d, uint64_t id, struct str hash, struct str scram)
{
	sqlite3_stmt *s;
	int r = query(d, Q_CREDENTIALS, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, id);
	db_bind_str(s, 2, hash);
	db_bind_str(s, 3, scram);
	return directory_change(d, s);
}

static int put_domain(struct directory *d, const struct directory_domain *v, bool is_new)
{
	sqlite3_stmt *s;
	int r = query(d, is_new ? Q_DOMAIN_ADD : Q_DOMAIN_CHANGE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->name);
	db_bind_u64(s, 2, v->active);
	db_bind_str(s, 3, v->catchall);
	db_bind_u64(s, 4, v->backup);
	if (is_new)
		db_bind_u64(s, 5, (uint64_t)clock_unix());
	return directory_change(d, s);
}

static int put_account(struct directory *d, const struct directory_account *v, bool is_new)
{
	sqlite3_stmt *s;
	int r = query(d, is_new ? Q_ACCOUNT_ADD : Q_ACCOUNT_CHANGE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->local);
	db_bind_str(s, 2, v->domain);
	db_bind_str(s, 3, v->name);
	db_bind_str(s, 4, v->hash);
	db_bind_str(s, 5, v->scram);
	db_bind_u64(s, 6, v->quota_bytes);
	db_bind_u64(s, 7, v->quota_messages);
	db_bind_u64(s, 8, v->active);
	db_bind_str(s, 9, v->roles);
	db_bind_str(s, 10, v->forward.p ? v->forward : STR(""));
	db_bind_u64(s, 11, v->forward_keep || v->forward.n == 0);
	if (is_new)
		db_bind_u64(s, 12, (uint64_t)clock_unix());
	return directory_change(d, s);
}

static int put_alias(struct directory *d, const struct directory_alias *v, struct str domain,
	bool is_new)
{
	sqlite3_stmt *s;
	int r = query(d, is_new ? Q_ALIAS_ADD : Q_ALIAS_CHANGE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->address);
	db_bind_str(s, 2, domain);
	db_bind_str(s, 3, v->targets);
	if (is_new)
		db_bind_u64(s, 4, (uint64_t)clock_unix());
	return directory_change(d, s);
}

/* DELETE with one or two names. A foreign key that holds it: E_EXISTS. */
static int remove_row(struct directory *d, enum statement q, struct str first, struct str second)
{
	sqlite3_stmt *s;
	int r = query(d, q, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, first);
	if (second.p)
		db_bind_str(s, 2, second);
	r = db_run(s);
	if (r == 0)
		return sqlite3_changes(own(d)->db) == 0 ? E_NOTFOUND : 0;
	return r == E_NOTFOUND ? E_EXISTS : r;
}

static int remove_domain(struct directory *d, struct str name)
{
	return remove_row(d, Q_DOMAIN_REMOVE, name, STR_NONE);
}

static int remove_account(struct directory *d, struct str local, struct str domain)
{
	return remove_row(d, Q_ACCOUNT_REMOVE, local, domain);
}

static int remove_alias(struct directory *d, struct str address)
{
	return remove_row(d, Q_ALIAS_REMOVE, address, STR_NONE);
}

static int list_domains(struct directory *d,
	bool (*fn)(const struct directory_domain *v, void *arg), void *arg)
{
	struct directory_domain v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, Q_DOMAINS, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		domain_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static int copy_to(struct directory *d, const char *name)
{
	return db_copy(own(d)->db, name);
}

static int list_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg)
{
	struct directory_account v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, Q_ACCOUNTS, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, domain);
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		account_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static int list_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	struct directory_alias v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, Q_ALIASES, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, domain);
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		alias_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

/* --- tokens, invitations --- */

static void token_row(sqlite3_stmt *s, struct arena *a, struct directory_token *out)
{
	out->id = db_str(s, 0, a);
	out->label = db_str(s, 1, a);
	out->digest = db_str(s, 2, a);
	out->roles = db_str(s, 3, a);
	out->created = db_u64(s, 4);
	out->expires = db_u64(s, 5);
	out->last = db_u64(s, 6);
}

static int get_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_TOKEN, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, id);
	r = directory_one(s);
	if (r == 0) {
		token_row(s, a, out);
		db_reset(s);
	}
	return r;
}

static int add_token(struct directory *d, const struct directory_token *v)
{
	sqlite3_stmt *s;
	int r = query(d, Q_TOKEN_ADD, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, v->id);
	db_bind_str(s, 2, v->label);
	db_bind_str(s, 3, v->digest);
	db_bind_str(s, 4, v->roles);
	db_bind_u64(s, 5, v->created);
	db_bind_u64(s, 6, v->expires);
	return directory_change(d, s);
}

static int remove_token(struct directory *d, struct str id)
{
	return remove_row(d, Q_TOKEN_REMOVE, id, STR_NONE);
}

static int use_token(struct directory *d, struct str id, uint64_t when)
{
	sqlite3_stmt *s;
	int r = query(d, Q_TOKEN_USED, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, id);
	db_bind_u64(s, 2, when);
	return directory_change(d, s);
}

static int list_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg)
{
	struct directory_token v;
	struct arena a;
	sqlite3_stmt *s;
	bool more = true;
	int r = query(d, Q_TOKENS, &s);

	if (r < 0)
		return r;
	arena_init(&a);
	while (more && (r = db_step(s)) == 1) {
		token_row(s, &a, &v);
		more = fn(&v, arg);
		arena_reset(&a);
	}
	db_reset(s);
	arena_done(&a);
	return MIN(r, 0);
}

static int get_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out)
{
	sqlite3_stmt *s;
	int r = query(d, Q_INVITE, &s);

	if (r < 0)
		return r;
	db_bind_str(s, 1, id);
	r = directory_one(s);
	if (r == 0) {
		out->id = db_str(s, 0, a);
		out->digest = db_str(s, 1, a);
		out->account = db_u64(s, 2);
		out->expires = db_u64(s, 3);
		out->local = db_str(s, 4, a);
		out->domain = db_str(s, 5, a);
		db_reset(s);
	}
	return r;
}

static int put_invite(struct directory *d, const struct directory_invite *v)
{
	sqlite3_stmt *s;
	int r = query(d, Q_INVITE_PUT, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, v->account);
	db_bind_str(s, 2, v->id);
	db_bind_str(s, 3, v->digest);
	db_bind_u64(s, 4, v->expires);
	return directory_change(d, s);
}

static int remove_invite(struct directory *d, uint64_t account)
{
	sqlite3_stmt *s;
	int r = query(d, Q_INVITE_REMOVE, &s);

	if (r < 0)
		return r;
	db_bind_u64(s, 1, account);
	return directory_change(d, s);
}

static void disconnect(struct sqlite_directory *o)
{
	size_t i;

	for (i = 0; i < Q_MAX; i++)
		sqlite3_finalize(o->stmt[i]);
	memset(o->stmt, 0, Q_MAX * sizeof(*o->stmt));
	directory_tables_done(o);
	identity_done(o);
	db_close(&o->db);
}

static void sqlite_close(struct directory *d)
{
	struct sqlite_directory *o = own(d);

	if (o->db)
		disconnect(o);
	free(o->stmt);
	free(o);
}

static int connect_db(sqlite3 **out)
{
	int r = db_open("directory.db", BUSY_MS, out);

	if (r == 0)
		r = db_migrate(*out, schema, ARRAY_LEN(schema));
	if (r < 0 && *out)
		db_close(out);
	return r;
}

/* The old connection goes first: two of one process share what they opened. A failure leaves none:
 * the worker ends. */
static int sqlite_renew(struct directory *d)
{
	disconnect(own(d));
	return connect_db(&own(d)->db);
}

static const struct directory_ops ops = {
	.close = sqlite_close,
	.renew = sqlite_renew,
	.domain = get_domain,
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
	.copy = copy_to,
	.aliases = list_aliases,
	.token = get_token,
	.token_add = add_token,
	.token_remove = remove_token,
	.token_used = use_token,
	.tokens = list_tokens,
	.invite = get_invite,
	.invite_put = put_invite,
	.invite_remove = remove_invite,
	.route = directory_route,
	.route_put = directory_route_put,
	.route_remove = directory_route_remove,
	.routes = directory_routes,
	.rule = directory_rule,
	.rule_kind = directory_rule_kind,
	.rule_add = directory_rule_add,
	.rule_remove = directory_rule_remove,
	.rules = directory_rules,
	.setting = directory_setting,
	.setting_put = directory_setting_put,
};

int directory_sqlite_open(struct directory **out)
{
	struct sqlite_directory *o;
	sqlite3 *db = NULL;
	int r = connect_db(&db);

	if (r < 0)
		return r;
	o = mem_alloc(1, sizeof(*o));
	o->d.ops = &ops;
	o->d.name = "sqlite";
	o->stmt = mem_alloc(Q_MAX, sizeof(*o->stmt));
	o->db = db;
	*out = &o->d;
	return 0;
}
