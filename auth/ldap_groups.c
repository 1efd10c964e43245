/* SPDX-License-Identifier: ISC
 *
 * ldap_groups.c: groups of an LDAP directory: who is in one, and whom mail to one reaches.
 *
 * Groups in groups are followed upwards from a person by questions, DEPTH_MAX deep; Active Directory does that
 * itself by a rule of its own. Downwards, a member with an address is a target; a group without one is opened.
 * Each name is looked at once, so loops end.
 */
#include "auth/directory_ldap_private.h"

#include "auth/resolve.h"
#include "auth/trouble.h"

#define MEMBERS_MAX 1000 /* groups and people looked at for one question; a message has no more targets (AUTH_TARGETS_MAX) */
#define DEPTH_MAX 8 /* groups in groups */
#define GROUP_CLASSES "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=group)(objectClass=nisMailAlias))"

/* Groups that have this entry as a member, put behind those there are. */
static int groups_above(struct ldap_directory *o, struct str dn, struct arena *a, struct ldap_entry **out)
{
	static const char *const none[] = { LDAP_NO_ATTR, NULL };
	struct buf b;

	buf_init(&b, 20000);
	buf_puts(&b, "(&" GROUP_CLASSES "(|");
	ldap_put_equal(&b, "member", "", dn);
	ldap_put_equal(&b, "uniqueMember", "", dn);
	buf_puts(&b, "))");
	return ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, none, MEMBERS_MAX, a, out);
}

static int in_group_by_rule(struct ldap_directory *o, const struct ldap_entry *e, struct str group, struct arena *a)
{
	static const char *const none[] = { LDAP_NO_ATTR, NULL };
	struct ldap_entry *found = NULL;
	struct buf b;
	int r;

	buf_init(&b, 20000);
	ldap_put_equal(&b, "memberOf" LDAP_NESTED, "", group);
	r = ldap_entries(o, LDAP_ONE_ENTRY, e->dn, &b, none, 1, a, &found);
	return r == E_NOTFOUND ? 0 : r < 0 ? r : found != NULL;
}

int ldap_in_group(struct ldap_directory *o, const struct ldap_entry *e, struct str group, struct arena *a)
{
	struct str queue[MEMBERS_MAX];
	size_t from = 0, end, n = 0, depth;
	const struct ldap_value *v;
	struct ldap_entry *up, *i;
	struct table seen;
	int r = 0;

	for (v = e->value[A_GROUPS]; v; v = v->next)
		if (ldap_same_dn(v->v, group))
			return 1;
	if (ldap_is_ad(o))
		return in_group_by_rule(o, e, group, a);
	table_init(&seen);
	queue[n++] = e->dn;
	for (depth = 0; depth < DEPTH_MAX && from < n && r == 0; depth++) {
		for (end = n; from < end && r == 0; from++) {
			up = NULL;
			r = groups_above(o, queue[from], a, &up);
			for (i = up; i && r == 0; i = i->next) {
				if (ldap_same_dn(i->dn, group))
					r = 1;
				else if (n < MEMBERS_MAX && !table_set(&seen, i->dn, o))
					queue[n++] = i->dn;
			}
		}
	}
	table_done(&seen);
	return r == E_NOTFOUND ? 0 : r;
}

/* --- all who are in one --------------------------------------------------------------- */

static int people_by_rule(struct ldap_directory *o, struct str group, struct arena *a, struct table *out)
{
	static const char *const none[] = { LDAP_NO_ATTR, NULL };
	struct ldap_entry *e = NULL;
	struct buf b;
	int r;

	buf_init(&b, 20000);
	ldap_put_equal(&b, "memberOf" LDAP_NESTED, "", group);
	r = ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, none, LDAP_LIST_MAX, a, &e);
	for (; e; e = e->next)
		(void)table_set(out, ldap_dn_key(e->dn, a), e);
	return r;
}

/* Members of the groups of this round; `next` gets those that are groups themselves. */
static void open_groups(const struct table *groups, struct ldap_value *round, struct arena *a, struct table *out, struct ldap_value **next)
{
	const struct ldap_entry *e;
	const struct ldap_value *v;
	struct ldap_value *below;
	struct str key;
	int which;

	for (; round; round = round->next) {
		e = table_get(groups, round->v);
		for (which = G_MEMBER; e && which <= G_UNIQUE; which++) {
			for (v = e->value[which]; v; v = v->next) {
				key = ldap_dn_key(v->v, a);
				if (table_set(out, key, round) || !table_get(groups, key))
					continue;
				below = ARENA_NEW(a, struct ldap_value);
				*below = (struct ldap_value){ *next, key };
				*next = below;
			}
		}
	}
}

int ldap_group_people(struct ldap_directory *o, struct str group, struct arena *a, struct table *out)
{
	struct ldap_value first = { NULL, ldap_dn_key(group, a) }, *round = &first, *next;
	struct ldap_entry *e = NULL;
	struct table groups;
	struct buf b;
	size_t depth;
	int r;

	if (ldap_is_ad(o))
		return people_by_rule(o, group, a, out);
	buf_init(&b, 20000);
	buf_puts(&b, GROUP_CLASSES);
	r = ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, o->group_attr, LDAP_LIST_MAX, a, &e);
	table_init(&groups);
	for (; e; e = e->next)
		(void)table_set(&groups, ldap_dn_key(e->dn, a), e);
	for (depth = 0; depth < DEPTH_MAX && round; depth++, round = next) {
		next = NULL;
		open_groups(&groups, round, a, out, &next);
	}
	table_done(&groups);
	return r;
}

