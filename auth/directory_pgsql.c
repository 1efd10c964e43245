/* SPDX-License-Identifier: ISC
 *
 * directory_pgsql.c: the directory in a PostgreSQL database: the driver of directory_sql.h, and
 * the schema, which is made and brought up to date here.
 *
 * The tables are those of the built-in database (directory_sqlite.c), so that each can be copied
 * into the other. Triggers tell on the channel "mansio_directory" what changes the answers, be it
 * made by us or by hand. Several hosts may share one database; what belongs to one host alone
 * (the secret, identities) never is in it.
 *
 * A text with a NUL or that is not UTF-8 is in no such database: nobody is asked (C15).
 */
#include "auth/directory_pgsql.h"

#include <limits.h>

#include "auth/directory_files.h"
#include "auth/directory_names.h"
#include "auth/directory_sql.h"
#include "auth/pgsql.h"
#include "auth/prefetched.h"
#include "auth/trouble.h"
#include "conf/conf.h"

#define CHANNEL "mansio_directory"
#define LOCK "SELECT pg_advisory_xact_lock(722385104)" /* one makes the tables */

#define TELLS(table) \
	"CREATE TRIGGER " table "_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON " table \
	" FOR EACH STATEMENT EXECUTE FUNCTION mansio_changed();"
#define TEXT " text COLLATE \"C\" NOT NULL DEFAULT ''"
#define NUMBER(n) " bigint NOT NULL DEFAULT " #n
#define TEXT_OID 25 /* of pg_type.dat, for ever */
#define NAMES_MAPPED 13 /* the step that brings them into one form */
#define NAMES_MAX 65536 /* bytes of the names of one question */
#define NOW " bigint NOT NULL DEFAULT extract(epoch FROM now())::bigint"

