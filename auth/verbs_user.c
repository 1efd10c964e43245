/* SPDX-License-Identifier: ISC
 *
 * verbs_user.c: mansio user add|list|show|change|remove|password.
 *
 * Removing a user leaves the mail directory where it is: what was received is
 * not thrown away by one command.
 */
#include <sysexits.h>

#include "auth/password.h"
#include "auth/prepare.h"
#include "auth/roles.h"
#include "auth/verbs.h"

#define NAME_MAX_BYTES 200

/* "kept, copies to ...", for people */
static struct str forward_text(const struct directory_account *acc, struct arena *a)
{
	struct str rest = acc->forward, target, out;
	struct buf b;

	buf_init(&b, IPC_MAX);
	while (rest.n > 0) {
		target = str_cut(&rest, '\n');
		if (target.n > 0)
			buf_fmt(&b, "%s%.*s", b.n ? ", " : acc->forward_keep ? "copy to " : "", STRF(target));
	}
	out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return out;
}

static bool row(const struct directory_account *acc, void *arg)
{
	struct verb *v = arg;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "address", address_name(acc->local, acc->domain, &v->a));
	ipc_set(&m, "name", acc->name);
	ipc_setc(&m, "active", acc->active ? "yes" : "no");
	ipc_setc(&m, "state", !acc->active ? acc->left ? "left" : "suspended" : acc->expires && !resolve_may_log_in(acc) ? "expired" : "active");
	ipc_set_u64(&m, "expires", acc->expires);
	ipc_set_u64(&m, "until", acc->active ? 0 : acc->refuse_from);
	ipc_set_u64(&m, "quota", acc->quota_bytes);
	ipc_set_u64(&m, "quota_messages", acc->quota_messages);
	ipc_set(&m, "roles", acc->roles);
	ipc_setc(&m, "scram", acc->scram.n ? "yes" : "no");
	ipc_setc(&m, "password", acc->hash.n ? "yes" : "no");
	ipc_setc(&m, "shared", acc->shared ? "yes" : "no");
	ipc_setc(&m, "main_password", acc->main_web ? "web" : "all");
	ipc_setc(&m, "listed", acc->unlisted ? "no" : "yes");
	ipc_set(&m, "forward", forward_text(acc, &v->a));
	ipc_setc(&m, "directory", acc->backend);
	verb_row(v, &m);
	return true;
}

/* roles=: admin, admin@DOMAIN; none: a person. */
static int roles(struct verb *v, struct str *io)
{
	struct str given = ipc_get(v->m, "roles"), bad;

	if (given.p && rights_roles_parse(given, false, &v->a, io, &bad) < 0)
		return verb_fail(v, EX_DATAERR, "there is no role '%.*s'; known: admin, admin@DOMAIN", STRF(bad));
	return 0;
}

/* main_password=: what the password is good for. */
static int main_password(struct verb *v, struct directory_account *acc)
{
	struct str given = ipc_get(v->m, "main_password");

	if (given.p && !str_eqc(given, "web") && !str_eqc(given, "all"))
		return verb_fail(v, EX_DATAERR, "main_password: web or all");
	if (given.p)
		acc->main_web = str_eqc(given, "web");
	return 0;
}

/* name= quota= quota_messages= roles= active= expires= main_password= listed=; absent ones stay. */
static int arguments(struct verb *v, struct directory_account *acc)
{
	bool listed = !acc->unlisted;
	struct str name = ipc_get(v->m, "name");

	if (name.p && (name.n > NAME_MAX_BYTES || !str_is_line(name)))
		return verb_fail(v, EX_DATAERR, "name: up to %d bytes of UTF-8 without control characters",
			NAME_MAX_BYTES);
	if (name.p)
		acc->name = name;
	if (verb_size(v, "quota", &acc->quota_bytes) < 0 ||
	    verb_size(v, "quota_messages", &acc->quota_messages) < 0 ||
	    verb_bool(v, "active", &acc->active) < 0 || verb_moment(v, "expires", &acc->expires) < 0 || verb_bool(v, "listed", &listed) < 0 ||
	    main_password(v, acc) < 0)
		return -1;
	if (acc->active && acc->left) { /* she is back */
		acc->left = acc->refuse_from = 0;
		acc->forward = acc->refuse_text = STR("");
	}
	acc->unlisted = !listed;
	return roles(v, &acc->roles);
}

int verb_not_shared(struct verb *v, const struct directory_account *acc)
{
	return !acc->shared ? 0 : verb_fail(v, EX_UNAVAILABLE,
		"%.*s is a shared mailbox and has no password: its owners have app passwords of their own",
		STRF(address_name(acc->local, acc->domain, &v->a)));
}

/* password=: hash and keys into acc. */
int verb_password(struct verb *v, struct directory_account *acc)
{
	struct str given = ipc_get(v->m, "password");
	struct buf hash, keys;
	const char *wrong;
	int r;

	if (verb_not_shared(v, acc) < 0)
		return -1;
	if (given.n == 0)
		return verb_fail(v, EX_USAGE, "a password is needed");
	if (!password_valid(given))
		return verb_fail(v, EX_DATAERR, "a password is up to %d bytes of UTF-8 without NUL",
			PASSWORD_MAX);
	wrong = prepare_password_wrong(given);
	if (wrong)
		return verb_fail(v, EX_DATAERR, "the password %s", wrong);
	buf_init(&hash, 1024);
	buf_init(&keys, 2048);
	r = password_hash(given, v->cost, &hash);
	if (r == 0)
		r = scram_make_all(given, v->kinds, v->iterations, &keys);
	acc->hash = arena_str(&v->a, buf_view(&hash));
	acc->scram = arena_str(&v->a, buf_view(&keys));
	buf_wipe(&hash);
	buf_wipe(&keys);
	return r < 0 ? verb_fail(v, EX_TEMPFAIL, "hashing failed: %s", err_text(r)) : 0;
}

