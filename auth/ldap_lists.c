/* SPDX-License-Identifier: ISC
 *
 * ldap_lists.c: all people and groups of an LDAP directory (directory_ldap.c says what they are), in few questions: one for the people,
 * one for each group that says who belongs to us, one for the groups that get mail. What was found is not asked for again.
 */
#include "auth/directory_ldap_private.h"

#include "auth/resolve.h"

static int people(struct ldap_directory *o, struct arena *a, struct ldap_entry **out)
{
	struct buf b;

	buf_init(&b, 20000);
	ldap_person_filter(o, &b);
	buf_fmt(&b, "(%s=*))", o->attr[A_MAIL]);
	return ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, o->attr, LDAP_LIST_MAX, a, out);
}

static int by_address(const void *x, const void *y)
{
	const struct directory_account *a = x, *b = y;
	int r = str_cmp(a->domain, b->domain);

	return r ? r : str_cmp(a->local, b->local);
}

/* Those of [ldap] group and admin_group, asked for once and not for each person. */
struct lists {
	struct table members, admins;
};

static int lists_ask(struct ldap_directory *o, struct arena *a, struct lists *l)
{
	int r = 0;

	table_init(&l->members);
	table_init(&l->admins);
	if (o->conf->ldap_group.n && !ldap_is_ad(o)) /* Active Directory was asked so in the filter */
		r = ldap_group_people(o, o->conf->ldap_group, a, &l->members);
	if (r == 0 && o->conf->ldap_admin_group.n)
		r = ldap_group_people(o, o->conf->ldap_admin_group, a, &l->admins);
	return r;
}

static void lists_done(struct lists *l)
{
	table_done(&l->members);
	table_done(&l->admins);
}

/* 1, 0: not one of ours, negative. */
static int listed(struct ldap_directory *o, const struct ldap_entry *e, const struct lists *l, struct arena *a, struct directory_account *out)
{
	int r;

	if (o->conf->ldap_group.n && !ldap_is_ad(o) && !ldap_is_of(e, o->conf->ldap_group, &l->members, a))
		return 0;
	r = ldap_account_of(o, e, &l->admins, a, out);
	return r == E_NOTFOUND ? 0 : r < 0 ? r : 1;
}

int ldap_list_accounts(struct directory *d, struct str domain, bool (*fn)(const struct directory_account *v, void *arg), void *arg)
{
	struct ldap_directory *o = (struct ldap_directory *)d;
	struct directory_account *all = NULL, v;
	struct ldap_entry *e = NULL;
	size_t n = 0, cap = 0, i;
	struct lists l;
	struct arena a;
	int r;

	arena_init(&a);
	r = lists_ask(o, &a, &l);
	if (r == 0)
		r = people(o, &a, &e);
	for (; e && r >= 0; e = e->next) {
		r = listed(o, e, &l, &a, &v);
		if (r <= 0 || (domain.n && !str_eq(domain, v.domain)))
			continue;
		if (n == cap) {
			cap = cap * 2 + 64;
			all = mem_grow(all, cap, sizeof(*all));
		}
		all[n++] = v;
	}
	r = MIN(r, 0);
	if (r == 0 && n > 1)
		qsort(all, n, sizeof(*all), by_address);
	for (i = 0; r == 0 && i < n; i++)
		if (!fn(&all[i], arg))
			break;
	free(all);
	lists_done(&l);
	arena_done(&a);
	return r;
}

/* A domain's first administrator. */
struct keeper {
	struct arena *a;
	struct directory_account *out;
	bool found;
};

static bool is_keeper(const struct directory_account *v, void *arg)
{
	struct keeper *k = arg;

	if (!str_eqc(v->roles, "admin"))
		return true;
	*k->out = *v;
	k->out->local = arena_str(k->a, v->local);
	k->out->domain = arena_str(k->a, v->domain);
	k->out->name = arena_str(k->a, v->name);
	k->out->key = arena_str(k->a, v->key);
	k->found = true;
	return false;
}

int ldap_list_keeper(struct directory *d, struct str domain, struct arena *a, struct directory_account *out)
{
	struct keeper k = { .a = a, .out = out };
	int r;

	if (((struct ldap_directory *)d)->conf->ldap_admin_group.n == 0)
		return E_NOTFOUND;
	r = ldap_list_accounts(d, domain, is_keeper, &k);
	return r < 0 ? r : k.found ? 0 : E_NOTFOUND;
}

static bool of_domain(struct str address, struct str domain)
{
	ssize_t at = str_rfind(address, '@');

	return domain.n == 0 || (at >= 0 && str_eq(str_from(address, (size_t)at + 1), domain));
}

static bool tell_alias(struct directory_alias v, struct str domain, bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	return !of_domain(v.address, domain) || fn(&v, arg);
}

static bool aliases_of(const struct ldap_entry *e, struct str domain, struct arena *a,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	static const int where[] = { A_MAIL, A_ALIASES };
	struct str local, dom, name, alias;
	const struct ldap_value *v;
	size_t i;

	if (!ldap_primary(e, a, &local, &dom))
		return true;
	name = address_name(local, dom, a);
	for (i = 0; i < ARRAY_LEN(where); i++) {
		for (v = e->value[where[i]]; v; v = v->next) {
			if (!ldap_address(v->v, a, &local, &dom))
				continue;
			alias = address_name(local, dom, a);
			if (!str_eq(alias, name) && !tell_alias((struct directory_alias){ .address = alias, .targets = name }, domain, fn, arg))
				return false;
		}
	}
	return true;
}

/* Entries by their names, so that a group's members are not asked for one by one. */
static void remember_all(struct table *known, struct ldap_entry *e, struct arena *a)
{
	for (; e; e = e->next)
		(void)table_set(known, ldap_dn_key(e->dn, a), e);
}

static int group_aliases(struct ldap_directory *o, struct ldap_entry *groups, const struct table *known, struct str domain, struct arena *a,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	struct directory_alias v;
	struct str local, dom;
	struct ldap_entry *e;
	bool more = true;
	int r = 0;

	for (e = groups; e && r == 0 && more; e = e->next) {
		if (!e->value[G_MAIL] || !ldap_address(e->value[G_MAIL]->v, a, &local, &dom))
			continue;
		v = (struct directory_alias){ .address = address_name(local, dom, a), .unlisted = ldap_any_yes(e->value[G_HIDDEN]) };
		if (!of_domain(v.address, domain))
			continue;
		r = ldap_group_targets(o, e, known, a, &v.targets);
		if (r == 0)
			more = fn(&v, arg);
	}
	return r;
}

int ldap_list_aliases(struct directory *d, struct str domain, bool (*fn)(const struct directory_alias *v, void *arg), void *arg)
{
	struct ldap_directory *o = (struct ldap_directory *)d;
	struct ldap_entry *all = NULL, *groups = NULL, *e;
	struct table known;
	bool more = true;
	struct arena a;
	int r;

	arena_init(&a);
	table_init(&known);
	r = people(o, &a, &all);
	for (e = all; e && r == 0 && more; e = e->next)
		more = aliases_of(e, domain, &a, fn, arg);
	if (r == 0 && more && o->conf->ldap_mail_groups) {
		r = ldap_mail_groups(o, &a, &groups);
		remember_all(&known, all, &a);
		remember_all(&known, groups, &a);
		ldap_question(o->client);
		if (r == 0)
			r = group_aliases(o, groups, &known, domain, &a, fn, arg);
	}
	table_done(&known);
	arena_done(&a);
	return r;
}