static const char *const schema[] = {
	"CREATE TABLE mansio_version(version bigint NOT NULL);"
	"CREATE FUNCTION mansio_changed() RETURNS trigger LANGUAGE plpgsql AS"
	" 'BEGIN PERFORM pg_notify(''" CHANNEL "'', ''''); RETURN NULL; END';"
	"CREATE TABLE domain("
	" name text COLLATE \"C\" PRIMARY KEY, active" NUMBER(1) ", catchall" TEXT ", backup" NUMBER(0) ", created" NOW ");"
	"CREATE SEQUENCE account_id_seq;"
	"CREATE TABLE account("
	" id bigint PRIMARY KEY DEFAULT nextval('account_id_seq'),"
	" local text COLLATE \"C\" NOT NULL,"
	" domain text COLLATE \"C\" NOT NULL REFERENCES domain(name),"
	" name" TEXT ", hash" TEXT ", scram" TEXT ", quota_bytes" NUMBER(0) ", quota_messages" NUMBER(0) ","
	" active" NUMBER(1) ", roles" TEXT ", forward" TEXT ", forward_keep" NUMBER(1) ", created" NOW ","
	" UNIQUE(domain, local));"
	"CREATE TABLE alias("
	" address text COLLATE \"C\" PRIMARY KEY,"
	" domain text COLLATE \"C\" NOT NULL REFERENCES domain(name), targets" TEXT ", created" NOW ");"
	"CREATE INDEX alias_domain ON alias(domain);"
	"CREATE TABLE setting(name text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL);"
	"CREATE TABLE token("
	" id text COLLATE \"C\" PRIMARY KEY, label" TEXT ", digest" TEXT ", roles" TEXT ", created" NUMBER(0) ","
	" expires" NUMBER(0) ", last" NUMBER(0) ");"
	"CREATE TABLE invite("
	" account bigint PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,"
	" id text COLLATE \"C\" NOT NULL UNIQUE, digest" TEXT ", expires" NUMBER(0) ");"
	"CREATE TABLE route("
	" rcpt_domain" TEXT ", sender_domain" TEXT ", host" TEXT ", port" NUMBER(0) ", tls" TEXT ", start" TEXT ","
	" \"user\"" TEXT ", secret" TEXT ", mech" TEXT ", source" TEXT ", comment" TEXT ", created" NOW ","
	" PRIMARY KEY(rcpt_domain, sender_domain));"
	"CREATE TABLE rule("
	" kind" TEXT ", who" TEXT ", action" TEXT ", text" TEXT ", comment" TEXT ", created" NOW ","
	" PRIMARY KEY(kind, who));"
	TELLS("domain") TELLS("account") TELLS("alias") TELLS("route") TELLS("rule"),
	/* 2: app passwords; their last use changes no answer */
	"ALTER TABLE account ADD COLUMN main_web" NUMBER(0) ";"
	"CREATE TABLE app_password("
	" account bigint NOT NULL REFERENCES account(id) ON DELETE CASCADE,"
	" id text COLLATE \"C\" NOT NULL, label" TEXT ", digest" TEXT ", protocols" TEXT ", created" NOW ","
	" expires" NUMBER(0) ", last" NUMBER(0) ", peer" TEXT ", PRIMARY KEY(account, id), UNIQUE(account, digest));"
	"CREATE TRIGGER app_password_changed AFTER INSERT OR DELETE OR TRUNCATE ON app_password"
	" FOR EACH STATEMENT EXECUTE FUNCTION mansio_changed();",
	/* 3: second factors of the page */
	"CREATE TABLE totp("
	" account bigint PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE,"
	" secret" TEXT ", recovery" TEXT ", since" NUMBER(0) ", step" NUMBER(0) ");",
	/* 4: who may do what with an address that is not his */
	"CREATE TABLE delegation("
	" kind" TEXT ", address" TEXT ", who" TEXT ", created" NOW ", PRIMARY KEY(address, who, kind));"
	"CREATE INDEX delegation_who ON delegation(who);" TELLS("delegation"),
	/* 5: shared secrets; whether there is one changes what is offered */
	"CREATE TABLE shared_secret("
	" account bigint PRIMARY KEY REFERENCES account(id) ON DELETE CASCADE, sealed" TEXT ", since" NUMBER(0) ");"
	TELLS("shared_secret"),
	/* 6: accounts that end */
	"ALTER TABLE account ADD COLUMN expires" NUMBER(0) ";",
	/* 7: who left */
	"ALTER TABLE account ADD COLUMN left_at" NUMBER(0) ", ADD COLUMN refuse_from" NUMBER(0) ", ADD COLUMN refuse_text" TEXT ";",
	/* 8: security keys */
	"CREATE TABLE security_key("
	" account bigint NOT NULL REFERENCES account(id) ON DELETE CASCADE,"
	" id text COLLATE \"C\" NOT NULL, label" TEXT ", credential text COLLATE \"C\" NOT NULL UNIQUE, public_key" TEXT ", algorithm" TEXT ","
	" rp_id" TEXT ", counter" NUMBER(0) ", created" NOW ", last" NUMBER(0) ", peer" TEXT ", PRIMARY KEY(account, id));",
	/* 9: codes that were tried */
	"ALTER TABLE totp ADD COLUMN tries" NUMBER(0) ", ADD COLUMN tried" NUMBER(0) ";",
	/* 10: mailboxes of several people, whose app passwords are those of owners */
	"ALTER TABLE account ADD COLUMN shared" NUMBER(0) ";"
	"ALTER TABLE app_password ADD COLUMN owner" TEXT ";",
	/* 11: the address book */
	"ALTER TABLE account ADD COLUMN unlisted" NUMBER(0) ";",
	/* 12: and lists in it */
	"ALTER TABLE alias ADD COLUMN unlisted" NUMBER(0) ";",
	/* 13: names in the form in which they are looked up (migrate) */
	"",
};

struct statement {
	char *text;
	struct pgsql_query query;
	char number[PGSQL_PARAMETERS][24];
	bool impossible; /* a value that no row can have */
	PGresult *result;
	int row;
	uint64_t changes;
	unsigned char *bytes;
};

