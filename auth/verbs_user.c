/* SPDX-License-Identifier: ISC
 *
 * verbs_user.c: mansio user add|list|show|change|remove|password.
 *
 * Removing a user leaves the mail directory where it is: what was received is
 * not thrown away by one command.
 */
#include <sysexits.h>

#include "auth/password.h"
#include "auth/verbs.h"
#include "base/rand.h"

#define NAME_MAX_BYTES 200

static const char *const known_roles[] = { "admin" };

static bool row(const struct directory_account *acc, void *arg)
{
	struct verb *v = arg;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "address", address_name(acc->local, acc->domain, &v->a));
	ipc_set(&m, "name", acc->name);
	ipc_setc(&m, "active", acc->active ? "yes" : "no");
	ipc_set_u64(&m, "quota", acc->quota_bytes);
	ipc_set_u64(&m, "quota_messages", acc->quota_messages);
	ipc_set(&m, "roles", acc->roles);
	ipc_setc(&m, "scram", acc->scram.n ? "yes" : "no");
	verb_row(v, &m);
	return true;
}

/* roles=admin,...: each known, or none. */
static int roles(struct verb *v, struct str *io)
{
	struct str given = ipc_get(v->m, "roles"), rest = given, role;
	size_t i;

	if (!given.p)
		return 0;
	while (rest.n > 0) {
		role = str_trim(str_cut(&rest, ','));
		for (i = 0; i < ARRAY_LEN(known_roles); i++)
			if (str_eqc(role, known_roles[i]))
				break;
		if (i == ARRAY_LEN(known_roles))
			return verb_fail(v, EX_DATAERR, "there is no role '%.*s'; known: admin",
				STRF(role));
	}
	*io = given.n ? STR("admin") : STR("");
	return 0;
}

/* name= quota= quota_messages= roles= active=; absent ones stay. */
static int arguments(struct verb *v, struct directory_account *acc)
{
	struct str name = ipc_get(v->m, "name");

	if (name.p && (name.n > NAME_MAX_BYTES || str_has_ctl(name) || !str_is_utf8(name)))
		return verb_fail(v, EX_DATAERR, "name: up to %d bytes of UTF-8 without control characters",
			NAME_MAX_BYTES);
	if (name.p)
		acc->name = name;
	if (verb_size(v, "quota", &acc->quota_bytes) < 0 ||
	    verb_size(v, "quota_messages", &acc->quota_messages) < 0 ||
	    verb_bool(v, "active", &acc->active) < 0)
		return -1;
	return roles(v, &acc->roles);
}

/* password=: hash and keys into acc. */
static int password(struct verb *v, struct directory_account *acc)
{
	struct str given = ipc_get(v->m, "password");
	unsigned char salt[SCRAM_SALT];
	struct buf hash, keys;
	int r;

	if (given.n == 0)
		return verb_fail(v, EX_USAGE, "a password is needed");
	if (!password_valid(given))
		return verb_fail(v, EX_DATAERR, "a password is up to %d bytes of UTF-8 without NUL",
			PASSWORD_MAX);
	buf_init(&hash, 1024);
	buf_init(&keys, 1024);
	rand_bytes(salt, sizeof(salt));
	r = password_hash(given, v->cost, &hash);
	if (r == 0)
		r = scram_make(given, v->iterations, salt, &keys);
	acc->hash = arena_str(&v->a, buf_view(&hash));
	acc->scram = arena_str(&v->a, buf_view(&keys));
	buf_wipe(&hash);
	buf_wipe(&keys);
	return r < 0 ? verb_fail(v, EX_TEMPFAIL, "hashing failed: %s", err_text(r)) : 0;
}

static void put(struct verb *v, const struct directory_account *acc, bool is_new)
{
	struct directory_domain dom;
	int r;

	/* told apart here: an account that exists and a domain that does not */
	r = v->d->ops->domain(v->d, acc->domain, &v->a, &dom);
	if (r < 0) {
		verb_error(v, r, "domain", acc->domain);
		return;
	}
	r = v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, is_new) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "user", address_name(acc->local, acc->domain, &v->a));
	else
		v->changed = true;
}

void verb_user_add(struct verb *v)
{
	struct directory_account acc = { .name = STR(""), .roles = STR(""), .active = true };
	struct directory_alias al;
	struct str name;
	int r;

	if (verb_address(v, &acc.local, &acc.domain) < 0 || arguments(v, &acc) < 0)
		return;
	name = address_name(acc.local, acc.domain, &v->a);
	r = v->d->ops->alias(v->d, name, &v->a, &al);
	if (r != E_NOTFOUND) {
		verb_error(v, r < 0 ? r : E_EXISTS, "alias", name);
		return;
	}
	if (password(v, &acc) == 0)
		put(v, &acc, true);
}

static int find(struct verb *v, struct directory_account *out)
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

	if (find(v, &acc) == 0)
		row(&acc, v);
}

void verb_user_list(struct verb *v)
{
	struct str domain = STR("");
	int r;

	if (ipc_get(v->m, "domain").n > 0 && verb_domain(v, &domain) < 0)
		return;
	r = v->d->ops->accounts ? v->d->ops->accounts(v->d, domain, row, v) : E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "user", STR(""));
}

void verb_user_change(struct verb *v)
{
	struct directory_account acc;

	if (find(v, &acc) == 0 && arguments(v, &acc) == 0)
		put(v, &acc, false);
}

void verb_user_password(struct verb *v)
{
	struct directory_account acc;

	if (find(v, &acc) == 0 && password(v, &acc) == 0)
		put(v, &acc, false);
}

void verb_user_remove(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (find(v, &acc) < 0)
		return;
	r = v->d->ops->account_remove ? v->d->ops->account_remove(v->d, acc.local, acc.domain) :
					E_UNSUPPORTED;
	if (r < 0)
		verb_error(v, r, "user", address_name(acc.local, acc.domain, &v->a));
	else
		v->changed = true;
}
