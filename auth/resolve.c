/* SPDX-License-Identifier: ISC
 *
 * resolve.c: from an address to mailboxes (see resolve.h).
 *
 * Order for one address of a domain of ours:
 *   account -> user+detail -> alias -> alias of user+detail -> catch-all
 *   -> for postmaster and abuse: the domain's keeper (RFC 5321 4.5.1, RFC 2142)
 * An alias may name any address, also one that is not ours ("outside"). Each
 * alias is expanded once and at most RESOLVE_DEPTH deep, each mailbox counts
 * once, so loops and diamonds end; a target that leads nowhere is left out.
 * An account with a forward is like an alias of its targets, with its own mailbox
 * beside them if it keeps a copy; a forward that leads nowhere (a loop) leaves the
 * mail in the mailbox.
 * An account whose holder left leads nowhere from `refuse_from` on.
 * In a domain that we are backup for, an alias of itself is a recipient that the domain's own
 * servers know: it is "outside" as it stands, with its detail. Nobody else is there.
 */
#include "auth/resolve.h"

#include "auth/delegation.h"
#include "base/clock.h"
#include "base/table.h"
#include "mail/address.h"

struct walk {
	const struct resolver *r;
	struct arena *a;
	struct table seen; /* account and alias names, outside addresses */
	struct auth_rcpt *out;
	bool own_only; /* neither catch-all nor keeper nor forwards: whose address is it? */
	resolve_fn *fn; /* hears of each step; NULL: nobody does */
	void *arg;
};

static void note(struct walk *w, unsigned depth, const char *kind, struct str address, const char *words)
{
	if (w->fn)
		w->fn(w->arg, depth, kind, address, words);
}

struct str address_name(struct str local, struct str domain, struct arena *a)
{
	struct address addr = { .local = local, .domain = domain };

	return address_text(a, &addr);
}

int address_read(struct str text, struct arena *a, struct str *local_out, struct str *domain_out)
{
	struct address addr;

	if (text.n == 0 || text.n > 4 * ADDRESS_MAX || address_parse_all(text, a, &addr) < 0 ||
	    addr.literal || addr.domain.n == 0)
		return E_SYNTAX;
	return address_normal(&addr, a, local_out, domain_out);
}

/* Where user and detail part in a local part; -1: no detail. */
static ssize_t detail_at(const struct resolver *r, struct str local)
{
	ssize_t at = r->separator ? str_find(local, r->separator) : -1;

	return at > 0 ? at : -1;
}

int resolve_account(const struct resolver *r, struct str name, struct arena *a,
	struct directory_account *out)
{
	struct str local, domain;

	if (address_read(name, a, &local, &domain) < 0)
		return E_NOTFOUND;
	return r->d->ops->account(r->d, local, domain, a, out);
}

bool resolve_may_log_in(const struct directory_account *acc)
{
	return acc->active && acc->domain_active && (!acc->expires || acc->expires > (uint64_t)clock_unix());
}

uint64_t resolve_quota(const struct resolver *r, const struct directory_account *acc)
{
	return acc->quota_bytes ? acc->quota_bytes : r->default_quota;
}

/* false: was there already. */
static bool first_time(struct walk *w, char kind, struct str name)
{
	char *key = arena_fmt(w->a, "%c%.*s", kind, STRF(name));

	return table_set(&w->seen, str_of(key), w) == NULL;
}

static int add_account(struct walk *w, const struct directory_account *acc, struct str detail)
{
	struct str name = address_name(acc->local, acc->domain, w->a);
	struct auth_target *t;

	if (!first_time(w, 'u', name))
		return 0;
	if (w->out->ntargets == AUTH_TARGETS_MAX)
		return E_LIMIT;
	t = &w->out->target[w->out->ntargets++];
	t->account = name;
	t->detail = arena_str(w->a, detail);
	t->quota_bytes = resolve_quota(w->r, acc);
	t->quota_messages = acc->quota_messages;
	return 0;
}

static int add_outside(struct walk *w, struct str address)
{
	if (!first_time(w, 'o', address))
		return 0;
	if (w->out->noutside == AUTH_TARGETS_MAX)
		return E_LIMIT;
	w->out->outside[w->out->noutside++] = address;
	return 0;
}

static int expand(struct walk *w, struct str text, unsigned depth);

/* In a backup domain: the mail goes on to this address itself. 1 it is so, 0 no, negative. */
static int try_backup(struct walk *w, const struct directory_domain *dom, struct str local, struct str given, unsigned depth)
{
	ssize_t at = detail_at(w->r, local);
	struct directory_alias al;
	struct str name;
	int e, i;

	for (i = 0; i < (at > 0 ? 2 : 1); i++) {
		name = address_name(i ? str_sub(local, 0, (size_t)at) : local, dom->name, w->a);
		e = w->r->d->ops->alias(w->r->d, name, w->a, &al);
		if (e < 0 && e != E_NOTFOUND)
			return e;
		if (e == 0 && str_eq(str_trim(al.targets), name)) {
			note(w, depth, "backup", address_name(given, dom->name, w->a), "goes on to the domain's own servers: this host keeps it while they are away");
			e = add_outside(w, address_name(given, dom->name, w->a));
			return e < 0 ? e : 1;
		}
	}
	return 0;
}