struct pgsql_directory {
	struct sql_directory sql;
	struct pgsql *db;
	struct prefetched ahead;
};

static struct pgsql_directory *own(struct directory *d)
{
	return (struct pgsql_directory *)d;
}

/* --- schema ------------------------------------------------------------------------ */

static int64_t first_number(PGresult *res)
{
	int64_t v = PQntuples(res) > 0 && !PQgetisnull(res, 0, 0) ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;

	PQclear(res);
	return v;
}

static int version(struct pgsql *db, int64_t *out)
{
	PGresult *res;
	int r = pgsql_exec(db, "SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relname = 'mansio_version'"
		" AND pg_catalog.pg_table_is_visible(c.oid)", &res);

	*out = 0;
	if (r < 0 || first_number(res) == 0)
		return r;
	r = pgsql_exec(db, "SELECT max(version) FROM mansio_version", &res);
	if (r == 0)
		*out = first_number(res);
	return r;
}

static int migrate(struct pgsql_directory *o)
{
	struct pgsql *db = o->db;
	char mark[120];
	int64_t at = 0, before;
	int r = pgsql_exec(db, "BEGIN", NULL);

	if (r == 0)
		r = pgsql_exec(db, LOCK, NULL);
	if (r == 0)
		r = version(db, &at);
	for (before = at; r == 0 && at < (int64_t)ARRAY_LEN(schema); at++)
		if (*schema[at])
			r = pgsql_exec(db, schema[at], NULL);
	if (r == 0 && before < NAMES_MAPPED)
		r = directory_find_lost(&o->sql.d, NULL);
	snprintf(mark, sizeof(mark), "DELETE FROM mansio_version; INSERT INTO mansio_version VALUES(%zu)", ARRAY_LEN(schema));
	if (r == 0)
		r = pgsql_exec(db, mark, NULL);
	return r == 0 ? pgsql_exec(db, "COMMIT", NULL) : r;
}

/* Of every new connection. One that another program made newer is left alone. */
static int ready(void *arg)
{
	struct pgsql_directory *o = arg;
	int64_t at;
	int r = version(o->db, &at);

	if (r == 0 && at > (int64_t)ARRAY_LEN(schema)) {
		trouble_tell("pgsql: its tables were made by a newer program");
		return E_UNSUPPORTED;
	}
	return r == 0 && at < (int64_t)ARRAY_LEN(schema) ? migrate(o) : r;
}

/* --- the driver -------------------------------------------------------------------- */

static int begin(struct sql *s)
{
	struct statement *t = s->handle;
	struct buf text;

	if (t)
		return 0;
	s->handle = t = mem_alloc(1, sizeof(*t));
	buf_init(&text, 4096);
	sql_text(s->q, '$', "nextval('account_id_seq')", &text);
	t->text = mem_strdup(buf_cstr(&text));
	t->query.text = t->text;
	t->query.number = (unsigned)s->q;
	buf_done(&text);
	return 0;
}

static void reset(struct sql *s)
{
	struct statement *t = s->handle;

	PQclear(t->result);
	t->result = NULL;
	PQfreemem(t->bytes);
	t->bytes = NULL;
	t->query.n = 0;
	t->impossible = false;
}

static void bind(struct sql *s, int at, const char *value, size_t n, int format)
{
	struct pgsql_query *q = &((struct statement *)s->handle)->query;

	BUG_ON(at < 1 || at > PGSQL_PARAMETERS || n > INT_MAX);
	q->value[at - 1] = value;
	q->length[at - 1] = (int)n;
	q->format[at - 1] = format;
	q->n = MAX(q->n, at);
}

static void bind_bytes(struct sql *s, int at, struct str v)
{
	bind(s, at, v.n ? v.p : "", v.n, 1);
}

static void bind_str(struct sql *s, int at, struct str v)
{
	struct statement *t = s->handle;

	t->impossible |= !str_is_utf8(v) || str_find(v, '\0') >= 0;
	bind_bytes(s, at, v);
}

