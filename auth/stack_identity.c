/* SPDX-License-Identifier: ISC
 *
 * stack_identity.c: numbers of accounts, and where their mail lies, in a stack of back ends (directory_stack.c says how).
 */
#include "auth/directory_sqlite.h"
#include "auth/directory_stack.h"

struct claim {
	const struct stack *s;
	struct str backend, key;
	bool taken;
};

static bool claimed(const struct directory_identity *v, void *arg)
{
	struct claim *c = arg;
	size_t i;

	if (str_eq(v->backend, c->backend) && str_eq(v->key, c->key))
		return true;
	/* what was left behind by a layer that is gone may be moved into */
	for (i = 0; i < c->s->n; i++)
		c->taken |= c->s->layer[i].accounts && (str_eqc(v->backend, c->s->layer[i].d->name) ||
			(v->own && c->s->layer[i].d == c->s->own));
	return !c->taken;
}

/* The first time that it is seen, or, if it is our own, that it needs a row. */
static int first_seen(struct stack *s, const struct directory_identity *x, struct arena *a,
	struct directory_identity *out)
{
	struct claim c = { .s = s, .backend = x->backend, .key = x->key };
	struct directory_identity made = *x;
	int r = identity_home(s->own, x->local, x->domain, claimed, &c);

	if (r < 0)
		return r;
	if (!c.taken && x->id > 0)
		return E_NOTFOUND;
	made.home_local = c.taken ? STR("") : x->local;
	made.home_domain = x->domain;
	r = identity_add(s->own, &made);
	return r < 0 ? r : identity_find(s->own, arena_cstr(a, x->backend), x->key, a, out);
}

static int identify(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v)
{
	struct directory_identity x, seen = { .backend = str_of(e->name), .local = v->local, .domain = v->domain };
	int r;

	if (e == s->own)
		seen.id = v->id;
	seen.key = e == s->own ? str_of(arena_fmt(a, "%llu", (unsigned long long)v->id)) :
		v->key.n ? v->key : str_of(arena_fmt(a, "%.*s@%.*s", STRF(v->local), STRF(v->domain)));
	r = e == s->own ? identity_of(s->own, v->id, a, &x) : identity_find(s->own, e->name, seen.key, a, &x);
	if (r == E_NOTFOUND)
		r = first_seen(s, &seen, a, &x);
	else if (r == 0 && (!str_eq(x.local, v->local) || !str_eq(x.domain, v->domain)))
		r = identity_move(s->own, x.id, v->local, v->domain);
	if (r == E_NOTFOUND && e == s->own)
		return 0;
	if (r < 0)
		return r;
	v->id = x.id;
	v->home_local = x.home_local;
	v->home_domain = x.home_domain;
	return 0;
}

int stack_account(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v)
{
	struct directory_domain dom;
	struct directory *keeper;
	int r;

	v->backend = e->name;
	if (!e->ops->domain) {
		r = stack_find_domain(s, v->domain, a, &dom, &keeper);
		if (r < 0 && r != E_NOTFOUND)
			return r;
		v->domain_active = r == 0 && dom.active;
	}
	return identify(s, e, a, v);
}

int stack_layer_of(struct stack *s, uint64_t id, struct directory **layer_out, uint64_t *own_id_out)
{
	struct directory_identity x;
	struct arena a;
	size_t i;
	int r;

	arena_init(&a);
	r = identity_of(s->own, id, &a, &x);
	if (r == E_NOTFOUND || (r == 0 && str_eqc(x.backend, s->own->name))) {
		*layer_out = s->own;
		*own_id_out = id;
		r = 0;
	} else if (r == 0) {
		r = E_UNSUPPORTED;
		for (i = 0; i < s->n && r < 0; i++) { /* one that was copied is in two: the upper one counts */
			*layer_out = s->layer[i].d;
			*own_id_out = id;
			if (s->layer[i].d == s->own ? x.own && s->layer[i].accounts : str_eqc(x.backend, s->layer[i].d->name) &&
				str_u64(x.key, INT64_MAX, own_id_out) == 0)
				r = 0;
		}
	}
	arena_done(&a);
	return r;
}