/* 1 there was such an alias, 0 none, negative. */
static int try_alias(struct walk *w, struct str local, struct str domain, unsigned depth)
{
	struct str name = address_name(local, domain, w->a), rest;
	struct directory_alias al;
	int r = w->r->d->ops->alias(w->r->d, name, w->a, &al);

	if (r < 0)
		return r == E_NOTFOUND ? 0 : r;
	if (depth >= RESOLVE_DEPTH || !first_time(w, 'a', name)) {
		note(w, depth, "loop", name, "this alias was followed already");
		return 1;
	}
	note(w, depth, "alias", name, "is an alias: its mail goes to its targets");
	for (rest = al.targets; rest.p;) {
		struct str target = str_cut(&rest, '\n');

		if (target.n == 0)
			continue;
		r = expand(w, target, depth + 1);
		if (r < 0)
			return r;
	}
	return 1;
}

/* The targets of an account's forward. 1 some of them count, 0 none does, negative. */
static int follow(struct walk *w, const struct directory_account *acc, unsigned depth)
{
	size_t before = w->out->ntargets + w->out->noutside;
	struct str rest = acc->forward, target;
	int r = 0;

	while (rest.n > 0 && r >= 0) {
		target = str_cut(&rest, '\n');
		if (target.n > 0)
			r = expand(w, target, depth + 1);
	}
	return r < 0 ? r : w->out->ntargets + w->out->noutside > before;
}

static int forward(struct walk *w, const struct directory_account *acc, struct str detail, unsigned depth)
{
	struct str name = address_name(acc->local, acc->domain, w->a);
	int r = 0;

	if (depth >= RESOLVE_DEPTH || !first_time(w, 'f', name)) {
		note(w, depth, "loop", name, "this forward was followed already");
		return 0;
	}
	note(w, depth, "forward", name, acc->forward_keep ? "keeps its mail, and forwards copies" :
		"forwards its mail");
	if (acc->forward_keep)
		r = add_account(w, acc, detail);
	if (r == 0)
		r = follow(w, acc, depth);
	if (r != 0 || acc->forward_keep)
		return MIN(r, 0);
	note(w, depth, "mailbox", name, "its forward leads nowhere: the mail stays in its mailbox");
	return add_account(w, acc, detail);
}

/* She left, and the time of her mail is over? */
static bool has_left(struct walk *w, const struct directory_account *acc, unsigned depth)
{
	if (acc->active || !acc->refuse_from || w->own_only)
		return false;
	if (acc->refuse_from > (uint64_t)clock_unix()) {
		if (!w->out->good_until || acc->refuse_from < w->out->good_until)
			w->out->good_until = acc->refuse_from;
		return false;
	}
	note(w, depth, "left", address_name(acc->local, acc->domain, w->a), "has left: mail to it is refused");
	if (depth == 0)
		w->out->moved = acc->refuse_text;
	return true;
}

/* 1 there is such an account, 0 none, negative. */
static int try_account(struct walk *w, struct str local, struct str domain, struct str detail,
	unsigned depth)
{
	struct directory_account acc;
	int r = w->r->d->ops->account(w->r->d, local, domain, w->a, &acc);

	if (r < 0)
		return r == E_NOTFOUND ? 0 : r;
	if (has_left(w, &acc, depth)) {
		r = 0;
	} else if (acc.forward.n > 0 && !w->own_only) {
		r = forward(w, &acc, detail, depth);
	} else {
		note(w, depth, "mailbox", address_name(acc.local, acc.domain, w->a), detail.n ?
			"goes into this mailbox, by the name before the detail" : "goes into this mailbox");
		r = add_account(w, &acc, detail);
	}
	return r < 0 ? r : 1;
}

/* What a domain does with addresses that nobody has. */
static int try_rest(struct walk *w, const struct directory_domain *dom, struct str local,
	unsigned depth)
{
	struct directory_account acc;
	int r;

	if (w->own_only)
		return 0;
	if (dom->catchall.n > 0 && depth < RESOLVE_DEPTH &&
	    first_time(w, 'c', dom->name)) {
		note(w, depth, "catchall", dom->catchall, "nobody has this address: the domain's catch-all gets it");
		return expand(w, dom->catchall, depth + 1);
	}
	if (!str_eqc(local, "postmaster") && !str_eqc(local, "abuse"))
		return 0;
	r = w->r->d->ops->keeper(w->r->d, dom->name, w->a, &acc);
	if (r < 0)
		return r == E_NOTFOUND ? 0 : r;
	note(w, depth, "keeper", address_name(acc.local, acc.domain, w->a),
		"nobody has this address: the first administrator of the domain gets it");
	return add_account(w, &acc, STR(""));
}

/* Every way in which a local part can belong to somebody. `given` is as it
 * was written: the detail keeps its capitals. */
static int try_local(struct walk *w, const struct directory_domain *dom, struct str local,
	struct str given, unsigned depth)
{
	ssize_t at = detail_at(w->r, local), given_at = detail_at(w->r, given);
	int r = dom->backup ? try_backup(w, dom, local, given, depth) : 0;

