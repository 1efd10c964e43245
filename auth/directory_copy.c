/* SPDX-License-Identifier: ISC
 *
 * directory_copy.c: everything of one SQL directory into another, row by row.
 *
 * What is read is of one moment (one transaction), and the one that gets it shows nothing until all
 * of it is there (one transaction); it is undone if this process or the connection ends. Every
 * table of SQL_TABLES is copied, every column of it as it is.
 *
 * Accounts keep the number that this host knows them by, and with it their mail. A database of
 * others has numbers of its own: which of them is which is kept in the table of identities
 * (directory_identity.c), which is this host's. Into another database that table is filled in first:
 * numbers that nobody was given yet harm nobody if the rest is undone. The same numbers are taken
 * where they are free there, as they are in a new database. Back again, the number of this host is
 * looked up. The secret is not copied: each host has its own.
 */
#include "auth/directory_copy.h"

#include "auth/directory_sqlite.h"
#include "auth/directory_stack.h"

#define TRIES 3 /* an account was made between two steps */

#define TABLE(NAME, table, rows, columns, parameters, kinds, order) \
	{ table, Q_READ_##NAME, Q_WRITE_##NAME, Q_CLEAR_##NAME, kinds },
static const struct {
	const char *name;
	enum sql_statement read, write, clear;
	const char *kinds;
} tables[] = { SQL_TABLES(TABLE) };

struct copy {
	struct directory_copy *what;
	struct stack *s;
	struct directory *own, *from, *to;
	struct arena a; /* of one row */
	int seen; /* how account_seen went */
	bool new_one; /* an account came that has no number there yet: once more */
};

static int run(struct directory *d, enum sql_statement q)
{
	struct sql *s;
	int r = sql_begin(d, q, &s);

	return r < 0 ? r : sql_run(s);
}

static int number_of(struct directory *d, enum sql_statement q, uint64_t *out)
{
	struct sql *s;
	int r = sql_begin(d, q, &s);

	if (r == 0)
		r = sql_one(s);
	if (r < 0)
		return r;
	*out = sql_u64(s, 0);
	sql_reset(s);
	return 0;
}

/* Empties it, or sees that it is empty. */
static int make_room(struct copy *c)
{
	uint64_t there = 0;
	size_t i;
	int r = 0;

	for (i = ARRAY_LEN(tables); c->what->replace && r == 0 && i > 0; i--)
		r = run(c->to, tables[i - 1].clear);
	if (r == 0)
		r = number_of(c->to, Q_HOW_MUCH, &there);
	return r == 0 && there > 0 ? E_EXISTS : r;
}

/* --- numbers ------------------------------------------------------------------------- */

static struct str decimal(struct copy *c, uint64_t n)
{
	return str_of(arena_fmt(&c->a, "%llu", (unsigned long long)n));
}

/* Which number an account of `from` has in `to`. */
static int number_there(struct copy *c, uint64_t id, uint64_t *out)
{
	struct directory_identity x;
	int r;

	if (c->to == c->own) {
		r = identity_find(c->own, c->from->name, decimal(c, id), &c->a, &x);
		if (r == 0)
			*out = x.id;
		return r == E_NOTFOUND ? E_DAMAGED : r;
	}
	r = identity_of(c->own, id, &c->a, &x);
	if (r == 0 && str_eqc(x.backend, c->to->name))
		return str_u64(x.key, INT64_MAX, out);
	c->new_one = r == 0 || r == E_NOTFOUND;
	return c->new_one ? E_TEMP : r;
}

/* An account that may never have been seen yet has its number and place from now on. */
static int account_seen(struct copy *c, struct directory *e, struct directory_account *v)
{
	v->key = decimal(c, v->id);
	return stack_account(c->s, e, &c->a, v);
}

static bool own_account_seen(const struct directory_account *v, void *arg)
{
	struct directory_account mine = *v;
	struct copy *c = arg;

	c->seen = account_seen(c, c->own, &mine);
	arena_reset(&c->a);
	c->what->working(c->what->arg);
	return c->seen == 0;
}

/* Each account of the built-in database gets its number in `to`. */
static int number_all(struct copy *c)
{
	uint64_t last = 0;
	struct sql *s;
	int r = number_of(c->to, Q_NUMBER_LAST, &last);

	if (r == 0)
		r = sql_transaction(c->own, SQL_WRITE);
	if (r < 0)
		return r;
	c->seen = 0;
	r = c->own->ops->accounts(c->own, STR(""), own_account_seen, c);
	if (r == 0)
		r = c->seen;
	if (r == 0)
		r = identity_share(c->own, c->to->name, last, &last);
	if (r == 0)
		r = sql_transaction(c->own, SQL_COMMIT);
	else
		(void)sql_transaction(c->own, SQL_ROLLBACK);
	if (r == 0)
		r = sql_begin(c->to, Q_NUMBER_PAST, &s);
	if (r < 0)
		return r;
	sql_bind_u64(s, 1, last);
	r = sql_one(s);
	if (r == 0)
		sql_reset(s);
	return r;
}

/* --- rows --------------------------------------------------------------------------- */

static int bind_column(struct copy *c, char kind, struct sql *from, struct sql *to, int i)
{
	uint64_t id = 0;
	int r = 0;

	switch (kind) {
	case 'a':
		r = number_there(c, sql_u64(from, i), &id);
		sql_bind_u64(to, i + 1, id);
		break;
	case 'n':
		sql_bind_u64(to, i + 1, sql_u64(from, i));
		break;
	case 'b':
		sql_bind_bytes(to, i + 1, sql_bytes(from, i));
		break;
	default:
		sql_bind_str(to, i + 1, sql_str(from, i, &c->a));
	}
	return r;
}

static int copy_row(struct copy *c, size_t t, struct sql *from)
{
	const char *kind = tables[t].kinds;
	struct directory_account v = { .id = 0 };
	struct sql *to;
	int i, r = 0;

	if (c->to == c->own && tables[t].write == Q_WRITE_ACCOUNTS) {
		v.id = sql_u64(from, 0);
		v.local = sql_str(from, 1, &c->a);
		v.domain = sql_str(from, 2, &c->a);
		r = account_seen(c, c->from, &v);
	}
	if (r == 0)
		r = sql_begin(c->to, tables[t].write, &to);
	if (r < 0)
		return r;
	for (i = 0; r == 0 && kind[i]; i++)
		r = bind_column(c, kind[i], from, to, i);
	if (r == 0)
		return sql_run(to);
	sql_reset(to);
	return r;
}

static int copy_table(struct copy *c, size_t t)
{
	struct sql *s;
	uint64_t n = 0;
	int r = sql_begin(c->from, tables[t].read, &s), step = 0;

	if (r < 0)
		return r;
	while (r == 0 && (step = sql_step(s)) == 1) {
		r = copy_row(c, t, s);
		arena_reset(&c->a);
		c->what->working(c->what->arg);
		n++;
	}
	if (r < 0)
		sql_reset(s);
	c->what->table[t].name = tables[t].name;
	c->what->table[t].rows = n;
	return r < 0 ? r : MIN(step, 0);
}

static int copy_tables(struct copy *c)
{
	size_t *t = &c->what->ntables;
	int r = sql_transaction(c->from, SQL_READ);

	if (r < 0)
		return r;
	for (*t = 0; r == 0 && *t < ARRAY_LEN(tables); *t += r == 0)
		r = copy_table(c, *t);
	(void)sql_transaction(c->from, SQL_ROLLBACK);
	return r;
}

static int copy_all(struct copy *c)
{
	int r = sql_transaction(c->to, SQL_WRITE);

	if (r < 0)
		return r;
	c->new_one = false;
	r = make_room(c);
	if (r == 0 && c->to != c->own)
		r = number_all(c);
	if (r == 0)
		r = copy_tables(c);
	if (r == 0)
		return sql_transaction(c->to, SQL_COMMIT);
	(void)sql_transaction(c->to, SQL_ROLLBACK);
	return r;
}

/* --- which ---------------------------------------------------------------------------- */

static struct directory *named(struct stack *s, struct str name)
{
	size_t i;

	if (str_eqc(name, s->own->name))
		return s->own;
	for (i = 0; i < s->n; i++)
		if (str_eqc(name, s->layer[i].d->name) && s->layer[i].d->sql)
			return s->layer[i].d;
	return NULL;
}

int directory_copy(struct directory *d, struct directory_copy *what)
{
	struct copy c = { .what = what, .s = (struct stack *)d };
	int i, r = E_TEMP;

	if (strcmp(d->name, DIRECTORY_IS_STACK) != 0)
		return E_NOTFOUND;
	c.own = c.s->own;
	c.from = named(c.s, what->from);
	c.to = named(c.s, what->to);
	if (!c.from || !c.to || (c.from == c.own) == (c.to == c.own))
		return E_NOTFOUND;
	arena_init(&c.a);
	for (i = 0; i < TRIES && r < 0 && (i == 0 || c.new_one); i++)
		r = copy_all(&c);
	arena_wipe(&c.a);
	return r == E_NOTFOUND ? E_DAMAGED : r;
}
