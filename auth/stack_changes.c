/* SPDX-License-Identifier: ISC
 *
 * stack_changes.c: changes in a stack of back ends: by the layer that keeps the thing; a new account or alias by the
 * one that keeps its domain, a new domain by the first that can be changed, an invitation beside its account. Of a layer
 * that cannot be changed its name is kept for the person who tried.
 */
#include "auth/directory_stack.h"

/* d cannot be changed there: the words for the person say which it is. */
static int kept(struct directory *d, const struct directory *layer)
{
	d->kept = layer->name;
	return E_UNSUPPORTED;
}

int stack_credentials(struct directory *d, uint64_t id, struct str before, struct str hash, struct str scram)
{
	struct directory *e;
	uint64_t own_id;
	int r = stack_layer_of(stack_of(d), id, &e, &own_id);

	if (r < 0)
		return r;
	return e->ops->credentials ? e->ops->credentials(e, own_id, before, hash, scram) : kept(d, e);
}

int stack_domain_put(struct directory *d, const struct directory_domain *v, bool is_new)
{
	struct stack *s = stack_of(d);
	struct directory_domain old;
	struct directory *e = s->own;
	struct arena a;
	size_t i;
	int r;

	arena_init(&a);
	r = stack_find_domain(s, v->name, &a, &old, &e);
	arena_done(&a);
	if (is_new && r == E_NOTFOUND) {
		for (i = 0; i < s->n; i++) {
			e = s->layer[i].d;
			if (e->ops->domain_put && stack_asks(e, v->name))
				return e->ops->domain_put(e, v, true);
		}
		return kept(d, e);
	}
	if (r < 0 || is_new)
		return r < 0 ? r : E_EXISTS;
	return e->ops->domain_put ? e->ops->domain_put(e, v, false) : kept(d, e);
}

int stack_domain_remove(struct directory *d, struct str name)
{
	struct directory_domain v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = stack_find_domain(stack_of(d), name, &a, &v, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->domain_remove ? e->ops->domain_remove(e, name) : kept(d, e);
}

static bool has_accounts(const struct stack *s, const struct directory *e)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->layer[i].d == e)
			return s->layer[i].accounts;
	return false;
}

int stack_account_put(struct directory *d, const struct directory_account *v, bool is_new)
{
	struct stack *s = stack_of(d);
	struct directory_account old;
	struct directory_domain dom;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = stack_find_account(s, v->local, v->domain, &a, &old, &e);
	if (is_new && r == 0)
		r = E_EXISTS;
	else if (is_new && r == E_NOTFOUND)
		r = stack_find_domain(s, v->domain, &a, &dom, &e);
	arena_wipe(&a);
	if (r < 0)
		return r;
	if (!has_accounts(s, e))
		return kept(d, s->layer[0].d);
	return e->ops->account_put ? e->ops->account_put(e, v, is_new) : kept(d, e);
}

int stack_account_remove(struct directory *d, struct str local, struct str domain)
{
	struct directory_account v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = stack_find_account(stack_of(d), local, domain, &a, &v, &e);
	arena_wipe(&a);
	if (r < 0)
		return r;
	return e->ops->account_remove ? e->ops->account_remove(e, local, domain) : kept(d, e);
}

int stack_alias_put(struct directory *d, const struct directory_alias *v, struct str domain, bool is_new)
{
	struct directory_domain dom;
	struct directory_alias old;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = stack_find_alias(stack_of(d), v->address, &a, &old, &e);
	if (is_new && r == 0)
		r = E_EXISTS;
	else if (is_new && r == E_NOTFOUND)
		r = stack_find_domain(stack_of(d), domain, &a, &dom, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->alias_put ? e->ops->alias_put(e, v, domain, is_new) : kept(d, e);
}

int stack_alias_remove(struct directory *d, struct str address)
{
	struct directory_alias v;
	struct directory *e;
	struct arena a;
	int r;

	arena_init(&a);
	r = stack_find_alias(stack_of(d), address, &a, &v, &e);
	arena_done(&a);
	if (r < 0)
		return r;
	return e->ops->alias_remove ? e->ops->alias_remove(e, address) : kept(d, e);
}

/* --- invitations: beside the account that they are for ---------------------------------- */

int stack_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out)
{
	struct stack *s = stack_of(d);
	struct directory_account acc = { .id = 0 };
	struct directory_invite v;
	size_t i;
	int r = E_NOTFOUND;

	for (i = 0; i < s->n && r == E_NOTFOUND; i++) {
		struct directory *e = s->layer[i].d;

		if (!s->layer[i].accounts || !e->ops->invite)
			continue;
		r = e->ops->invite(e, id, a, &v);
		if (r == 0)
			r = e->ops->account(e, v.local, v.domain, a, &acc);
		if (r == 0)
			r = stack_account(s, e, a, &acc);
	}
	if (r < 0)
		return r;
	v.account = acc.id;
	*out = v;
	return 0;
}

int stack_invite_put(struct directory *d, const struct directory_invite *v)
{
	struct directory_invite mine = *v;
	struct directory *e;
	int r = stack_layer_of(stack_of(d), v->account, &e, &mine.account);

	if (r < 0)
		return r;
	return e->ops->invite_put ? e->ops->invite_put(e, &mine) : kept(d, e);
}

int stack_invite_remove(struct directory *d, uint64_t account)
{
	struct directory *e;
	uint64_t own_id;
	int r = stack_layer_of(stack_of(d), account, &e, &own_id);

	if (r < 0)
		return r;
	return e->ops->invite_remove ? e->ops->invite_remove(e, own_id) : kept(d, e);
}
