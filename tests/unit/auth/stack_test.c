/* SPDX-License-Identifier: ISC
 *
 * Several back ends as one directory: who decides, what a back end that is down stops, and that
 * an account keeps its number and its mail whatever it is called, and in whichever database it is.
 */
#include "auth/directory_sqlite.h"
#include "auth/directory_stack.h"
#include "auth/resolve.h"
#include "auth/verbs.h"
#include "conf/conf.h"
#include "net/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/mansio-stack-XXXXXX";
static struct conf *conf;

/* --- a back end of others: people with keys, who check their passwords there */

struct person {
	const char *key, *local, *domain, *password;
};

struct fake {
	struct directory d;
	struct person *people; /* ends with key NULL */
	bool down;
	unsigned asked, checked;
	char ahead[200]; /* names of the last prefetch */
};

static void fake_close(struct directory *d)
{
	(void)d;
}

static int fake_account(struct directory *d, struct str local, struct str domain, struct arena *a,
	struct directory_account *out)
{
	struct fake *f = (struct fake *)d;
	struct person *p;

	(void)a;
	f->asked++;
	if (f->down)
		return E_TEMP;
	for (p = f->people; p->key; p++) {
		if (!str_eqc(local, p->local) || !str_eqc(domain, p->domain))
			continue;
		*out = (struct directory_account){ .local = str_of(p->local), .domain = str_of(p->domain),
			.key = str_of(p->key), .active = true, .name = STR(""), .roles = STR(""), .hash = STR(""),
			.scram = STR(""), .forward = STR("") };
		return 0;
	}
	return E_NOTFOUND;
}

static int fake_check(struct directory *d, const struct directory_account *v, struct str password)
{
	struct fake *f = (struct fake *)d;
	struct person *p;

	f->checked++;
	if (f->down)
		return E_TEMP;
	for (p = f->people; p->key && v->id; p++)
		if (str_eqc(v->key, p->key))
			return str_eqc(password, p->password) ? 0 : E_DENIED;
	return E_DENIED;
}

static int fake_aliases(struct directory *d, struct str domain, bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	struct fake *f = (struct fake *)d;

	(void)domain;
	(void)fn;
	(void)arg;
	f->asked++;
	return f->down ? E_TEMP : 0;
}

static void fake_prefetch(struct directory *d, const struct directory_name *name, size_t n)
{
	struct fake *f = (struct fake *)d;
	size_t i, at = 0;

	f->ahead[0] = '\0';
	for (i = 0; i < n; i++)
		at += (size_t)snprintf(f->ahead + at, sizeof(f->ahead) - at, " %.*s", STRF(name[i].local));
}

static const struct directory_ops fake_ops = { .close = fake_close, .account = fake_account, .prefetch = fake_prefetch,
	.check = fake_check, .aliases = fake_aliases };

static struct person people[] = {
	{ "k1", "anna", "example.org", "annas" },
	{ "k2", "carl", "example.org", "carls" },
	{ NULL, NULL, NULL, NULL },
};
static struct fake other = { .d = { .ops = &fake_ops, .name = "other" }, .people = people };

/* --- the suite of each test */

static struct directory *own, *d;

static void use(struct directory *first, struct directory *second)
{
	struct directory *named[] = { first, second };

	d = directory_stack(named, second ? 2 : 1, own);
}

