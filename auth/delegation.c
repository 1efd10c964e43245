/* SPDX-License-Identifier: ISC
 *
 * delegation.c: see delegation.h.
 */
#include "auth/delegation.h"

struct rows {
	struct arena *a;
	bool owners; /* alone; else who sends, as owners do */
	struct str who[DELEGATION_ROWS];
	size_t n;
};

static bool add(const struct directory_delegation *v, void *arg)
{
	struct rows *rows = arg;

	if (str_eqc(v->kind, DELEGATION_OWNER) || !rows->owners)
		rows->who[rows->n++] = arena_str(rows->a, v->who);
	return rows->n < DELEGATION_ROWS;
}

/* In the form in which names are looked up? A row that is not was another's, of before there was that form (directory_names.h). */
static bool is_of_today(struct str who, struct arena *a)
{
	struct str local, domain;

	return address_read(who, a, &local, &domain) == 0 && str_eq(address_name(local, domain, a), who);
}

/* Is the account one of them? 0, E_NOTFOUND, negative. */
static int among(const struct resolver *r, struct str name, const struct rows *rows, struct arena *a)
{
	struct auth_rcpt members;
	size_t i, k;
	int e;

	for (i = 0; i < rows->n; i++)
		if (str_eq(rows->who[i], name))
			return 0;
	for (i = 0; i < rows->n; i++) {
		if (!is_of_today(rows->who[i], a))
			continue;
		e = resolve_own(r, rows->who[i], a, &members);
		if (e < 0)
			return e;
		for (k = 0; k < members.ntargets; k++)
			if (str_eq(members.target[k].account, name))
				return 0;
	}
	return E_NOTFOUND;
}

/* Does a row, or the account's back end, say so of exactly this? 0, E_NOTFOUND, negative. */
static int granted(const struct resolver *r, const struct directory_account *acc, struct str subject, struct arena *a)
{
	struct str rest = acc->send_as;
	struct rows *rows;
	int e;

	while (rest.n > 0)
		if (str_eq(str_cut(&rest, '\n'), subject))
			return 0;
	if (!r->d->ops->delegations)
		return E_NOTFOUND;
	rows = ARENA_NEW(a, struct rows);
	rows->a = a;
	e = r->d->ops->delegations(r->d, subject, STR(""), add, rows);
	return e < 0 ? e : among(r, address_name(acc->local, acc->domain, a), rows, a);
}

int delegation_owns(const struct resolver *r, struct str who, struct str mailbox, struct arena *a, struct directory_account *out)
{
	struct directory_account acc, box;
	struct rows *rows;
	int e = r->d->ops->delegations ? resolve_account(r, who, a, &acc) : E_NOTFOUND;

	if (e == 0)
		e = resolve_may_log_in(&acc) ? resolve_account(r, mailbox, a, &box) : E_NOTFOUND;
	if (e < 0)
		return e;
	rows = ARENA_NEW(a, struct rows);
	rows->a = a;
	rows->owners = true;
	e = r->d->ops->delegations(r->d, mailbox, STR(""), add, rows);
	if (e == 0)
		e = among(r, who, rows, a);
	if (e == 0)
		*out = acc;
	return e;
}

/* All rows of owners: looked at when the statement that reads them is done. */
struct owned {
	struct arena *a;
	struct owned_row {
		struct owned_row *next;
		struct directory_delegation v;
	} *first, **end;
};

static bool keep_row(const struct directory_delegation *v, void *arg)
{
	struct owned *o = arg;
	struct owned_row *row;

	if (!str_eqc(v->kind, DELEGATION_OWNER))
		return true;
	row = ARENA_NEW(o->a, struct owned_row);
	*row = (struct owned_row){ NULL, *v };
	row->v.kind = STR(DELEGATION_OWNER);
	row->v.who = arena_str(o->a, v->who);
	row->v.address = arena_str(o->a, v->address);
	*o->end = row;
	o->end = &row->next;
	return true;
}

int delegation_owned(const struct resolver *r, struct str who, struct arena *a,
	void (*fn)(const struct directory_delegation *row, void *arg), void *arg)
{
	struct owned o = { .a = a, .end = &o.first };
	struct owned_row *row;
	struct rows *one = ARENA_NEW(a, struct rows);
	struct arena each;
	int e = r->d->ops->delegations ? r->d->ops->delegations(r->d, STR(""), STR(""), keep_row, &o) : 0;

	arena_init(&each);
	one->n = 1;
	for (row = o.first; e == 0 && row; row = row->next) {
		one->who[0] = row->v.who;
		e = among(r, who, one, &each);
		arena_reset(&each);
		if (e == 0)
			fn(&row->v, arg);
		if (e == E_NOTFOUND)
			e = 0;
	}
	arena_done(&each);
	return e;
}

int delegation_sends(const struct resolver *r, const struct directory_account *acc, struct str address, struct arena *a)
{
	struct directory_domain dom;
	struct str local, domain;
	struct auth_rcpt owners;
	ssize_t at;
	int e;

	if (address_read(address, a, &local, &domain) < 0)
		return E_NOTFOUND;
	e = r->d->ops->domain(r->d, domain, a, &dom);
	if (e < 0 || !dom.active)
		return e < 0 ? e : E_NOTFOUND;
	e = granted(r, acc, str_of(arena_fmt(a, "@%.*s", STRF(domain))), a);
	if (e != E_NOTFOUND)
		return e;
	e = resolve_own(r, address, a, &owners);
	if (e < 0 || owners.result != AUTH_OK)
		return e < 0 ? e : E_NOTFOUND;
	e = granted(r, acc, address_name(local, domain, a), a);
	at = r->separator ? str_find(local, r->separator) : -1;
	if (e == E_NOTFOUND && at > 0)
		e = granted(r, acc, address_name(str_sub(local, 0, (size_t)at), domain, a), a);
	return e;
}
