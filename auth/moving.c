/* SPDX-License-Identifier: ISC
 *
 * moving.c: see moving.h.
 *
 * What is stored meanwhile by somebody else, a password that an administrator set or the one of another first login at the same
 * moment, stays, and is not written over by the one that the old server knew: it decides.
 */
#include "auth/moving.h"

#include "auth/password.h"
#include "auth/prepare.h"
#include "base/clock.h"
#include "conf/conf.h"

bool moving_covers(const struct sasl_service *s, struct str name)
{
	ssize_t at = str_rfind(name, '@');

	return s->old.conf && at > 0 && oldserver_covers(s->old.conf, str_from(name, (size_t)at + 1), clock_unix());
}

/* May an account of this name be made? 1, 0, or E_TEMP. */
static int may_be_made(struct sasl_service *s, struct str name, struct arena *a, struct directory_account *out)
{
	struct directory *d = s->resolver.d;
	struct directory_domain dom;
	struct directory_alias alias;
	int r;

	*out = (struct directory_account){ .name = STR(""), .roles = STR(""), .active = true };
	if (!s->old.conf->oldserver_create || !d->ops->account_put || address_read(name, a, &out->local, &out->domain) < 0 ||
		prepare_name_wrong(out->local))
		return 0;
	r = d->ops->domain(d, out->domain, a, &dom);
	if (r == 0 && (!dom.active || dom.backup))
		return 0;
	if (r == 0)
		r = d->ops->alias(d, name, a, &alias) == E_NOTFOUND ? 1 : 0;
	return r == E_NOTFOUND ? 0 : r < 0 ? E_TEMP : r;
}

static int store(struct sasl_service *s, struct directory_account *acc, bool is_new, struct str password, struct arena *a)
{
	struct directory *d = s->resolver.d;
	struct buf hash, keys;
	int r;

	buf_init(&hash, 1024);
	buf_init(&keys, 2048);
	r = password_hash(password, s->cost, &hash);
	if (r == 0)
		r = scram_make_all(password, s->kinds, s->iterations, &keys);
	acc->hash = arena_str(a, buf_view(&hash));
	acc->scram = arena_str(a, buf_view(&keys));
	buf_wipe(&hash);
	buf_wipe(&keys);
	if (r < 0)
		return r;
	if (is_new)
		return d->ops->account_put(d, acc, true);
	return d->ops->credentials ? d->ops->credentials(d, acc->id, STR(""), acc->hash, acc->scram) : E_UNSUPPORTED;
}

int moving_in(struct sasl_service *s, struct oldserver_asker *who, const struct directory_account *account, struct arena *a,
	const char **why_out)
{
	struct directory_account acc;
	int r = 0;

	if (account)
		acc = *account;
	else
		r = may_be_made(s, who->name, a, &acc);
	if (r < 0) {
		*why_out = "directory does not answer";
		return r;
	}
	if (!account)
		who->nobody = r == 0;
	who->nobody |= !password_valid(who->password);
	r = oldserver_check(&s->old, who, a, why_out);
	if (r < 0)
		return r;
	r = store(s, &acc, !account, who->password, a);
	if (r == E_NOTFOUND || r == E_EXISTS) {
		*why_out = "another password was stored at the same moment";
		return E_EXISTS;
	}
	if (r < 0)
		*why_out = "the password cannot be stored";
	return r < 0 ? E_TEMP : 0;
}
