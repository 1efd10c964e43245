/* SPDX-License-Identifier: ISC
 *
 * verbs_app_password.c: mansio app-password add|list|remove: passwords of single devices. One is told once, by
 * `add`; kept is its digest (app_password.h). Its sessions end with it (control.c).
 *
 * An owner of a mailbox (delegation.h) who asks from outside makes, sees and removes his own ones alone.
 */
#include <sysexits.h>

#include "auth/app_password.h"
#include "auth/delegation.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "conf/value.h"

static bool count(const struct directory_app_password *p, void *arg)
{
	(void)p;
	(*(int64_t *)arg)++;
	return true;
}

/* There is room for one more, and its back end has a place for it. */
static int room(struct verb *v, const struct directory_account *acc)
{
	int64_t have = 0;
	int r = v->d->ops->app_passwords ? v->d->ops->app_passwords(v->d, acc->id, count, &have) : E_UNSUPPORTED;

	if (r < 0)
		return verb_error(v, r, "user", address_name(acc->local, acc->domain, &v->a));
	if (have >= v->conf->auth_app_passwords)
		return verb_fail(v, EX_CANTCREAT, "%lld app passwords are all that an account may have ([auth] app_passwords)",
			(long long)v->conf->auth_app_passwords);
	return 0;
}

/* label= protocols= expires= */
static int arguments(struct verb *v, struct directory_app_password *p, char protocols[sizeof(APP_PASSWORD_ALL)])
{
	struct str list = ipc_get(v->m, "protocols"), time = ipc_get(v->m, "expires");
	int64_t ms = 0;

	p->label = ipc_get(v->m, "label");
	if (p->label.n > APP_PASSWORD_LABEL || !str_is_line(p->label))
		return verb_fail(v, EX_DATAERR, "label: up to %d bytes of UTF-8 without control characters", APP_PASSWORD_LABEL);
	if (!p->label.p)
		p->label = STR("");
	if (app_password_protocols(list.p ? list : STR(APP_PASSWORD_ALL), protocols) < 0)
		return verb_fail(v, EX_DATAERR, "protocols: a list of imap, pop3, submission");
	p->protocols = str_of(protocols);
	if (time.n > 0 && (conf_time_parse(time, &ms) < 0 || ms < 1000))
		return verb_fail(v, EX_DATAERR, "expires: after so long, like 12h, 30d");
	p->created = (uint64_t)clock_unix();
	p->expires = ms ? p->created + (uint64_t)ms / 1000 : 0;
	return 0;
}

/* Whose ones alone the asker may see: his own, as an owner; empty: all. */
static struct str only_of(const struct verb *v)
{
	return ipc_get_bool(v->m, "asker_owner") ? ipc_get(v->m, "asker") : STR("");
}

/* owner=: which owner of the mailbox it is for. */
static int owner(struct verb *v, const struct directory_account *box, struct str *out)
{
	struct str given = ipc_get(v->m, "owner"), own = only_of(v), name = address_name(box->local, box->domain, &v->a), local, domain;
	struct directory_account acc;
	int r;

	*out = own;
	if (given.n > 0) {
		if (address_read(given, &v->a, &local, &domain) < 0)
			return verb_fail(v, EX_DATAERR, "owner: '%.*s' is not an address", STRF(given));
		*out = address_name(local, domain, &v->a);
	}
	if (own.n > 0 && !str_eq(*out, own))
		return verb_fail(v, EX_NOPERM, "owner: an owner makes app passwords for himself alone");
	if (out->n == 0)
		return 0;
	r = delegation_owns(v->resolver, *out, name, &v->a, &acc);
	if (r == E_NOTFOUND)
		return verb_fail(v, EX_DATAERR, "owner: %.*s is no owner of %.*s, or may not log in", STRF(*out), STRF(name));
	return r < 0 ? verb_error(v, r, "owner", *out) : 0;
}

void verb_app_password_add(struct verb *v)
{
	char text[APP_PASSWORD_TEXT + 1], digest[SECRET_HEX + 1], id[APP_PASSWORD_ID + 1], protocols[sizeof(APP_PASSWORD_ALL)];
	struct directory_app_password p = { .last = 0 };
	struct directory_account acc;
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0 || arguments(v, &p, protocols) < 0 || owner(v, &acc, &p.owner) < 0 || room(v, &acc) < 0)
		return;
	app_password_new(text, digest);
	rand_id(id, APP_PASSWORD_ID);
	p.id = str_of(id);
	p.digest = str_of(digest);
	r = v->d->ops->app_password_add(v->d, acc.id, &p);
	if (r < 0) {
		verb_error(v, r, "app password", p.label);
	} else {
		v->changed = true;
		ipc_init(&m, "result");
		ipc_set(&m, "id", p.id);
		ipc_setc(&m, "password", text);
		ipc_set(&m, "protocols", p.protocols);
		ipc_set_u64(&m, "expires", p.expires);
		ipc_set(&m, "owner", p.owner);
		verb_row(v, &m);
	}
	explicit_bzero(text, sizeof(text));
}

static bool row(const struct directory_app_password *p, void *arg)
{
	struct verb *v = arg;
	struct str own = only_of(v);
	struct ipc_msg m;

	if (own.n > 0 && !str_eq(p->owner, own))
		return true;
	ipc_init(&m, "result");
	ipc_set(&m, "id", p->id);
	ipc_set(&m, "label", p->label);
	ipc_set(&m, "protocols", p->protocols);
	ipc_set_u64(&m, "since", p->created);
	ipc_set_u64(&m, "expires", p->expires);
	ipc_set_u64(&m, "last", p->last);
	ipc_set(&m, "peer", p->peer);
	ipc_set(&m, "owner", p->owner);
	verb_row(v, &m);
	return true;
}

void verb_app_password_list(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->app_passwords ? v->d->ops->app_passwords(v->d, acc.id, row, v) : 0;
	if (r < 0)
		verb_error(v, r, "user", address_name(acc.local, acc.domain, &v->a));
}

struct wanted {
	struct str id, owner;
	bool found;
};

static bool look(const struct directory_app_password *p, void *arg)
{
	struct wanted *w = arg;

	w->found = str_eq(p->id, w->id) && str_eq(p->owner, w->owner);
	return !w->found;
}

/* Is it his own, if he may touch no other? 0, E_NOTFOUND, negative. */
static int may_remove(struct verb *v, uint64_t account, struct str id)
{
	struct wanted w = { .id = id, .owner = only_of(v) };
	int r = w.owner.n > 0 && v->d->ops->app_passwords ? v->d->ops->app_passwords(v->d, account, look, &w) : 0;

	return r < 0 ? r : w.owner.n > 0 && !w.found ? E_NOTFOUND : 0;
}

void verb_app_password_remove(struct verb *v)
{
	struct str id = ipc_get(v->m, "id");
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = may_remove(v, acc.id, id);
	if (r == 0)
		r = v->d->ops->app_password_remove ? v->d->ops->app_password_remove(v->d, acc.id, id) : E_NOTFOUND;
	if (r < 0)
		verb_error(v, r, "app password", id);
	else
		v->changed = true;
}