static int verb(const char *name, ...)
{
	struct ipc_msg m, answer;
	const char *key;
	uint64_t code = 99;
	va_list ap;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	ipc_init(&m, "control");
	ipc_setc(&m, "verb", name);
	va_start(ap, name);
	while ((key = va_arg(ap, const char *)) != NULL)
		ipc_setc(&m, key, va_arg(ap, const char *));
	va_end(ap);
	(void)verb_run(&(struct resolver){ .d = d, .separator = '+' }, conf, NULL, &m, pair[1], NULL);
	ipc_done(&m);
	close(pair[1]);
	while (ipc_recv(pair[0], &answer) == 0) {
		if (ipc_get_bool(&answer, "done"))
			assert_int_equal(ipc_get_u64(&answer, "code", 255, &code), 0);
		ipc_done(&answer);
	}
	close(pair[0]);
	return (int)code;
}

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mansio-stack-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(directory_sqlite_open(&own), 0);
	conf = conf_defaults();
	conf->auth_yescrypt_cost = 1;
	conf->auth_scram_iterations = 4096;
	other.down = false;
	other.asked = 0;
	other.d.domains = NULL;
	people[0].local = "anna";
	people[1].local = "carl";
	d = own;
	assert_int_equal(verb("domain add", "domain", "example.org", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "other.example", NULL), 0);
	assert_int_equal(verb("user add", "address", "bob@example.org", "password", "bobs", NULL), 0);
	assert_int_equal(verb("user add", "address", "anna@example.org", "password", "shadow", NULL), 0);
	assert_int_equal(verb("alias add", "address", "info@example.org", "target", "carl@example.org", NULL), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	d->ops->close(d);
	conf_free(conf);
	assert_int_equal(unlink("directory.db"), 0);
	(void)unlink("directory.db-wal"); /* left where the built-in one was not closed */
	(void)unlink("directory.db-shm");
	assert_int_equal(chdir("/"), 0);
	return rmdir(dir);
}

static int look(const char *name, struct arena *a, struct directory_account *out)
{
	return resolve_account(&(struct resolver){ .d = d }, str_of(name), a, out);
}

static int found(const char *name)
{
	struct directory_account v;
	struct arena a;
	int r;

	arena_init(&a);
	r = look(name, &a, &v);
	arena_done(&a);
	return r;
}

/* Its number, and its place as LOCAL@DOMAIN. */
static uint64_t place(const char *name, char out[100])
{
	struct directory_account v;
	struct arena a;
	uint64_t id;

	arena_init(&a);
	assert_int_equal(look(name, &a, &v), 0);
	id = v.id;
	if (v.home_local.n)
		snprintf(out, 100, "%.*s@%.*s", STRF(v.home_local), STRF(v.home_domain));
	else
		snprintf(out, 100, "%.*s@%.*s", STRF(v.local), STRF(v.domain));
	arena_done(&a);
	return id;
}

static void the_first_that_knows_an_account_decides(void **state)
{
	struct directory_account v;
	struct arena a;

	(void)state;
	use(&other.d, own);
	arena_init(&a);
	assert_int_equal(look("anna@example.org", &a, &v), 0);
	assert_string_equal(v.backend, "other");
	assert_true(v.domain_active);
	assert_int_equal(d->ops->check(d, &v, STR("annas")), 0);
	assert_int_equal(d->ops->check(d, &v, STR("shadow")), E_DENIED);
	assert_int_equal(look("bob@example.org", &a, &v), 0);
	assert_string_equal(v.backend, "sqlite");
	assert_int_equal(d->ops->check(d, &v, STR("bobs")), E_UNSUPPORTED);
	assert_int_equal(look("nobody@example.org", &a, &v), E_NOTFOUND);
	arena_done(&a);
}

static void one_that_is_down_fails_its_own_alone(void **state)
{
	(void)state;
	use(own, &other.d);
	other.down = true;
	assert_int_equal(found("bob@example.org"), 0);
	assert_int_equal(found("anna@example.org"), 0);
	assert_int_equal(found("carl@example.org"), E_TEMP);
	assert_int_equal(found("nobody@example.org"), E_TEMP);
	other.d.domains = (char *)(uintptr_t)",other.example,";
	assert_int_equal(found("nobody@example.org"), E_NOTFOUND);
	assert_int_equal(found("nobody@other.example"), E_TEMP);
	other.down = false;
	assert_int_equal(found("carl@example.org"), E_NOTFOUND);
}

static void above_others_it_fails_what_it_may_know(void **state)
{
	(void)state;
	use(&other.d, own);
	other.down = true;
	assert_int_equal(found("bob@example.org"), E_TEMP);
	other.d.domains = (char *)(uintptr_t)",x.example,other.example,";
	assert_int_equal(found("bob@example.org"), 0);
	assert_int_equal(found("bob@other.example"), E_TEMP);
}