static void bind_u64(struct sql *s, int at, uint64_t v)
{
	struct statement *t = s->handle;

	BUG_ON(at < 1 || at > PGSQL_PARAMETERS);
	snprintf(t->number[at - 1], sizeof(t->number[0]), "%llu", (unsigned long long)MIN(v, (uint64_t)INT64_MAX));
	bind(s, at, t->number[at - 1], strlen(t->number[at - 1]), 0);
}

static int step(struct sql *s)
{
	struct statement *t = s->handle;
	int r = 0;

	if (t->result) {
		t->row++;
	} else {
		t->row = 0;
		if (!t->impossible)
			r = pgsql_run(own(&s->o->d)->db, &t->query, &t->result);
	}
	if (r == 0 && t->result && t->row < PQntuples(t->result))
		return 1;
	reset(s);
	return r;
}

static int run(struct sql *s)
{
	struct statement *t = s->handle;
	int r;

	prefetched_clear(&own(&s->o->d)->ahead);
	r = t->impossible ? E_SYNTAX : pgsql_run(own(&s->o->d)->db, &t->query, &t->result);

	t->changes = r == 0 ? strtoull(PQcmdTuples(t->result), NULL, 10) : 0;
	reset(s);
	return r;
}

static uint64_t changes(struct sql *s)
{
	return ((struct statement *)s->handle)->changes;
}

static struct str column_str(struct sql *s, int col, struct arena *a)
{
	struct statement *t = s->handle;

	return arena_str(a, str_make(PQgetvalue(t->result, t->row, col), (size_t)PQgetlength(t->result, t->row, col)));
}

static uint64_t column_u64(struct sql *s, int col)
{
	struct statement *t = s->handle;
	long long v = strtoll(PQgetvalue(t->result, t->row, col), NULL, 10);

	return v < 0 ? 0 : (uint64_t)v;
}

static struct str column_bytes(struct sql *s, int col)
{
	struct statement *t = s->handle;
	size_t n = 0;

	PQfreemem(t->bytes);
	t->bytes = PQunescapeBytea((unsigned char *)PQgetvalue(t->result, t->row, col), &n);
	return str_make((char *)t->bytes, t->bytes ? n : 0);
}

