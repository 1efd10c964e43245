/* SPDX-License-Identifier: ISC
 *
 * directory_list.c: lists of all layers of a stack as one, in the order that every back end's
 * own list has; of two things of the same name the upper layer's counts. A layer that is down
 * fails the whole list: whoever lists must not take a part for all. Only the address book (stack_people) goes
 * without it, and says so.
 *
 * A layer that cannot list (PAM) is listed as far as its accounts have been seen.
 */
#include "auth/directory_sqlite.h"
#include "auth/directory_stack.h"

struct listed {
	struct str first, second; /* order: first, then second */
	size_t rank; /* of the layer */
	union {
		struct directory_domain domain;
		struct directory_account account;
		struct directory_alias alias;
	} v;
};

struct collection {
	struct stack *s;
	struct directory *layer; /* whose turn it is */
	size_t rank;
	struct arena a;
	struct listed *item;
	size_t n, cap;
};

static struct listed *add(struct collection *c, struct str first, struct str second)
{
	struct listed *l;

	if (c->n == c->cap) {
		c->cap = c->cap * 2 + 64;
		c->item = mem_grow(c->item, c->cap, sizeof(*c->item));
	}
	l = &c->item[c->n++];
	*l = (struct listed){ .first = arena_str(&c->a, first), .second = arena_str(&c->a, second), .rank = c->rank };
	return l;
}

