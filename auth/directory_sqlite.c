/* SPDX-License-Identifier: ISC
 *
 * directory_sqlite.c: the built-in directory, `directory.db`.
 *
 * Each worker has a connection of its own; SQLite's WAL lets them read while
 * one writes. Statements are prepared when first used and kept. What a name
 * may be is decided before (address_normal); here it is a bound value.
 *
 * It is always there: what belongs to this host alone lives in it (the secret, the table of
 * identities, directory_identity.c). No number of an account is given again, nor that of an
 * account of another back end (DIRECTORY_NEXT_ID).
 */
#include "auth/directory_sqlite.h"

#include "auth/directory_names.h"
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
	/* 7: app passwords, also of accounts of other back ends (so no foreign key); a main password for the page alone */
	"ALTER TABLE account ADD COLUMN main_web INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE app_password("
	" account INTEGER NOT NULL,"
	" id TEXT NOT NULL,"
	" label TEXT NOT NULL,"
	" digest TEXT NOT NULL,"
	" protocols TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" expires INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" peer TEXT NOT NULL,"
	" PRIMARY KEY(account, id), UNIQUE(account, digest)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER app_password_goes AFTER DELETE ON account BEGIN"
	" DELETE FROM app_password WHERE account = old.id; END;",
	/* 8: second factors of the page */
	"CREATE TABLE totp("
	" account INTEGER NOT NULL PRIMARY KEY,"
	" secret TEXT NOT NULL,"
	" recovery TEXT NOT NULL,"
	" since INTEGER NOT NULL,"
	" step INTEGER NOT NULL) STRICT;"
	"CREATE TRIGGER totp_goes AFTER DELETE ON account BEGIN"
	" DELETE FROM totp WHERE account = old.id; END;",
	/* 9: who may do what with an address that is not his */
	"CREATE TABLE delegation("
	" kind TEXT NOT NULL,"
	" address TEXT NOT NULL,"
	" who TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" PRIMARY KEY(address, who, kind)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX delegation_who ON delegation(who);",
	/* 10: shared secrets, for CRAM-MD5 and APOP */
	"CREATE TABLE shared_secret("
	" account INTEGER NOT NULL PRIMARY KEY,"
	" sealed TEXT NOT NULL,"
	" since INTEGER NOT NULL) STRICT;"
	"CREATE TRIGGER shared_secret_goes AFTER DELETE ON account BEGIN"
	" DELETE FROM shared_secret WHERE account = old.id; END;",
	/* 11: accounts that end */
	"ALTER TABLE account ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;",
	/* 12: who left */
	"ALTER TABLE account ADD COLUMN left_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN refuse_from INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN refuse_text TEXT NOT NULL DEFAULT '';",
	/* 13: security keys, a second factor as well */
	"CREATE TABLE security_key("
	" account INTEGER NOT NULL,"
	" id TEXT NOT NULL,"
	" label TEXT NOT NULL,"
	" credential TEXT NOT NULL UNIQUE,"
	" public_key TEXT NOT NULL,"
	" algorithm TEXT NOT NULL,"
	" rp_id TEXT NOT NULL,"
	" counter INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" peer TEXT NOT NULL,"
	" PRIMARY KEY(account, id)) STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER security_key_goes AFTER DELETE ON account BEGIN"
	" DELETE FROM security_key WHERE account = old.id; END;",
	/* 14: codes that were tried */
	"ALTER TABLE totp ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE totp ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;",
	/* 15: mailboxes of several people, whose app passwords are those of owners */
	"ALTER TABLE account ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE app_password ADD COLUMN owner TEXT NOT NULL DEFAULT '';",
	/* 16: the address book */
	"ALTER TABLE account ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 0;",
	/* 17: and lists in it */
	"ALTER TABLE alias ADD COLUMN unlisted INTEGER NOT NULL DEFAULT 0;",
};

static struct sqlite_directory *own(struct directory *d)
{
	return (struct sqlite_directory *)d;
}

/* --- the driver ------------------------------------------------------------------ */

static int begin(struct sql *s)
{
	struct buf text;
	int r;

	if (s->handle)
		return 0;
	buf_init(&text, 4096);
	sql_text(s->q, '?', DIRECTORY_NEXT_ID, &text);
	r = db_prepare(own(&s->o->d)->db, buf_cstr(&text), (sqlite3_stmt **)&s->handle);
	buf_done(&text);
	return r;
}

static void bind_str(struct sql *s, int at, struct str v)
{
	db_bind_str(s->handle, at, v);
}

static void bind_u64(struct sql *s, int at, uint64_t v)
{
	db_bind_u64(s->handle, at, v);
}