static void mail_finds_people_of_every_back_end(void **state)
{
	struct auth_rcpt v;
	struct arena a;

	(void)state;
	use(&other.d, NULL);
	arena_init(&a);
	assert_int_equal(resolve_rcpt(&(struct resolver){ .d = d, .separator = '+' }, STR("info+x@example.org"), &a, &v), 0);
	assert_int_equal(v.ntargets, 1);
	assert_true(str_eqc(v.target[0].account, "carl@example.org"));
	/* the built-in one is not named: its accounts are none, its domains and aliases are */
	assert_int_equal(look("bob@example.org", &a, &(struct directory_account){ .id = 0 }), E_NOTFOUND);
	arena_done(&a);
}

static void numbers_and_mail_stay_with_the_key(void **state)
{
	char before[100], after[100], stranger[100];
	uint64_t anna, bob, carl;

	(void)state;
	use(&other.d, own);
	bob = place("bob@example.org", before);
	carl = place("carl@example.org", before);
	anna = place("anna@example.org", before);
	assert_true(anna != bob && bob != carl && anna != carl);
	assert_string_equal(before, "anna@example.org");
	people[0].local = "maria";
	assert_int_equal(place("maria@example.org", after), anna);
	assert_string_equal(after, before);
	/* the name is free, its mail is not: neither for the built-in account nor for a new colleague */
	assert_true(place("anna@example.org", stranger) != anna);
	assert_string_not_equal(stranger, before);
	assert_true(stranger[0] == 'U');
	people[1].key = "k3";
	people[1].local = "anna";
	assert_true(place("anna@example.org", after) != anna);
	assert_true(after[0] == 'U');
	assert_string_not_equal(stranger, after);
	people[1].key = "k2";
}

static void no_number_is_given_twice(void **state)
{
	char where[100];
	uint64_t carl, dora;

	(void)state;
	use(own, &other.d);
	carl = place("carl@example.org", where);
	assert_int_equal(verb("user add", "address", "dora@example.org", "password", "x", NULL), 0);
	dora = place("dora@example.org", where);
	assert_true(dora > carl);
	assert_int_equal(place("carl@example.org", where), carl);
	assert_int_equal(verb("user remove", "address", "dora@example.org", NULL), 0);
	assert_int_equal(verb("user add", "address", "dora@example.org", "password", "x", NULL), 0);
	assert_true(place("dora@example.org", where) > dora);
}

struct seen {
	char text[400];
};

static bool note(const struct directory_account *v, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%.*s:%s ", STRF(v->local), v->backend);
	return true;
}

static void a_list_has_everybody_once_in_order(void **state)
{
	struct seen s = { "" };

	(void)state;
	use(&other.d, own);
	assert_int_equal(d->ops->accounts(d, STR(""), note, &s), 0);
	/* one that cannot list: as far as they were seen */
	assert_string_equal(s.text, "anna:sqlite bob:sqlite ");
	assert_int_equal(found("anna@example.org"), 0);
	assert_int_equal(found("carl@example.org"), 0);
	s.text[0] = '\0';
	assert_int_equal(d->ops->accounts(d, STR("example.org"), note, &s), 0);
	assert_string_equal(s.text, "anna:other bob:sqlite carl:other ");
	other.down = true;
	assert_int_equal(d->ops->accounts(d, STR(""), note, &s), E_TEMP);
}

static bool note_alias(const struct directory_alias *v, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%.*s ", STRF(v->address));
	return true;
}

static void the_address_book_goes_without_one_that_is_down(void **state)
{
	struct seen s = { "" };
	struct buf missing;

	(void)state;
	use(&other.d, own);
	buf_init(&missing, 100);
	assert_int_equal(d->ops->people(d, STR("example.org"), note, NULL, &s, &missing), 0);
	assert_true(strlen(s.text) > 0 && missing.n == 0);
	assert_int_equal(found("carl@example.org"), 0);
	other.down = true;
	other.asked = 0;
	s.text[0] = '\0';
	assert_int_equal(d->ops->people(d, STR("example.org"), note, note_alias, &s, &missing), 0);
	assert_non_null(strstr(s.text, "bob:sqlite"));
	assert_null(strstr(s.text, "carl"));
	assert_string_equal(buf_cstr(&missing), " other");
	assert_int_equal(other.asked, 1); /* who hangs is waited for once */
	buf_done(&missing);
}