void verb_user_put(struct verb *v, const struct directory_account *acc, bool is_new)
{
	struct directory_domain dom;
	int r;

	/* told apart here: an account that exists and a domain that does not */
	r = v->d->ops->domain(v->d, acc->domain, &v->a, &dom);
	if (r == E_NOTFOUND)
		verb_fail(v, EX_NOUSER, "there is no domain %.*s: 'domain add' makes it", STRF(acc->domain));
	else if (r < 0)
		verb_error(v, r, "domain", acc->domain);
	if (r < 0)
		return;
	r = v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, is_new) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "user", address_name(acc->local, acc->domain, &v->a));
	else
		v->changed = true;
}

void verb_user_add(struct verb *v)
{
	struct directory_account acc = { .name = STR(""), .roles = STR(""), .active = true };
	struct directory_domain dom;
	struct directory_alias al;
	const char *wrong;
	struct str name;
	int r;

	if (verb_address(v, &acc.local, &acc.domain) < 0 || arguments(v, &acc) < 0 || verb_bool(v, "shared", &acc.shared) < 0)
		return;
	name = address_name(acc.local, acc.domain, &v->a);
	wrong = prepare_name_wrong(acc.local);
	if (wrong) {
		verb_fail(v, EX_DATAERR, "the name %.*s %s (RFC 8265): take another for the account, and make this one an alias of it", STRF(name), wrong);
		return;
	}
	if (v->d->ops->domain(v->d, acc.domain, &v->a, &dom) == 0 && dom.backup) {
		verb_fail(v, EX_DATAERR, "%.*s is a backup domain: its recipients are aliases to themselves", STRF(acc.domain));
		return;
	}
	r = v->d->ops->alias(v->d, name, &v->a, &al);
	if (r != E_NOTFOUND) {
		verb_error(v, r < 0 ? r : E_EXISTS, "alias", name);
		return;
	}
	/* without a password nobody logs in, until an invitation is redeemed */
	acc.hash = acc.scram = STR("");
	if (!ipc_get(v->m, "password").p || verb_password(v, &acc) == 0)
		verb_user_put(v, &acc, true);
}

int verb_user(struct verb *v, struct directory_account *out)
{
	struct str local, domain;
	int r;

	if (verb_address(v, &local, &domain) < 0)
		return -1;
	r = v->d->ops->account(v->d, local, domain, &v->a, out);
	return r < 0 ? verb_error(v, r, "user", address_name(local, domain, &v->a)) : 0;
}

void verb_user_show(struct verb *v)
{
	struct directory_account acc;

	if (verb_user(v, &acc) == 0)
		row(&acc, v);
}

struct listing {
	struct verb_page page;
	bool without_password;
};

static bool list_row(const struct directory_account *acc, void *arg)
{
	struct listing *l = arg;
	struct verb_page *p = &l->page;
	struct str address = address_name(acc->local, acc->domain, &p->v->a);

	if (l->without_password && (acc->hash.n > 0 || acc->shared))
		return true;
	if (verb_page_shows(p, acc->local, address, acc->domain, acc->name))
		row(acc, p->v);
	return !verb_page_full(p);
}

void verb_user_list(struct verb *v)
{
	struct str domain = STR("");
	struct listing l = { .without_password = false };
	int r;

	if ((ipc_get(v->m, "domain").n > 0 && verb_domain(v, &domain) < 0) || verb_page(v, true, &l.page) < 0 ||
		verb_bool(v, "without_password", &l.without_password) < 0)
		return;
	r = v->d->ops->accounts ? v->d->ops->accounts(v->d, domain, list_row, &l) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "user", STR(""));
}

void verb_user_change(struct verb *v)
{
	struct directory_account acc;

	if (verb_user(v, &acc) < 0 || arguments(v, &acc) < 0)
		return;
	if ((ipc_get(v->m, "roles").p || !acc.active) && verb_invite_void(v, &acc) < 0)
		return;
	verb_user_put(v, &acc, false);
	if (v->changed && (ipc_get(v->m, "expires").p || !acc.active))
		verb_ends_owned(v, address_name(acc.local, acc.domain, &v->a));
	if (v->changed && ipc_get(v->m, "expires").p)
		verb_expires(v, address_name(acc.local, acc.domain, &v->a), acc.expires);
}

void verb_user_password(struct verb *v)
{
	struct directory_account acc;

	if (verb_user(v, &acc) == 0 && verb_password(v, &acc) == 0 && verb_invite_void(v, &acc) == 0)
		verb_user_put(v, &acc, false);
}

void verb_user_remove(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	verb_ends_owned(v, address_name(acc.local, acc.domain, &v->a));
	r = v->d->ops->account_remove ? v->d->ops->account_remove(v->d, acc.local, acc.domain) :
					E_UNSUPPORTED;
	if (r < 0) {
		verb_error(v, r, "user", address_name(acc.local, acc.domain, &v->a));
	} else {
		v->changed = true;
		verb_delegations_forget(v, address_name(acc.local, acc.domain, &v->a));
		verb_tokens_forget(v, address_name(acc.local, acc.domain, &v->a));
	}
}