static int by_name(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int c = str_cmp(x->first, y->first);

	if (c == 0)
		c = str_cmp(x->second, y->second);
	return c != 0 ? c : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* In order, and of each name the first alone. */
static void settle(struct collection *c)
{
	size_t i, n = 0;

	if (c->n > 0)
		qsort(c->item, c->n, sizeof(*c->item), by_name);
	for (i = 0; i < c->n; i++)
		if (n == 0 || !str_eq(c->item[i].first, c->item[n - 1].first) ||
			!str_eq(c->item[i].second, c->item[n - 1].second))
			c->item[n++] = c->item[i];
	c->n = n;
}

static void collection_done(struct collection *c)
{
	free(c->item);
	arena_wipe(&c->a);
}

static bool keep_domain(const struct directory_domain *v, void *arg)
{
	struct collection *c = arg;
	struct directory_domain *mine = &add(c, v->name, STR(""))->v.domain;

	*mine = *v;
	mine->name = arena_str(&c->a, v->name);
	mine->catchall = arena_str(&c->a, v->catchall);
	return true;
}

static bool keep_account(const struct directory_account *v, void *arg)
{
	struct collection *c = arg;
	struct directory_account *mine;

	if (!stack_asks(c->layer, v->domain))
		return true;
	mine = &add(c, v->domain, v->local)->v.account;
	*mine = *v;
	mine->local = arena_str(&c->a, v->local);
	mine->domain = arena_str(&c->a, v->domain);
	mine->name = arena_str(&c->a, v->name);
	mine->hash = arena_str(&c->a, v->hash);
	mine->scram = arena_str(&c->a, v->scram);
	mine->roles = arena_str(&c->a, v->roles);
	mine->forward = arena_str(&c->a, v->forward);
	mine->refuse_text = arena_str(&c->a, v->refuse_text);
	mine->send_as = arena_str(&c->a, v->send_as);
	mine->key = arena_str(&c->a, v->key);
	mine->home_local = mine->home_domain = STR("");
	mine->backend = c->layer->name;
	return true;
}

static bool keep_alias(const struct directory_alias *v, void *arg)
{
	struct collection *c = arg;
	ssize_t at = str_find(v->address, '@');
	struct directory_alias *mine;
	struct str domain = STR("");

	for (; at >= 0; at = str_find(domain, '@'))
		domain = str_from(domain.n ? domain : v->address, (size_t)at + 1);
	mine = &add(c, domain, v->address)->v.alias;
	mine->address = arena_str(&c->a, v->address);
	mine->targets = arena_str(&c->a, v->targets);
	mine->unlisted = v->unlisted;
	return true;
}

/* Was it seen, and is it still there? */
struct sightings {
	struct collection *c;
	struct str domain;
	int err;
};

static bool keep_seen(const struct directory_identity *v, void *arg)
{
	struct sightings *x = arg;
	struct directory_account acc = { .id = 0 };
	struct directory *e = x->c->layer;
	struct arena a;
	int r;

	if (x->domain.n > 0 && !str_eq(x->domain, v->domain))
		return true;
	arena_init(&a);
	r = e->ops->account(e, v->local, v->domain, &a, &acc);
	if (r == 0)
		keep_account(&acc, x->c);
	else if (r != E_NOTFOUND)
		x->err = r;
	arena_wipe(&a);
	return x->err == 0;
}

/* Of the layer whose turn it is. */
static int collect_domains(struct collection *c, struct str domain)
{
	(void)domain;
	return c->layer->ops->domains ? c->layer->ops->domains(c->layer, keep_domain, c) : 0;
}

static int collect_accounts(struct collection *c, struct str domain)
{
	struct sightings x = { .c = c, .domain = domain };
	int r;

	if (!c->s->layer[c->rank].accounts)
		return 0;
	if (c->layer->ops->accounts)
		return c->layer->ops->accounts(c->layer, domain, keep_account, c);
	r = identity_list(c->s->own, c->layer->name, keep_seen, &x);
	return r < 0 ? r : x.err;
}

static int collect_aliases(struct collection *c, struct str domain)
{
	return c->layer->ops->aliases ? c->layer->ops->aliases(c->layer, domain, keep_alias, c) : 0;
}

/* Layers that failed: none is asked a second time, nor named. */
struct left_out {
	bool layer[DIRECTORY_STACK + 1];
	struct buf *names; /* a space before each */
};

/* All layers' things, in order; after a failure none. out: NULL, or those that fail are left out. */
static int collect(struct collection *c, struct str domain, int (*of_layer)(struct collection *c, struct str domain), struct left_out *out)
{
	size_t before;
	int r = 0;

	arena_init(&c->a);
	for (c->rank = 0; c->rank < c->s->n && r == 0; c->rank++) {
		if (out && out->layer[c->rank])
			continue;
		c->layer = c->s->layer[c->rank].d;
		before = c->n;
		r = of_layer(c, domain);
		if (r < 0 && out) {
			c->n = before; /* a part is not taken for all of it */
			out->layer[c->rank] = true;
			buf_fmt(out->names, " %s", c->layer->name);
			r = 0;
		}
	}
	if (r < 0)
		c->n = 0;
	settle(c);
	return r;
}

int stack_domains(struct directory *d, bool (*fn)(const struct directory_domain *v, void *arg), void *arg)
{
	struct collection c = { .s = stack_of(d) };
	int r = collect(&c, STR(""), collect_domains, NULL);
	size_t i;

	for (i = 0; i < c.n && fn(&c.item[i].v.domain, arg); i++)
		;
	collection_done(&c);
	return r;
}

static int list_accounts(struct directory *d, struct str domain, bool (*fn)(const struct directory_account *v, void *arg), void *arg,
	struct left_out *out)
{
	struct collection c = { .s = stack_of(d) };
	int r = collect(&c, domain, collect_accounts, out);
	size_t i;

	for (i = 0; i < c.n && fn(&c.item[i].v.account, arg); i++)
		;
	collection_done(&c);
	return r;
}

static int list_aliases(struct directory *d, struct str domain, bool (*fn)(const struct directory_alias *v, void *arg), void *arg,
	struct left_out *out)
{
	struct collection c = { .s = stack_of(d) };
	int r = collect(&c, domain, collect_aliases, out);
	size_t i;

	for (i = 0; i < c.n && fn(&c.item[i].v.alias, arg); i++)
		;
	collection_done(&c);
	return r;
}

int stack_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg)
{
	return list_accounts(d, domain, fn, arg, NULL);
}

int stack_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	return list_aliases(d, domain, fn, arg, NULL);
}

int stack_people(struct directory *d, struct str domain, bool (*account)(const struct directory_account *v, void *arg),
	bool (*alias)(const struct directory_alias *v, void *arg), void *arg, struct buf *missing)
{
	struct left_out out = { .names = missing };
	int r = account ? list_accounts(d, domain, account, arg, &out) : 0;

	return r == 0 && alias ? list_aliases(d, domain, alias, arg, &out) : r;
}