static void changes_go_to_who_keeps_it(void **state)
{
	char where[100];

	(void)state;
	use(&other.d, own);
	assert_int_equal(verb("user password", "address", "carl@example.org", "password", "new", NULL), EX_UNAVAILABLE);
	assert_string_equal(d->kept, "other");
	assert_int_equal(verb("user add", "address", "carl@example.org", "password", "new", NULL), EX_CANTCREAT);
	assert_int_equal(verb("user remove", "address", "carl@example.org", NULL), EX_UNAVAILABLE);
	assert_int_equal(verb("user change", "address", "bob@example.org", "name", "Bob", NULL), 0);
	assert_int_equal(verb("user add", "address", "emil@example.org", "password", "x", NULL), 0);
	(void)place("emil@example.org", where);
	assert_int_equal(verb("user remove", "address", "emil@example.org", NULL), 0);
	assert_int_equal(verb("alias add", "address", "all@example.org", "target", "carl@example.org", NULL), 0);
	assert_int_equal(verb("alias remove", "address", "all@example.org", NULL), 0);
	assert_int_equal(verb("domain add", "domain", "third.example", NULL), 0);
	assert_int_equal(verb("domain remove", "domain", "third.example", NULL), 0);
	assert_int_equal(verb("user invite", "address", "bob@example.org", NULL), 0);
	assert_int_equal(verb("user invite", "address", "carl@example.org", NULL), EX_UNAVAILABLE);
}

static void without_it_the_built_in_one_takes_no_accounts(void **state)
{
	(void)state;
	use(&other.d, NULL);
	assert_int_equal(verb("user add", "address", "emil@example.org", "password", "x", NULL), EX_UNAVAILABLE);
	assert_string_equal(d->kept, "other");
	assert_int_equal(verb("domain add", "domain", "third.example", NULL), 0);
	assert_int_equal(verb("token add", "label", "x", "role", "admin", NULL), 0);
	assert_int_equal(verb("route add", "to", "example.net", "host", "mx.example.net", NULL), 0);
}

static void scram_needs_keys_in_every_back_end(void **state)
{
	bool any, complete;

	(void)state;
	use(own, NULL);
	assert_int_equal(d->ops->scram_complete(d, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(any && complete);
	d->ops->close(d);
	assert_int_equal(directory_sqlite_open(&own), 0);
	use(own, &other.d);
	assert_int_equal(d->ops->scram_complete(d, STR("SCRAM-SHA-256$"), &any, &complete), 0);
	assert_true(any);
	assert_false(complete);
}

static bool one_more(const struct directory_app_password *v, void *arg)
{
	assert_true(str_eqc(v->id, "d1"));
	(*(unsigned *)arg)++;
	return true;
}

/* Whatever a back end keeps, its people's devices have a place, by their number; they go with an account of ours. */
static void everybody_has_app_passwords(void **state)
{
	static const char *const names[] = { "anna@example.org", "bob@example.org" };
	struct directory_app_password p = { .id = STR("d1"), .label = STR(""), .digest = STR("00"), .protocols = STR("imap") }, got;
	struct directory_account v[2], nobody = { .name = STR("nobody@example.org") };
	struct arena a;
	unsigned n, i;

	(void)state;
	use(&other.d, own);
	arena_init(&a);
	for (i = 0; i < 2; i++) {
		assert_int_equal(look(names[i], &a, &v[i]), 0);
		assert_int_equal(d->ops->app_password(d, &v[i], STR("00"), &a, &got), E_NOTFOUND);
		assert_int_equal(d->ops->app_password_add(d, v[i].id, &p), 0);
		assert_int_equal(d->ops->app_password_add(d, v[i].id, &p), E_EXISTS);
		assert_int_equal(d->ops->app_password_used(d, v[i].id, STR("d1"), 7 + i, STR("192.0.2.0/24")), 0);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(d->ops->app_password(d, &v[i], STR("00"), &a, &got), 0);
		assert_int_equal(got.last, 7 + i);
		assert_true(str_eqc(got.peer, "192.0.2.0/24"));
		assert_int_equal(d->ops->app_password(d, &v[i], STR("01"), &a, &got), E_NOTFOUND);
		n = 0;
		assert_int_equal(d->ops->app_passwords(d, v[i].id, one_more, &n), 0);
		assert_int_equal(n, 1);
	}
	assert_int_equal(d->ops->app_password(d, &nobody, STR("00"), &a, &got), E_NOTFOUND);
	assert_int_equal(d->ops->app_password_remove(d, v[0].id, STR("d2")), E_NOTFOUND);
	assert_int_equal(d->ops->app_password_remove(d, v[0].id, STR("d1")), 0);
	assert_int_equal(d->ops->app_password(d, &v[0], STR("00"), &a, &got), E_NOTFOUND);
	assert_int_equal(d->ops->app_password(d, &v[1], STR("00"), &a, &got), 0);
	assert_int_equal(d->ops->account_remove(d, STR("bob"), STR("example.org")), 0);
	assert_int_equal(d->ops->app_password(d, &v[1], STR("00"), &a, &got), E_NOTFOUND);
	arena_done(&a);
}

/* C16: a name that nobody has is somebody's all the same, of the same back end each time. */
static void a_name_that_nobody_has_costs_what_one_of_somebody_costs(void **state)
{
	struct directory_account nobody = { .name = STR("") };
	unsigned there = 0, i, before;
	char name[40];
	int r;

	(void)state;
	use(&other.d, own);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "nobody%u@example.org", i);
		nobody.name = str_of(name);
		before = other.checked;
		r = d->ops->check(d, &nobody, STR("guess"));
		assert_int_equal(r, other.checked > before ? E_DENIED : E_UNSUPPORTED);
		assert_int_equal(d->ops->check(d, &nobody, STR("again")), r);
		there += r == E_DENIED;
	}
	assert_in_range(there, 5, 35);
	nobody.backend = "other"; /* one that may not log in */
	assert_int_equal(d->ops->check(d, &nobody, STR("annas")), E_DENIED);
}