bool ldap_is_of(const struct ldap_entry *e, struct str group, const struct table *people, struct arena *a)
{
	const struct ldap_value *v;

	for (v = e->value[A_GROUPS]; v; v = v->next)
		if (ldap_same_dn(v->v, group))
			return true;
	return table_get(people, ldap_dn_key(e->dn, a)) != NULL;
}

/* --- mail to a group ----------------------------------------------------------------- */

/* Addresses of a group's members; groups without an address are opened. */
struct gather {
	struct ldap_directory *o;
	const struct table *known; /* NULL: none */
	struct arena *a;
	struct table seen;
	struct buf *targets;
	size_t looked;
};

static void add_target(struct gather *g, struct str address)
{
	struct str local, domain, name;

	if (address_read(address, g->a, &local, &domain) < 0)
		return;
	name = address_name(local, domain, g->a);
	if (table_set(&g->seen, name, g->o))
		return;
	buf_str(g->targets, name);
	buf_c(g->targets, '\n');
}

static int gather_members(struct gather *g, const struct ldap_entry *group, unsigned depth);

static int gather_member(struct gather *g, struct str dn, unsigned depth)
{
	struct ldap_entry *e = NULL;
	struct buf b;
	int r;

	if (table_set(&g->seen, dn, g->o))
		return 0;
	if (g->looked++ >= MEMBERS_MAX)
		return E_LIMIT;
	if (g->known)
		e = table_get(g->known, ldap_dn_key(dn, g->a));
	if (!e) {
		buf_init(&b, 100);
		buf_puts(&b, "(objectClass=*)");
		r = ldap_entries(g->o, LDAP_ONE_ENTRY, dn, &b, g->o->group_attr, 1, g->a, &e);
		if (r < 0 || !e)
			return r == E_NOTFOUND ? 0 : r; /* who left may still be named */
	}
	if (e->value[G_MAIL]) {
		add_target(g, e->value[G_MAIL]->v);
		return 0;
	}
	return depth < DEPTH_MAX ? gather_members(g, e, depth + 1) : 0;
}

static int gather_members(struct gather *g, const struct ldap_entry *group, unsigned depth)
{
	const struct ldap_value *v;
	int which, r = 0;

	for (v = group->value[G_EXTERNAL]; v; v = v->next)
		add_target(g, v->v);
	for (which = G_MEMBER; which <= G_UNIQUE; which++)
		for (v = group->value[which]; v && r == 0; v = v->next)
			r = gather_member(g, v->v, depth);
	return r;
}

int ldap_group_targets(struct ldap_directory *o, const struct ldap_entry *group, const struct table *known, struct arena *a, struct str *out)
{
	struct gather g = { .o = o, .known = known, .a = a };
	struct buf b;
	int r;

	buf_init(&b, 1 << 20);
	g.targets = &b;
	table_init(&g.seen);
	r = gather_members(&g, group, 0);
	table_done(&g.seen);
	if (r == 0)
		r = b.err;
	if (r == 0)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	if (r != E_LIMIT)
		return r;
	/* some of them would get it and others not, and nobody would know */
	trouble_tell("ldap: the group %.*s has more than %d members: mail to it waits", STRF(group->dn), MEMBERS_MAX);
	return E_TEMP;
}

int ldap_group_alias(struct ldap_directory *o, struct str address, struct arena *a, struct directory_alias *out)
{
	struct ldap_entry *e = NULL;
	struct buf b;
	int r;

	buf_init(&b, 20000);
	buf_puts(&b, "(&" GROUP_CLASSES "(|");
	ldap_put_equal(&b, o->attr[A_MAIL], "", address);
	if (ldap_is_ad(o))
		ldap_put_equal(&b, "proxyAddresses", "smtp:", address);
	buf_puts(&b, "))");
	r = ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, o->group_attr, 2, a, &e);
	if (r < 0)
		return r;
	if (!e)
		return E_NOTFOUND;
	if (e->next) {
		trouble_tell("ldap: the groups %.*s and %.*s have one address: neither is used", STRF(e->dn),
			STRF(e->next->dn));
		return E_TEMP;
	}
	r = ldap_group_targets(o, e, NULL, a, &out->targets);
	if (r < 0)
		return r;
	out->address = address;
	out->unlisted = ldap_any_yes(e->value[G_HIDDEN]);
	return 0;
}

int ldap_mail_groups(struct ldap_directory *o, struct arena *a, struct ldap_entry **out)
{
	struct buf b;

	buf_init(&b, 20000);
	buf_fmt(&b, "(&" GROUP_CLASSES "(%s=*))", o->attr[A_MAIL]);
	return ldap_entries(o, LDAP_BELOW, o->conf->ldap_base, &b, o->group_attr, LDAP_LIST_MAX, a, out);
}
