/* SPDX-License-Identifier: ISC
 *
 * verbs_alias.c: mansio alias add|list|show|change|remove.
 */
#include <sysexits.h>

#include "auth/verbs.h"

static bool row(const struct directory_alias *al, void *arg)
{
	struct verb *v = arg;
	struct str rest = al->targets, target;
	struct buf b;
	struct ipc_msg m;

	buf_init(&b, IPC_MAX);
	while (rest.p) {
		target = str_cut(&rest, '\n');
		if (target.n == 0)
			continue;
		if (b.n > 0)
			buf_puts(&b, ", ");
		buf_str(&b, target);
	}
	ipc_init(&m, "result");
	ipc_set(&m, "address", al->address);
	ipc_set(&m, "targets", buf_view(&b));
	ipc_setc(&m, "listed", al->unlisted ? "no" : "yes");
	verb_row(v, &m);
	buf_done(&b);
	return true;
}

/* target= (repeated) as one normal address a line. */
int verb_targets(struct verb *v, bool needed, struct str *out)
{
	struct str given, local, domain;
	struct buf b;
	size_t i;
	int r = 0;

	buf_init(&b, IPC_MAX / 2);
	for (i = 0; r == 0 && (given = ipc_get_nth(v->m, "target", i)).p; i++) {
		if (address_read(given, &v->a, &local, &domain) < 0) {
			r = verb_fail(v, EX_DATAERR, "target: '%.*s' is not an address", STRF(given));
			break;
		}
		buf_str(&b, address_name(local, domain, &v->a));
		buf_c(&b, '\n');
	}
	if (r == 0 && i == 0 && needed)
		r = verb_fail(v, EX_USAGE, "a target is needed");
	if (r == 0 && (b.err || i > AUTH_TARGETS_MAX))
		r = verb_fail(v, EX_DATAERR, "too many targets: at most %d", AUTH_TARGETS_MAX);
	if (r == 0)
		*out = arena_str(&v->a, buf_view(&b));
	buf_done(&b);
	return r;
}

static void put(struct verb *v, const struct directory_alias *al, struct str domain, bool is_new)
{
	struct directory_domain dom;
	int r = v->d->ops->domain(v->d, domain, &v->a, &dom);

	if (r < 0) {
		verb_error(v, r, "domain", domain);
		return;
	}
	r = v->d->ops->alias_put ? v->d->ops->alias_put(v->d, al, domain, is_new) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "alias", al->address);
	else
		v->changed = true;
}

/* listed= */
static int shown(struct verb *v, struct directory_alias *al)
{
	bool listed = !al->unlisted;
	int r = verb_bool(v, "listed", &listed);

	al->unlisted = !listed;
	return r;
}

void verb_alias_add(struct verb *v)
{
	struct directory_alias al = { .unlisted = false };
	struct directory_account acc;
	struct str local, domain;
	int r;

	if (verb_address(v, &local, &domain) < 0 || verb_targets(v, true, &al.targets) < 0 || shown(v, &al) < 0)
		return;
	al.address = address_name(local, domain, &v->a);
	r = v->d->ops->account(v->d, local, domain, &v->a, &acc);
	if (r != E_NOTFOUND)
		verb_error(v, r < 0 ? r : E_EXISTS, "user", al.address);
	else
		put(v, &al, domain, true);
}

static int find(struct verb *v, struct directory_alias *out, struct str *domain_out)
{
	struct str local, name;
	int r;

	if (verb_address(v, &local, domain_out) < 0)
		return -1;
	name = address_name(local, *domain_out, &v->a);
	r = v->d->ops->alias(v->d, name, &v->a, out);
	return r < 0 ? verb_error(v, r, "alias", name) : 0;
}

void verb_alias_show(struct verb *v)
{
	struct directory_alias al;
	struct str domain;

	if (find(v, &al, &domain) == 0)
		row(&al, v);
}

struct alias_list {
	struct verb_page page;
	struct str target; /* only aliases with this one; none: all */
};

static bool has_target(const struct directory_alias *al, struct str target)
{
	struct str rest = al->targets;

	while (rest.n > 0)
		if (str_eq(str_cut(&rest, '\n'), target))
			return true;
	return target.n == 0;
}

static bool list_row(const struct directory_alias *al, void *arg)
{
	struct alias_list *l = arg;
	struct str domain = str_from(al->address, (size_t)(str_rfind(al->address, '@') + 1));

	if (has_target(al, l->target) && verb_page_shows(&l->page, al->address, al->address, domain, al->targets))
		row(al, l->page.v);
	return !verb_page_full(&l->page);
}

void verb_alias_list(struct verb *v)
{
	struct str domain = STR(""), target = ipc_get(v->m, "target"), local, target_domain;
	struct alias_list l;
	int r;

	if ((ipc_get(v->m, "domain").n > 0 && verb_domain(v, &domain) < 0) || verb_page(v, false, &l.page) < 0)
		return;
	l.target = STR_NONE;
	if (target.n > 0 && address_read(target, &v->a, &local, &target_domain) < 0) {
		verb_fail(v, EX_DATAERR, "target: '%.*s' is not an address", STRF(target));
		return;
	}
	if (target.n > 0)
		l.target = address_name(local, target_domain, &v->a);
	r = v->d->ops->aliases ? v->d->ops->aliases(v->d, domain, list_row, &l) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "alias", STR(""));
}

void verb_alias_change(struct verb *v)
{
	struct directory_alias al;
	struct str domain;

	if (find(v, &al, &domain) < 0 || shown(v, &al) < 0 ||
		((ipc_get(v->m, "target").p || !ipc_get(v->m, "listed").p) && verb_targets(v, true, &al.targets) < 0))
		return;
	put(v, &al, domain, false);
	if (v->changed)
		verb_ends_owned(v, al.address);
}

void verb_alias_remove(struct verb *v)
{
	struct directory_alias al;
	struct str domain;
	int r;

	if (find(v, &al, &domain) < 0)
		return;
	verb_ends_owned(v, al.address);
	r = v->d->ops->alias_remove ? v->d->ops->alias_remove(v->d, al.address) : E_UNSUPPORTED;
	if (r < 0) {
		verb_error(v, r, "alias", al.address);
	} else {
		v->changed = true;
		verb_delegations_forget(v, al.address);
	}
}
