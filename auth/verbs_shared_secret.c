/* SPDX-License-Identifier: ISC
 *
 * verbs_shared_secret.c: mansio shared-secret set|remove|show: the secret by which an account logs in with CRAM-MD5 and
 * APOP (shared_secret.h). Administrators alone: whoever has one logs in by the weakest that there is. It is never the
 * account's password, which so is nowhere stored in a form that can be read. Its sessions end with it (control.c).
 */
#include <sysexits.h>

#include "auth/scheme.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "conf/conf.h"

static int kept(struct verb *v, const struct directory_account *acc, int r)
{
	return verb_error(v, r, "shared secret of", address_name(acc->local, acc->domain, &v->a));
}

/* Is it what the account logs in with elsewhere? */
static bool is_password(struct verb *v, const struct directory_account *acc, struct str secret)
{
	const struct scheme_limits limits = { v->conf->auth_hash_memory, (uint64_t)v->conf->auth_hash_work };
	int r = v->d->ops->check ? v->d->ops->check(v->d, acc, secret) : E_UNSUPPORTED;

	return r == 0 || (r == E_UNSUPPORTED && acc->hash.n > 0 && scheme_check(secret, acc->hash, &limits) == SCHEME_GOOD);
}

static int chosen(struct verb *v, const struct directory_account *acc, struct str secret)
{
	if (!str_is_utf8(secret) || str_has_ctl(secret) || secret.n < (size_t)v->conf->auth_shared_secret_length || secret.n > SHARED_SECRET_MAX)
		return verb_fail(v, EX_DATAERR, "a shared secret has %lld to %d characters, none of them a control character ([auth] shared_secret_length)",
			(long long)v->conf->auth_shared_secret_length, SHARED_SECRET_MAX);
	if (is_password(v, acc, secret))
		return verb_fail(v, EX_DATAERR, "this is the account's password: a shared secret must be another one, for it is stored so that it can be read");
	return 0;
}

void verb_shared_secret_set(struct verb *v)
{
	struct str given = ipc_get(v->m, "password");
	struct directory_shared_secret s = { .since = (uint64_t)clock_unix() };
	char made[SHARED_SECRET_TEXT + 1] = "";
	struct directory_account acc;
	struct buf sealed;
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0 || verb_not_shared(v, &acc) < 0 || (given.p && chosen(v, &acc, given) < 0))
		return;
	if (!given.p) {
		shared_secret_new(made);
		given = str_of(made);
	}
	buf_init(&sealed, 1024);
	r = v->shared_key ? shared_secret_seal(v->shared_key, acc.id, given, &sealed) : E_UNSUPPORTED;
	if (r < 0) {
		verb_fail(v, EX_UNAVAILABLE, "secrets/shared-secret.key in the state folder is not there, or is no key");
	} else {
		s.sealed = buf_view(&sealed);
		r = v->d->ops->shared_secret_put ? v->d->ops->shared_secret_put(v->d, acc.id, &s) : E_UNSUPPORTED;
		if (r < 0) {
			kept(v, &acc, r);
		} else {
			v->changed = true;
			ipc_init(&m, "result");
			if (made[0])
				ipc_setc(&m, "secret", made);
			ipc_set_u64(&m, "since", s.since);
			verb_row(v, &m);
		}
	}
	buf_done(&sealed);
	explicit_bzero(made, sizeof(made));
}

void verb_shared_secret_remove(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->shared_secret_remove ? v->d->ops->shared_secret_remove(v->d, acc.id) : E_NOTFOUND;
	if (r < 0)
		kept(v, &acc, r);
	else
		v->changed = true;
}

void verb_shared_secret_show(struct verb *v)
{
	struct directory_shared_secret s = { .since = 0 };
	struct directory_account acc;
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->shared_secret ? v->d->ops->shared_secret(v->d, &acc, &v->a, &s) : E_NOTFOUND;
	if (r < 0 && r != E_NOTFOUND) {
		kept(v, &acc, r);
		return;
	}
	ipc_init(&m, "result");
	ipc_setc(&m, "set", r == 0 ? "yes" : "no");
	if (r == 0)
		ipc_set_u64(&m, "since", s.since);
	verb_row(v, &m);
}
