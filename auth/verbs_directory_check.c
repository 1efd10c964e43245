/* SPDX-License-Identifier: ISC
 *
 * verbs_directory_check.c: mansio directory check: what the tables have of names that nobody has, and names that nobody finds.
 *
 * Rights, app passwords of owners and tokens go by name. Who is removed by a verb of ours takes them along (verbs_user.c); of other
 * directories nobody tells us, and who gets the name later would have them. 65 if something was found.
 */
#include <sysexits.h>

#include "auth/delegation.h"
#include "auth/directory_names.h"
#include "auth/directory_stack.h"
#include "auth/verbs.h"

struct found {
	struct verb *v;
	size_t n;
	int err; /* of a directory that is down */
};

static void tell(struct found *f, const char *kind, struct str name, struct str address, const char *words, const char *fix)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "kind", kind);
	ipc_set(&m, "name", name);
	ipc_set(&m, "address", address);
	ipc_setc(&m, "words", words);
	ipc_setc(&m, "fix", fix);
	verb_row(f->v, &m);
	f->n++;
}

/* Does nobody have this name? What cannot be known now is not said. */
static bool is_gone(struct found *f, struct str name)
{
	const struct directory_ops *ops = f->v->d->ops;
	struct arena *a = &f->v->a;
	struct directory_account acc;
	struct directory_domain dom;
	struct directory_alias al;
	struct str local, domain;
	bool whole = str_starts(name, "@");
	int r = address_read(whole ? str_of(arena_fmt(a, "x%.*s", STRF(name))) : name, a, &local, &domain);

	if (r < 0 || !str_eq(whole ? str_from(name, 1) : name, whole ? domain : address_name(local, domain, a)))
		return true; /* looked up in another form */
	r = whole ? ops->domain(f->v->d, domain, a, &dom) : ops->account(f->v->d, local, domain, a, &acc);
	if (r == E_NOTFOUND && !whole)
		r = ops->alias(f->v->d, name, a, &al);
	if (r < 0 && r != E_NOTFOUND)
		f->err = r;
	return r == E_NOTFOUND;
}

struct rights {
	struct directory_delegation *v;
	size_t n, cap;
	struct arena *a;
};

static bool keep(const struct directory_delegation *v, void *arg)
{
	struct rights *s = arg;

	if (s->n == s->cap) {
		s->cap = s->cap * 2 + 64;
		s->v = mem_grow(s->v, s->cap, sizeof(*s->v));
	}
	s->v[s->n++] = (struct directory_delegation){ .kind = arena_str(s->a, v->kind), .address = arena_str(s->a, v->address),
		.who = arena_str(s->a, v->who) };
	return true;
}

static int check_rights(struct found *f)
{
	struct rights s = { .a = &f->v->a };
	int r = f->v->d->ops->delegations ? f->v->d->ops->delegations(f->v->d, STR(""), STR(""), keep, &s) : 0;
	size_t i;

	for (i = 0; r == 0 && i < s.n; i++) {
		const struct directory_delegation *x = &s.v[i];
		bool domain = str_starts(x->address, "@"), owner = str_eqc(x->kind, DELEGATION_OWNER), holder = is_gone(f, x->who);

		if (holder || is_gone(f, x->address))
			tell(f, owner ? DELEGATION_OWNER : DELEGATION_SEND_AS, x->who, x->address, holder ? "nobody has this name; who gets it has this right" :
				"nobody has the address that this right is about",
				owner ? arena_fmt(s.a, "mansio owner remove %.*s %.*s", STRF(x->address), STRF(x->who)) :
					arena_fmt(s.a, "mansio send-as remove %.*s %s=%.*s", STRF(x->who), domain ? "domain" : "address",
						STRF(domain ? str_from(x->address, 1) : x->address)));
	}
	free(s.v);
	return r;
}

static bool check_token(const struct directory_token *t, void *arg)
{
	struct found *f = arg;
	struct str rest = t->roles, role;

	while (rest.n > 0) {
		role = str_trim(str_cut(&rest, ','));
		if (str_starts(role, "send:") && is_gone(f, str_from(role, 5)))
			tell(f, "token", arena_str(&f->v->a, t->label), arena_str(&f->v->a, str_from(role, 5)), "nobody has the name that it sends as; who gets it is sent as",
				arena_fmt(&f->v->a, "mansio token remove %.*s", STRF(t->id)));
	}
	return true;
}

static int check_names(struct found *f, struct directory *d)
{
	struct directory_lost *x = NULL;
	int r = d->sql ? directory_lost(d, &f->v->a, &x) : 0;

	for (; x && r == 0; x = x->next)
		tell(f, x->id ? "user" : "alias", x->name, x->mapped, x->taken ? "is looked up by a form of its name that another one has, too: it is not found" :
			"is looked up by another form of its name: it is not found", "");
	return r;
}

static int check_all_names(struct found *f)
{
	struct directory *d = f->v->d;
	struct stack *s;
	size_t i;
	int r = 0;

	if (strcmp(d->name, DIRECTORY_IS_STACK) != 0)
		return check_names(f, d);
	s = stack_of(d);
	for (i = 0; r == 0 && i < s->n; i++)
		if (s->layer[i].accounts)
			r = check_names(f, s->layer[i].d);
	return r;
}

void verb_directory_check(struct verb *v)
{
	struct found f = { .v = v };
	int r = check_all_names(&f);

	if (r == 0)
		r = check_rights(&f);
	if (r == 0 && v->d->ops->tokens)
		r = v->d->ops->tokens(v->d, check_token, &f);
	if (r == 0)
		r = f.err;
	if (r < 0)
		verb_error(v, r, "directory", STR(""));
	else if (f.n > 0)
		verb_fail(v, EX_DATAERR, "%zu found", f.n);
	v->partial = v->code != 0;
}