static void bind_bytes(struct sql *s, int at, struct str v)
{
	sqlite3_bind_blob64(s->handle, at, v.p, v.n, SQLITE_TRANSIENT);
}

static int step(struct sql *s)
{
	return db_step(s->handle);
}

static int run(struct sql *s)
{
	return db_run(s->handle);
}

static uint64_t changes(struct sql *s)
{
	return (uint64_t)sqlite3_changes(own(&s->o->d)->db);
}

static void reset(struct sql *s)
{
	db_reset(s->handle);
}

static struct str column_str(struct sql *s, int col, struct arena *a)
{
	return db_str(s->handle, col, a);
}

static uint64_t column_u64(struct sql *s, int col)
{
	return db_u64(s->handle, col);
}

static struct str column_bytes(struct sql *s, int col)
{
	return str_make(sqlite3_column_blob(s->handle, col), (size_t)sqlite3_column_bytes(s->handle, col));
}

static int transaction(struct sql_directory *o, enum sql_transaction t)
{
	static const char *const text[] = { [SQL_READ] = "BEGIN", [SQL_WRITE] = "BEGIN IMMEDIATE", [SQL_COMMIT] = "COMMIT",
		[SQL_ROLLBACK] = "ROLLBACK" };
	sqlite3 *db = own(&o->d)->db;
	int r = db_exec(db, text[t]);

	if (r < 0 && t == SQL_COMMIT)
		(void)db_exec(db, "ROLLBACK");
	return r;
}

static const struct sql_driver driver = {
	.begin = begin,
	.bind_str = bind_str,
	.bind_u64 = bind_u64,
	.bind_bytes = bind_bytes,
	.step = step,
	.run = run,
	.changes = changes,
	.reset = reset,
	.str = column_str,
	.u64 = column_u64,
	.bytes = column_bytes,
	.transaction = transaction,
};

/* --- the directory ----------------------------------------------------------------- */

static int copy_to(struct directory *d, const char *name)
{
	return db_copy(own(d)->db, name);
}

static void disconnect(struct sqlite_directory *o)
{
	size_t i;

	for (i = 0; i < Q_MAX; i++) {
		sqlite3_finalize(o->sql.stmt[i].handle);
		o->sql.stmt[i].handle = NULL;
	}
	identity_done(o);
	db_close(&o->db);
}

static void sqlite_close(struct directory *d)
{
	struct sqlite_directory *o = own(d);

	if (o->db)
		disconnect(o);
	free(o);
}

/* --- names of before UsernameCaseMapped */

#define NAMES_DONE "names-mapped"

/* Its mail lies where it lay. */
static int stays_at(struct directory *d, const struct directory_lost *v)
{
	struct directory_identity x = { .id = v->id, .backend = STR("sqlite"), .local = v->mapped_local, .domain = v->domain,
		.home_local = v->local, .home_domain = v->domain };
	struct arena a;
	int r;

	arena_init(&a);
	x.key = str_of(arena_fmt(&a, "%llu", (unsigned long long)v->id));
	r = identity_of(d, v->id, &a, &(struct directory_identity){ 0 });
	if (r == E_NOTFOUND)
		r = identity_add(d, &x);
	arena_done(&a);
	return r;
}

static int are_mapped(struct directory *d)
{
	struct buf b;
	int r;

	buf_init(&b, 16);
	r = d->ops->setting(d, STR(NAMES_DONE), &b);
	buf_done(&b);
	return r;
}

/* Once for a database. */
static int map_names(struct directory *d)
{
	int r = are_mapped(d);

	if (r != E_NOTFOUND)
		return r;
	r = sql_transaction(d, SQL_WRITE);
	if (r < 0)
		return r;
	r = are_mapped(d); /* by another process */
	if (r == E_NOTFOUND)
		r = directory_find_lost(d, stays_at);
	if (r == 0)
		r = d->ops->setting_put(d, STR(NAMES_DONE), STR("1"), true);
	if (r == 0)
		return sql_transaction(d, SQL_COMMIT);
	(void)sql_transaction(d, SQL_ROLLBACK);
	return r;
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

int directory_sqlite_open(struct directory **out)
{
	static struct directory_ops ops;
	struct sqlite_directory *o;
	sqlite3 *db = NULL;
	int r = connect_db(&db);

	if (r < 0)
		return r;
	o = mem_alloc(1, sizeof(*o));
	sql_init(&o->sql, &driver, &ops);
	ops.close = sqlite_close;
	ops.renew = sqlite_renew;
	ops.copy = copy_to;
	o->sql.d.name = "sqlite";
	o->db = db;
	r = map_names(&o->sql.d);
	if (r < 0)
		sqlite_close(&o->sql.d);
	else
		*out = &o->sql.d;
	return r;
}
