/* SPDX-License-Identifier: ISC
 *
 * verbs_domain.c: mansio domain add|list|show|change|remove.
 */
#include <sysexits.h>

#include "auth/roles.h"
#include "auth/verbs.h"

static bool row(const struct directory_domain *dom, void *arg)
{
	struct verb *v = arg;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "domain", dom->name);
	ipc_setc(&m, "active", dom->active ? "yes" : "no");
	ipc_set_u64(&m, "users", dom->accounts);
	ipc_set_u64(&m, "aliases", dom->aliases);
	ipc_set(&m, "catchall", dom->catchall);
	ipc_setc(&m, "backup", dom->backup ? "yes" : "no");
	verb_row(v, &m);
	return true;
}

/* active=, backup=, catchall= (empty: none); absent ones stay. */
static int arguments(struct verb *v, struct directory_domain *dom)
{
	struct str given = ipc_get(v->m, "catchall"), local, domain;

	if (verb_bool(v, "active", &dom->active) < 0 || verb_bool(v, "backup", &dom->backup) < 0)
		return -1;
	if (given.p && given.n == 0) {
		dom->catchall = STR("");
	} else if (given.p) {
		if (address_read(given, &v->a, &local, &domain) < 0)
			return verb_fail(v, EX_DATAERR, "catchall: '%.*s' is not an address",
				STRF(given));
		dom->catchall = address_name(local, domain, &v->a);
	}
	if (dom->backup && (dom->accounts > 0 || dom->catchall.n > 0))
		return verb_fail(v, EX_DATAERR, "a backup domain has no accounts and no catch-all: its recipients are aliases to themselves");
	return 0;
}

static void put(struct verb *v, struct directory_domain *dom, bool is_new)
{
	int r;

	if (arguments(v, dom) < 0)
		return;
	r = v->d->ops->domain_put ? v->d->ops->domain_put(v->d, dom, is_new) : E_UNSUPPORTED;
	if (r < 0) {
		verb_error(v, r, "domain", dom->name);
		return;
	}
	v->changed = true;
	if (!dom->active) /* nobody of it may log in any more */
		verb_ends(v, str_of(arena_fmt(&v->a, "@%.*s", STRF(dom->name))));
}

void verb_domain_add(struct verb *v)
{
	struct directory_domain dom = { .active = true, .catchall = STR("") };

	if (verb_domain(v, &dom.name) == 0)
		put(v, &dom, true);
}

/* With how much is in it. */
static int find(struct verb *v, struct directory_domain *out)
{
	struct str name;
	int r;

	if (verb_domain(v, &name) < 0)
		return -1;
	r = v->d->ops->domain(v->d, name, &v->a, out);
	if (r == 0 && v->d->ops->domain_size)
		r = v->d->ops->domain_size(v->d, name, &out->accounts, &out->aliases);
	return r < 0 ? verb_error(v, r, "domain", name) : 0;
}

void verb_domain_change(struct verb *v)
{
	struct directory_domain dom;

	if (find(v, &dom) == 0)
		put(v, &dom, false);
}

void verb_domain_show(struct verb *v)
{
	struct directory_domain dom;

	if (find(v, &dom) == 0)
		row(&dom, v);
}

static bool list_row(const struct directory_domain *dom, void *arg)
{
	return verb_in_scope(arg, STR(""), dom->name) ? row(dom, arg) : true;
}

void verb_domain_list(struct verb *v)
{
	int r = v->d->ops->domains ? v->d->ops->domains(v->d, list_row, v) : E_UNSUPPORTED;

	if (r < 0)
		verb_error(v, r, "domain", STR(""));
}

struct administrator {
	struct administrator *next;
	struct str local, domain;
};

struct administrators {
	struct verb *v;
	struct str role;
	struct administrator *first;
};

static bool has_role(const struct directory_account *acc, void *arg)
{
	struct administrators *all = arg;
	struct arena *a = &all->v->a;
	struct administrator *one;
	struct str rest;

	if (rights_roles_without(acc->roles, all->role, a, &rest)) {
		one = ARENA_NEW(a, struct administrator);
		*one = (struct administrator){ all->first, arena_str(a, acc->local), arena_str(a, acc->domain) };
		all->first = one;
	}
	return true;
}

/* Whoever makes a domain of this name later has other administrators. */
static void roles_forget(struct verb *v, struct str domain)
{
	struct administrators all = { v, str_of(arena_fmt(&v->a, "admin@%.*s", STRF(domain))), NULL };
	int r = v->d->ops->accounts ? v->d->ops->accounts(v->d, STR(""), has_role, &all) : 0;
	struct directory_account acc;
	struct administrator *one;

	for (one = all.first; r == 0 && one; one = one->next) {
		r = v->d->ops->account(v->d, one->local, one->domain, &v->a, &acc);
		if (r == 0 && rights_roles_without(acc.roles, all.role, &v->a, &acc.roles))
			r = v->d->ops->account_put(v->d, &acc, false);
	}
	if (r < 0)
		verb_error(v, r, "administrators of", domain);
}

void verb_domain_remove(struct verb *v)
{
	struct directory_domain dom;
	int r;

	if (find(v, &dom) < 0)
		return;
	r = v->d->ops->domain_remove ? v->d->ops->domain_remove(v->d, dom.name) : E_UNSUPPORTED;
	if (r == E_EXISTS) {
		verb_fail(v, EX_CANTCREAT, "domain %.*s still has users or aliases: remove them first",
			STRF(dom.name));
	} else if (r < 0) {
		verb_error(v, r, "domain", dom.name);
	} else {
		v->changed = true;
		verb_delegations_forget(v, str_of(arena_fmt(&v->a, "@%.*s", STRF(dom.name))));
		verb_tokens_forget(v, str_of(arena_fmt(&v->a, "@%.*s", STRF(dom.name))));
		roles_forget(v, dom.name);
	}
}
