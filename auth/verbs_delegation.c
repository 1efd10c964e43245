/* SPDX-License-Identifier: ISC
 *
 * verbs_delegation.c: mansio send-as add|list|remove, owner add|list|remove (auth/delegation.h).
 *
 * From outside a person gives rights over her own address, an administrator of a domain over those of his domain
 * (auth/rights.h); `who` is of the same domain then. Only a global administrator, or the command on this host, lets
 * somebody of one domain send as one of another. Owners are named by administrators alone, each within his domain.
 */
#include <sysexits.h>

#include "auth/delegation.h"
#include "auth/verbs.h"

/* An account or alias with this name is there. */
static int there(struct verb *v, const char *what, struct str name)
{
	struct auth_rcpt owners;
	int r = resolve_own(v->resolver, name, &v->a, &owners);

	if (r == 0 && owners.result != AUTH_OK)
		r = E_NOTFOUND;
	return r < 0 ? verb_error(v, r, what, name) : 0;
}

/* who=: an account, alias or group, as its own name: no detail of it. */
static int grantee(struct verb *v, struct str domain, struct str *out)
{
	struct str given = ipc_get(v->m, "who"), local, his;
	struct directory_account acc;
	struct directory_alias al;
	int r;

	if (address_read(given, &v->a, &local, &his) < 0)
		return verb_fail(v, EX_DATAERR, "who: '%.*s' is not an address", STRF(given));
	if (ipc_get(v->m, "asker").p && !ipc_get_bool(v->m, "asker_admin") && !str_eq(his, domain))
		return verb_fail(v, EX_NOPERM, "who: only a global administrator may name somebody of another domain");
	*out = address_name(local, his, &v->a);
	r = v->d->ops->account(v->d, local, his, &v->a, &acc);
	if (r == E_NOTFOUND)
		r = v->d->ops->alias(v->d, *out, &v->a, &al);
	return r < 0 ? verb_error(v, r, "user, alias or group", *out) : 0;
}

/* address= or domain=, and its domain. */
static int subject(struct verb *v, struct str *out, struct str *domain_out)
{
	struct str address = ipc_get(v->m, "address"), local;

	if ((address.n > 0) == (ipc_get(v->m, "domain").n > 0))
		return verb_fail(v, EX_USAGE, "address= or domain= is needed, one of them");
	if (address.n == 0) {
		if (verb_domain(v, domain_out) < 0)
			return -1;
		*out = str_of(arena_fmt(&v->a, "@%.*s", STRF(*domain_out)));
		return 0;
	}
	if (verb_address(v, &local, domain_out) < 0)
		return -1;
	*out = address_name(local, *domain_out, &v->a);
	return 0;
}

/* What the right is about is there: the domain of `@DOMAIN`, the account or alias, or (owner) the mailbox. */
static int subject_there(struct verb *v, struct str kind, struct str address, struct str domain)
{
	struct directory_account box;
	struct directory_domain dom;
	int r = v->d->ops->domain(v->d, domain, &v->a, &dom);

	if (r < 0)
		return verb_error(v, r, "domain", domain);
	if (!str_eqc(kind, DELEGATION_OWNER))
		return address.p[0] == '@' ? 0 : there(v, "address", address);
	r = resolve_account(v->resolver, address, &v->a, &box);
	return r < 0 ? verb_error(v, r, "user", address) : 0;
}

/* A shared mailbox looks after nothing: two addresses were swapped. false: told. */
static bool by_person(struct verb *v, struct str who)
{
	struct directory_account acc;

	if (resolve_account(v->resolver, who, &v->a, &acc) < 0 || !acc.shared)
		return true; /* an alias or a group too */
	verb_fail(v, EX_DATAERR, "%.*s is a shared mailbox and owns nothing: first the mailbox is named, then its owner", STRF(who));
	return false;
}

struct made {
	struct verb *v;
	struct str owner, id; /* id: one that he made; NONE: none was found */
};

static bool made_by(const struct directory_app_password *p, void *arg)
{
	struct made *m = arg;

	if (str_eq(p->owner, m->owner))
		m->id = arena_str(&m->v->a, p->id);
	return !m->id.p;
}

/* Those that he made when he was an owner before are void; they may be of somebody else who had this name. */
static void forget_made(struct verb *v, struct str mailbox, struct str owner)
{
	const struct directory_ops *ops = v->d->ops;
	struct directory_account box;
	struct made m = { .v = v, .owner = owner };
	int r = resolve_account(v->resolver, mailbox, &v->a, &box);

	while (r == 0 && ops->app_passwords) {
		m.id = STR_NONE;
		r = ops->app_passwords(v->d, box.id, made_by, &m);
		if (r < 0 || !m.id.p)
			break;
		r = ops->app_password_remove(v->d, box.id, m.id);
	}
	if (r < 0 && r != E_NOTFOUND && r != E_UNSUPPORTED)
		verb_error(v, r, "app passwords of", owner);
}