static int transaction(struct sql_directory *o, enum sql_transaction t)
{
	struct pgsql *db = own(&o->d)->db;

	prefetched_clear(&own(&o->d)->ahead);
	switch (t) {
	case SQL_READ:
		return pgsql_begin(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	case SQL_WRITE: /* an account or alias needs its domain, which is looked at under a lock of its row */
		return pgsql_begin(db, "BEGIN; LOCK TABLE domain IN EXCLUSIVE MODE");
	default:
		return pgsql_end(db, t == SQL_COMMIT);
	}
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

/* --- accounts ahead ------------------------------------------------------------------- */

static void number(struct buf *b, uint32_t v)
{
	const unsigned char be[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v };

	buf_add(b, be, sizeof(be));
}

/* The binary form of text[] (array_recv): one dimension, no NULLs, numbered from 1. */
static void text_array(struct buf *b, const struct prefetched *p, bool domains)
{
	size_t i;

	number(b, 1);
	number(b, 0);
	number(b, TEXT_OID);
	number(b, (uint32_t)p->n);
	number(b, 1);
	for (i = 0; i < p->n; i++) {
		struct str s = domains ? p->account[i].name.domain : p->account[i].name.local;

		number(b, (uint32_t)s.n);
		buf_str(b, s);
	}
}

static int ask_ahead(struct directory *d, struct prefetched *p)
{
	struct directory_account v = { .id = 0 };
	struct buf local, domain;
	struct sql *s;
	int r = sql_begin(d, Q_ACCOUNTS_NAMED, &s);

	buf_init(&local, NAMES_MAX);
	buf_init(&domain, NAMES_MAX);
	text_array(&local, p, false);
	text_array(&domain, p, true);
	if (local.err || domain.err)
		r = E_LIMIT;
	if (r == 0) {
		sql_bind_bytes(s, 1, buf_view(&local));
		sql_bind_bytes(s, 2, buf_view(&domain));
		while ((r = sql_step(s)) == 1) {
			sql_account(s, &p->a, &v);
			prefetched_tell(p, &v);
		}
	}
	buf_done(&local);
	buf_done(&domain);
	return r;
}

static bool can_be(struct str s)
{
	return str_is_utf8(s) && str_find(s, '\0') < 0;
}

/* One name alone is asked for as ever. After a failure each is: it has its own retry, and a database that is down its brake. */
static void prefetch(struct directory *d, const struct directory_name *name, size_t n)
{
	struct prefetched *p = &own(d)->ahead;
	size_t i;

	prefetched_clear(p);
	for (i = 0; n > 1 && i < n; i++)
		if (can_be(name[i].local) && can_be(name[i].domain))
			(void)prefetched_expect(p, &name[i]);
	if (p->n > 0 && (p->n == 1 || ask_ahead(d, p) < 0))
		prefetched_clear(p);
}

static int (*account_alone)(struct directory *d, struct str local, struct str domain, struct arena *a, struct directory_account *out);

static int account(struct directory *d, struct str local, struct str domain, struct arena *a, struct directory_account *out)
{
	int r;

	return prefetched_get(&own(d)->ahead, local, domain, a, out, &r) ? r : account_alone(d, local, domain, a, out);
}

/* --- the directory ------------------------------------------------------------------ */

static void pgsql_close(struct directory *d)
{
	struct pgsql_directory *o = own(d);
	struct statement *t;
	size_t i;

	for (i = 0; i < Q_MAX; i++) {
		t = o->sql.stmt[i].handle;
		if (!t)
			continue;
		reset(&o->sql.stmt[i]);
		free(t->text);
		free(t);
	}
	pgsql_free(o->db);
	prefetched_done(&o->ahead);
	free(d->domains);
	free(o);
}

static void pgsql_watch(struct directory *d)
{
	pgsql_listen(own(d)->db);
}

static int pgsql_news_fd(struct directory *d)
{
	return pgsql_fd(own(d)->db);
}

static bool pgsql_has_news(struct directory *d)
{
	return pgsql_news(own(d)->db);
}

int directory_pgsql_open(const struct conf *c, struct directory **out)
{
	static const char *const modes[] = { "disable", "require", "verify-ca", "verify-full" };
	static struct directory_ops ops;
	struct pgsql_directory *o = mem_alloc(1, sizeof(*o));
	struct arena a;
	struct pgsql_settings set = { .host = c->pgsql_hosts.v, .nhosts = c->pgsql_hosts.n, .database = c->pgsql_database,
		.user = c->pgsql_user, .tls = modes[c->pgsql_tls], .trust = directory_file_fd("pgsql.trust"),
		.timeout_ms = c->pgsql_timeout, .retry_ms = c->pgsql_retry, .channel = CHANNEL, .ready = ready, .arg = o };

	_Static_assert(SQL_PARAMETERS <= PGSQL_PARAMETERS && Q_MAX <= PGSQL_QUERIES, "room for every statement");
	sql_init(&o->sql, &driver, &ops);
	account_alone = ops.account;
	ops.account = account;
	ops.prefetch = prefetch;
	ops.close = pgsql_close;
	ops.watch = pgsql_watch;
	ops.news_fd = pgsql_news_fd;
	ops.news = pgsql_has_news;
	ops.secret = NULL; /* of each host */
	prefetched_init(&o->ahead);
	o->sql.d.name = "pgsql";
	o->sql.d.domains = directory_domains(&c->pgsql_domains);
	arena_init(&a);
	set.password = directory_file("pgsql.password", &a);
	o->db = pgsql_new(&set);
	arena_wipe(&a);
	*out = &o->sql.d;
	return 0;
}