/* What directory_copy.c copies is the whole schema, but for what is this host's alone. */
static void every_table_and_column_is_copied(void **state)
{
#define LISTED(NAME, table, rows, columns, parameters, kinds, order) { table, columns, parameters, kinds },
	static const struct {
		const char *table, *columns, *parameters, *kinds;
	} listed[] = { SQL_TABLES(LISTED) };
	sqlite3 *db = ((struct sqlite_directory *)own)->db;
	size_t i, tables = 0, n;
	char text[200];
	sqlite3_stmt *s;
	const char *p;

	(void)state;
	assert_int_equal(db_prepare(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
		" ESCAPE '\\' AND name <> 'identity'", &s), 0);
	while (db_step(s) == 1)
		tables++;
	sqlite3_finalize(s);
	assert_int_equal(tables, ARRAY_LEN(listed));
	for (i = 0; i < ARRAY_LEN(listed); i++) {
		snprintf(text, sizeof(text), "SELECT count(*) FROM pragma_table_info('%s')", listed[i].table);
		assert_int_equal(db_prepare(db, text, &s), 0);
		assert_int_equal(db_step(s), 1);
		assert_int_equal(db_u64(s, 0), strlen(listed[i].kinds));
		sqlite3_finalize(s);
		for (p = listed[i].columns, n = 1; (p = strchr(p, ',')) != NULL; p++)
			n++;
		assert_int_equal(n, strlen(listed[i].kinds));
		for (p = listed[i].parameters, n = 0; (p = strchr(p, '$')) != NULL; p++)
			n++;
		assert_int_equal(n, strlen(listed[i].kinds));
		assert_true(n <= SQL_PARAMETERS);
	}
}