static void grant(struct verb *v, struct str kind)
{
	struct directory_delegation row = { .kind = kind };
	struct directory_account owner;
	struct str domain;
	int r;

	if (subject(v, &row.address, &domain) < 0 || subject_there(v, kind, row.address, domain) < 0 ||
		grantee(v, domain, &row.who) < 0)
		return;
	if (str_eqc(kind, DELEGATION_OWNER) && !by_person(v, row.who))
		return;
	if (str_eq(row.who, row.address)) {
		verb_fail(v, EX_DATAERR, "who: everybody has his own address, and all rights over it");
		return;
	}
	if (str_eqc(kind, DELEGATION_OWNER) && delegation_owns(v->resolver, row.who, row.address, &v->a, &owner) == E_NOTFOUND)
		forget_made(v, row.address, row.who);
	r = v->d->ops->delegation_add ? v->d->ops->delegation_add(v->d, &row) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "right of", row.who);
	else
		v->changed = true;
}

void verb_send_as_add(struct verb *v)
{
	grant(v, STR(DELEGATION_SEND_AS));
}

void verb_owner_add(struct verb *v)
{
	grant(v, STR(DELEGATION_OWNER));
}

struct list {
	struct verb *v;
	struct str kind;
};

static bool in_scope(const struct verb *v, struct str address)
{
	return verb_in_scope(v, address, str_from(address, (size_t)(str_rfind(address, '@') + 1)));
}

static void tell(struct verb *v, const struct directory_delegation *row)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "who", row->who);
	ipc_set(&m, "address", row->address);
	ipc_set_u64(&m, "since", row->created);
	verb_row(v, &m);
}

static bool list_row(const struct directory_delegation *row, void *arg)
{
	const struct list *l = arg;

	if (str_eq(row->kind, l->kind) && (in_scope(l->v, row->address) || in_scope(l->v, row->who)))
		tell(l->v, row);
	return true;
}

/* An argument in normal form; none: all. */
static int name_of(struct verb *v, const char *arg, struct str *out)
{
	struct str given = ipc_get(v->m, arg), local, domain;

	*out = STR("");
	if (given.n == 0)
		return 0;
	if (address_read(given, &v->a, &local, &domain) < 0)
		return verb_fail(v, EX_DATAERR, "%s: '%.*s' is not an address", arg, STRF(given));
	*out = address_name(local, domain, &v->a);
	return 0;
}

static void list(struct verb *v, struct str kind)
{
	struct list l = { v, kind };
	struct str address, who;
	int r;

	if (name_of(v, "address", &address) < 0 || name_of(v, "who", &who) < 0)
		return;
	r = v->d->ops->delegations ? v->d->ops->delegations(v->d, address, who, list_row, &l) : 0;
	if (r < 0)
		verb_error(v, r, "right of", who);
}

void verb_send_as_list(struct verb *v)
{
	list(v, STR(DELEGATION_SEND_AS));
}

static void tell_owned(const struct directory_delegation *row, void *arg)
{
	tell(arg, row);
}

/* who= alone: all that he looks after, as one of an alias or group, too. */
void verb_owner_list(struct verb *v)
{
	struct str who;
	int r;

	if (name_of(v, "who", &who) < 0)
		return;
	if (ipc_get(v->m, "address").n > 0 || who.n == 0 || !in_scope(v, who)) {
		list(v, STR(DELEGATION_OWNER));
		return;
	}
	r = delegation_owned(v->resolver, who, &v->a, tell_owned, v);
	if (r < 0)
		verb_error(v, r, "mailboxes of", who);
}

static void take_away(struct verb *v, struct str kind)
{
	struct directory_delegation row = { .kind = kind };
	struct str domain;
	int r;

	if (subject(v, &row.address, &domain) < 0 || name_of(v, "who", &row.who) < 0)
		return;
	r = v->d->ops->delegation_remove ? v->d->ops->delegation_remove(v->d, &row) : E_NOTFOUND;
	if (r == E_NOTFOUND && v->d->ops->delegation_remove) { /* as an older program wrote it */
		row.who = ipc_get(v->m, "who");
		r = v->d->ops->delegation_remove(v->d, &row);
	}
	if (r < 0) {
		verb_error(v, r, "such right of", row.who);
		return;
	}
	v->changed = true;
}

void verb_send_as_remove(struct verb *v)
{
	take_away(v, STR(DELEGATION_SEND_AS));
}

void verb_owner_remove(struct verb *v)
{
	take_away(v, STR(DELEGATION_OWNER));
}

static void end_mail(const struct directory_delegation *row, void *arg)
{
	struct verb *v = arg;

	if (v->more)
		ipc_set(v->more, "ended_mail", row->address);
}

void verb_ends_owned(struct verb *v, struct str who)
{
	int r = delegation_owned(v->resolver, who, &v->a, end_mail, v);

	if (r < 0)
		verb_error(v, r, "mailboxes of", who);
}

void verb_delegations_forget(struct verb *v, struct str name)
{
	int r = v->d->ops->delegation_forget ? v->d->ops->delegation_forget(v->d, name) : 0;

	if (r == 0 && v->d->ops->app_passwords_forget)
		r = v->d->ops->app_passwords_forget(v->d, name);
	if (r < 0)
		verb_error(v, r, "rights of", name);
}
