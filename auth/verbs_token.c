/* SPDX-License-Identifier: ISC
 *
 * verbs_token.c: mansio token add|list|remove: tokens of programs that use the API.
 * A secret is told once, by `token add`; kept is its digest.
 */
#include <sysexits.h>

#include "auth/roles.h"
#include "auth/secret.h"
#include "auth/verbs.h"
#include "base/clock.h"

#define LABEL_MAX 100
#define DAY 86400
#define DAYS_MAX 36500

/* role= (repeated, each may be a list) as one list. */
static int roles(struct verb *v, struct str *out)
{
	struct str given, bad = STR("");
	struct buf b;
	size_t i;
	int r;

	buf_init(&b, 16 * 1024);
	for (i = 0; (given = ipc_get_nth(v->m, "role", i)).p; i++)
		buf_fmt(&b, "%s%.*s", i ? "," : "", STRF(given));
	r = b.err ? E_SYNTAX : rights_roles_parse(buf_view(&b), true, &v->a, out, &bad);
	if (r == 0 && out->n == 0)
		r = verb_fail(v, EX_USAGE, "a role is needed");
	else if (r < 0)
		verb_fail(v, EX_DATAERR, "there is no role '%.*s'; known: admin, admin@DOMAIN, metrics, and one send:ADDRESS", STRF(bad));
	buf_done(&b);
	return r;
}

/* Who sends by it must be there: a slip of the pen would be found out by the program. */
static int sender_there(struct verb *v, struct str list)
{
	struct directory_account acc;
	int r;

	while (list.p) {
		struct str role = str_trim(str_cut(&list, ','));

		if (!str_starts(role, "send:"))
			continue;
		r = resolve_account(v->resolver, str_from(role, 5), &v->a, &acc);
		if (r < 0)
			return verb_error(v, r, "account", str_from(role, 5));
	}
	return 0;
}

void verb_token_add(struct verb *v)
{
	struct directory_token t = { .label = ipc_get(v->m, "label"), .created = (uint64_t)clock_unix() };
	char text[SECRET_TEXT + 1], digest[SECRET_HEX + 1];
	uint64_t days = 365;
	struct ipc_msg m;
	int r;

	if (t.label.n == 0 || t.label.n > LABEL_MAX || !str_is_line(t.label)) {
		verb_fail(v, EX_DATAERR, "label: up to %d bytes of UTF-8 without control characters", LABEL_MAX);
		return;
	}
	if (ipc_get(v->m, "days").p && ipc_get_u64(v->m, "days", DAYS_MAX, &days) < 0) {
		verb_fail(v, EX_DATAERR, "days is a number, at most %d", DAYS_MAX);
		return;
	}
	if (roles(v, &t.roles) < 0 || sender_there(v, t.roles) < 0)
		return;
	secret_new(text, digest);
	t.id = str_make(text, SECRET_ID);
	t.digest = str_of(digest);
	t.expires = days ? t.created + days * DAY : 0;
	r = v->d->ops->token_add ? v->d->ops->token_add(v->d, &t) : E_UNSUPPORTED;
	if (r < 0) {
		verb_error(v, r, "token", t.label);
	} else {
		v->changed = true;
		ipc_init(&m, "result");
		ipc_set(&m, "id", t.id);
		ipc_setc(&m, "token", text);
		ipc_set_u64(&m, "expires", t.expires);
		verb_row(v, &m);
	}
	explicit_bzero(text, sizeof(text));
}

static bool row(const struct directory_token *t, void *arg)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "id", t->id);
	ipc_set(&m, "label", t->label);
	ipc_set(&m, "roles", t->roles);
	ipc_set_u64(&m, "since", t->created);
	ipc_set_u64(&m, "expires", t->expires);
	ipc_set_u64(&m, "last", t->last);
	verb_row(arg, &m);
	return true;
}

void verb_token_list(struct verb *v)
{
	int r = v->d->ops->tokens ? v->d->ops->tokens(v->d, row, v) : E_UNSUPPORTED;

	if (r < 0)
		verb_error(v, r, "token", STR(""));
}

void verb_token_remove(struct verb *v)
{
	struct str id = ipc_get(v->m, "id");
	int r = v->d->ops->token_remove ? v->d->ops->token_remove(v->d, id) : E_UNSUPPORTED;

	if (r < 0)
		verb_error(v, r, "token", id);
	else
		v->changed = true;
}

struct with_role {
	struct arena *a;
	struct str role;
	struct held {
		struct held *next;
		struct directory_token t;
	} *first;
};

/* Looked at when the statement that reads them is done. */
static bool has_role(const struct directory_token *t, void *arg)
{
	struct with_role *w = arg;
	struct held *held;
	struct str rest;

	if (!rights_roles_without(t->roles, w->role, w->a, &rest))
		return true;
	held = ARENA_NEW(w->a, struct held);
	*held = (struct held){ w->first, *t };
	held->t.id = arena_str(w->a, t->id);
	held->t.label = arena_str(w->a, t->label);
	held->t.digest = arena_str(w->a, t->digest);
	held->t.roles = rest;
	w->first = held;
	return true;
}

void verb_tokens_forget(struct verb *v, struct str name)
{
	struct with_role w = { &v->a, str_of(arena_fmt(&v->a, "%s%.*s", str_starts(name, "@") ? "admin" : "send:", STRF(name))), NULL };
	int r = v->d->ops->tokens ? v->d->ops->tokens(v->d, has_role, &w) : 0;
	struct held *held;

	for (held = w.first; r == 0 && held; held = held->next) {
		r = v->d->ops->token_remove(v->d, held->t.id);
		if (r == 0 && held->t.roles.n > 0)
			r = v->d->ops->token_add(v->d, &held->t);
	}
	if (r < 0)
		verb_error(v, r, "tokens of", name);
}

void verb_token_used(struct verb *v)
{
	struct str id = ipc_get(v->m, "id");
	int r = v->d->ops->token_used ? v->d->ops->token_used(v->d, id, (uint64_t)clock_unix()) : E_UNSUPPORTED;

	if (r < 0)
		verb_error(v, r, "token", id);
	else
		v->changed = true;
}