/* One that came from elsewhere has its mail there where it was, and nobody moves into it. */
static void an_account_of_two_databases_is_one(void **state)
{
	struct directory_identity x;
	struct directory_account v;
	char where[100];
	uint64_t bob, last;
	struct arena a;

	(void)state;
	use(own, NULL);
	bob = place("bob@example.org", where);
	assert_int_equal(identity_placed(own), E_NOTFOUND);
	assert_int_equal(identity_share(own, "sql", 0, &last), 0);
	assert_int_equal(last, bob + 1);
	arena_init(&a);
	assert_int_equal(identity_of(own, bob, &a, &x), 0);
	assert_true(str_eqc(x.backend, "sql") && x.own);
	assert_int_equal(identity_placed(own), E_NOTFOUND);
	assert_int_equal(place("bob@example.org", where), bob);
	/* a number there that was given to others is not used; who has one keeps it */
	assert_int_equal(verb("user add", "address", "dora@example.org", "password", "x", NULL), 0);
	assert_int_equal(identity_share(own, "sql", 40, &last), 0);
	assert_int_equal(last, 40 + place("dora@example.org", where));
	assert_int_equal(identity_find(own, "sql", STR("1"), &a, &x), 0);
	assert_int_equal(x.id, bob);
	/* his mail is his, whoever gets his name */
	assert_int_equal(db_exec(((struct sqlite_directory *)own)->db, "UPDATE account SET local = 'bert' WHERE local = 'bob'"), 0);
	assert_int_equal(identity_placed(own), 0);
	assert_int_equal(place("bert@example.org", where), bob);
	assert_string_equal(where, "bob@example.org");
	assert_int_equal(verb("user add", "address", "bob@example.org", "password", "x", NULL), 0);
	assert_int_not_equal(place("bob@example.org", where), bob);
	assert_true(where[0] == 'U');
	/* a change goes to the upper one of two */
	assert_int_equal(look("bert@example.org", &a, &v), 0);
	assert_int_equal(d->ops->credentials(d, bob, v.hash, STR("hash"), STR("")), 0);
	arena_done(&a);
}

/* A layer is asked ahead for those names alone that it is asked about first: one that is down stops nobody above it. */
static void a_layer_is_asked_ahead_for_its_own_names(void **state)
{
	const struct directory_name names[] = { { STR("anna"), STR("example.org") }, { STR("nobody"), STR("example.org") },
		{ STR("carl"), STR("other.example") }, { STR("bob"), STR("example.org") } };
	static char domains[] = ",example.org,";

	(void)state;
	use(&other.d, own);
	d->ops->prefetch(d, names, ARRAY_LEN(names));
	assert_string_equal(other.ahead, " anna nobody carl bob");
	d->ops->prefetch(d, NULL, 0);
	assert_string_equal(other.ahead, "");
	free(d);
	use(own, &other.d);
	d->ops->prefetch(d, names, ARRAY_LEN(names));
	assert_string_equal(other.ahead, " nobody carl");
	other.d.domains = domains;
	d->ops->prefetch(d, names, ARRAY_LEN(names));
	assert_string_equal(other.ahead, " nobody");
	assert_int_equal(other.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_that_knows_an_account_decides, begin, end),
		cmocka_unit_test_setup_teardown(one_that_is_down_fails_its_own_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_layer_is_asked_ahead_for_its_own_names, begin, end),
		cmocka_unit_test_setup_teardown(above_others_it_fails_what_it_may_know, begin, end),
		cmocka_unit_test_setup_teardown(numbers_and_mail_stay_with_the_key, begin, end),
		cmocka_unit_test_setup_teardown(no_number_is_given_twice, begin, end),
		cmocka_unit_test_setup_teardown(a_list_has_everybody_once_in_order, begin, end),
		cmocka_unit_test_setup_teardown(the_address_book_goes_without_one_that_is_down, begin, end),
		cmocka_unit_test_setup_teardown(changes_go_to_who_keeps_it, begin, end),
		cmocka_unit_test_setup_teardown(scram_needs_keys_in_every_back_end, begin, end),
		cmocka_unit_test_setup_teardown(a_name_that_nobody_has_costs_what_one_of_somebody_costs, begin, end),
		cmocka_unit_test_setup_teardown(everybody_has_app_passwords, begin, end),
		cmocka_unit_test_setup_teardown(mail_finds_people_of_every_back_end, begin, end),
		cmocka_unit_test_setup_teardown(every_table_and_column_is_copied, begin, end),
		cmocka_unit_test_setup_teardown(an_account_of_two_databases_is_one, begin, end),
		cmocka_unit_test_setup_teardown(without_it_the_built_in_one_takes_no_accounts, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