	if (r == 0)
		r = try_account(w, local, dom->name, STR(""), depth);

	if (r == 0 && at > 0 && given_at > 0)
		r = try_account(w, str_sub(local, 0, (size_t)at), dom->name,
			str_from(given, (size_t)given_at + 1), depth);
	if (r == 0)
		r = try_alias(w, local, dom->name, depth);
	if (r == 0 && at > 0)
		r = try_alias(w, str_sub(local, 0, (size_t)at), dom->name, depth);
	if (r == 0)
		r = try_rest(w, dom, local, depth);
	if (r == 0 && w->out->ntargets + w->out->noutside == 0)
		note(w, depth, "nobody", address_name(local, dom->name, w->a), "nobody has this address: it is refused");
	return MIN(r, 0);
}

/* depth 0 is the recipient itself; it sets out->result when not ours. */
static int expand(struct walk *w, struct str text, unsigned depth)
{
	struct directory_domain dom;
	struct address addr;
	struct str local, domain;
	int r;

	if (address_read(text, w->a, &local, &domain) < 0) {
		if (depth == 0)
			w->out->result = AUTH_NODOMAIN;
		return 0;
	}
	r = w->r->d->ops->domain(w->r->d, domain, w->a, &dom);
	if (r < 0 && r != E_NOTFOUND)
		return r;
	if (r == 0 && dom.active) {
		if (address_parse_all(text, w->a, &addr) < 0)
			return 0;
		return try_local(w, &dom, local, addr.local, depth);
	}
	if (depth == 0)
		w->out->result = AUTH_NODOMAIN;
	if (r == 0) {
		note(w, depth, "inactive", domain, "this domain is switched off");
	} else if (depth == 0) {
		note(w, depth, "outside", address_name(local, domain, w->a), "this domain is not served here");
	} else {
		note(w, depth, "outside", address_name(local, domain, w->a), "goes to another server");
		return add_outside(w, address_name(local, domain, w->a));
	}
	return 0;
}

/* w: own_only, fn and arg, from the caller. */
static int walk(struct walk *w, const struct resolver *r, struct str address, struct arena *a,
	struct auth_rcpt *out)
{
	struct auth_rcpt v = { .result = AUTH_UNKNOWN };
	int e;

	w->r = r;
	w->a = a;
	w->out = &v;
	v.target = arena_array(a, AUTH_TARGETS_MAX, sizeof(*v.target));
	v.outside = arena_array(a, AUTH_TARGETS_MAX, sizeof(*v.outside));
	table_init(&w->seen);
	e = expand(w, address, 0);
	table_done(&w->seen);
	if (e < 0)
		return e;
	if (v.ntargets + v.noutside > 0)
		v.result = AUTH_OK;
	*out = v;
	return 0;
}

int resolve_rcpt(const struct resolver *r, struct str address, struct arena *a,
	struct auth_rcpt *out)
{
	struct walk w = { .own_only = false };

	return walk(&w, r, address, a, out);
}

int resolve_explain(const struct resolver *r, struct str address, struct arena *a, resolve_fn *fn,
	void *arg, struct auth_rcpt *out)
{
	struct walk w = { .fn = fn, .arg = arg };

	return walk(&w, r, address, a, out);
}

int resolve_own(const struct resolver *r, struct str address, struct arena *a, struct auth_rcpt *out)
{
	struct walk w = { .own_only = true };

	return walk(&w, r, address, a, out);
}

/* The address is none of his. Of a domain that we do not know: NODOMAIN (one that is switched off we do). */
static int not_his(const struct resolver *r, struct str address, struct arena *a, enum auth_result *out)
{
	struct directory_domain dom;
	struct str local, domain;
	int e = 0;

	if (address_read(address, a, &local, &domain) == 0)
		e = r->d->ops->domain(r->d, domain, a, &dom);
	if (e < 0 && e != E_NOTFOUND)
		return e;
	*out = e == E_NOTFOUND ? AUTH_NODOMAIN : AUTH_DENIED;
	return 0;
}

static bool leads_to(const struct auth_rcpt *rcpt, struct str account)
{
	size_t i;

	for (i = 0; i < rcpt->ntargets; i++)
		if (str_eq(rcpt->target[i].account, account))
			return true;
	return false;
}

int resolve_sender(const struct resolver *r, struct str user, struct str address, struct arena *a,
	enum auth_result *out)
{
	struct directory_account acc;
	struct auth_rcpt who;
	int e = resolve_account(r, user, a, &acc);

	if (e < 0 && e != E_NOTFOUND)
		return e;
	if (e == E_NOTFOUND || !resolve_may_log_in(&acc)) {
		*out = e == E_NOTFOUND ? AUTH_UNKNOWN : AUTH_INACTIVE;
		return 0;
	}
	e = resolve_own(r, address, a, &who);
	if (e == 0 && !leads_to(&who, address_name(acc.local, acc.domain, a)))
		e = delegation_sends(r, &acc, address, a);
	if (e == 0)
		*out = AUTH_OK;
	return e == E_NOTFOUND ? not_his(r, address, a, out) : e;
}
