/* SPDX-License-Identifier: ISC
 *
 * directory_names.c: see directory_names.h. PostgreSQL comes here while a connection is made for another question: no statement is
 * used that such a question may be.
 */
#include "auth/directory_names.h"

#include "auth/directory_sql.h"
#include "auth/resolve.h"
#include "auth/trouble.h"
#include "base/table.h"
#include "mail/address.h"

struct search {
	struct directory *d;
	struct arena *a;
	struct table seen; /* mapped name -> the first that would have it */
	struct directory_lost *first, **end;
};

static void look_at(struct search *s, uint64_t id, struct str local, struct str domain)
{
	struct address addr = { .local = local };
	struct str mapped = STR(""), none;
	struct directory_lost *v, *before;

	if (address_normal(&addr, s->a, &mapped, &none) == 0 && str_eq(mapped, local))
		return;
	v = ARENA_NEW(s->a, struct directory_lost);
	*v = (struct directory_lost){ .id = id, .local = local, .domain = domain, .mapped_local = mapped, .mapped = STR("") };
	v->name = address_name(local, domain, s->a);
	if (mapped.n > 0) {
		v->mapped = address_name(mapped, domain, s->a);
		before = table_set(&s->seen, v->mapped, v);
		if (before)
			v->taken = before->taken = true;
	}
	*s->end = v;
	s->end = &v->next;
}

static int read_accounts(struct search *s)
{
	struct sql *q;
	int r = sql_begin(s->d, Q_NAMES_ACCOUNTS, &q);

	if (r < 0)
		return r;
	while ((r = sql_step(q)) == 1)
		look_at(s, sql_u64(q, 0), sql_str(q, 1, s->a), sql_str(q, 2, s->a));
	return r;
}

static int read_aliases(struct search *s)
{
	struct address addr;
	struct str text;
	struct sql *q;
	int r = sql_begin(s->d, Q_NAMES_ALIASES, &q);

	if (r < 0)
		return r;
	while ((r = sql_step(q)) == 1) {
		text = sql_str(q, 0, s->a);
		if (address_parse_all(text, s->a, &addr) == 0)
			look_at(s, 0, addr.local, sql_str(q, 1, s->a));
	}
	return r;
}

static int is_taken(struct search *s, struct directory_lost *v)
{
	struct sql *q;
	int r = sql_begin(s->d, Q_NAMES_TAKEN, &q);

	if (r < 0)
		return r;
	sql_bind_str(q, 1, v->mapped_local);
	sql_bind_str(q, 2, v->domain);
	sql_bind_str(q, 3, v->mapped);
	r = sql_one(q);
	if (r < 0)
		return r;
	v->taken |= sql_u64(q, 0) > 0;
	sql_reset(q);
	return 0;
}

int directory_lost(struct directory *d, struct arena *a, struct directory_lost **out)
{
	struct search s = { .d = d, .a = a };
	struct directory_lost *v;
	int r;

	s.end = &s.first;
	table_init(&s.seen);
	r = read_accounts(&s);
	if (r == 0)
		r = read_aliases(&s);
	for (v = s.first; v && r == 0; v = v->next)
		if (v->mapped.n > 0)
			r = is_taken(&s, v);
	table_done(&s.seen);
	if (r == 0)
		*out = s.first;
	return r;
}

/* The account or alias itself, then what names it. */
static int rename_all(struct directory *d, const struct directory_lost *v)
{
	static const enum sql_statement named[] = { Q_NAMES_MOVE_RIGHT, Q_NAMES_MOVE_HOLDER, Q_NAMES_MOVE_OWNER, Q_NAMES_MOVE_RULE };
	struct sql *q;
	size_t i;
	int r = sql_begin(d, v->id ? Q_NAMES_MOVE_ACCOUNT : Q_NAMES_MOVE_ALIAS, &q);

	if (r < 0)
		return r;
	if (v->id)
		sql_bind_u64(q, 1, v->id);
	else
		sql_bind_str(q, 1, v->name);
	sql_bind_str(q, 2, v->id ? v->mapped_local : v->mapped);
	r = sql_change(q);
	for (i = 0; r == 0 && i < ARRAY_LEN(named); i++) {
		r = sql_begin(d, named[i], &q);
		if (r < 0)
			break;
		sql_bind_str(q, 1, v->name);
		sql_bind_str(q, 2, v->mapped);
		r = sql_run(q);
	}
	return r;
}

int directory_find_lost(struct directory *d, int (*moved)(struct directory *d, const struct directory_lost *v))
{
	struct directory_lost *v = NULL;
	struct arena a;
	int r;

	arena_init(&a);
	r = directory_lost(d, &a, &v);
	for (; v && r == 0; v = v->next) {
		if (v->taken || v->mapped.n == 0) {
			trouble_tell("%s: %.*s is not found any more: %s%.*s (mansio directory check)", d->name, STRF(v->name),
				v->taken ? "there is another " : "it is no name", STRF(v->mapped));
			continue;
		}
		r = rename_all(d, v);
		if (r == 0 && v->id && moved)
			r = moved(d, v);
	}
	arena_done(&a);
	return r;
}
