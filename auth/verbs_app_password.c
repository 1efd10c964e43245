/* SPDX-License-Identifier: ISC
 *
 * verbs_app_password.c: mansio app-password add|list|remove: passwords of single devices. One is told once, by
 * `add`; kept is its digest (app_password.h). Its sessions end with it (control.c).
 */
#include <sysexits.h>

#include "auth/app_password.h"
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
	if (p->label.n > APP_PASSWORD_LABEL || str_has_ctl(p->label) || !str_is_utf8(p->label))
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

void verb_app_password_add(struct verb *v)
{
	char text[APP_PASSWORD_TEXT + 1], digest[SECRET_HEX + 1], id[APP_PASSWORD_ID + 1], protocols[sizeof(APP_PASSWORD_ALL)];
	struct directory_app_password p = { .last = 0 };
	struct directory_account acc;
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0 || arguments(v, &p, protocols) < 0 || room(v, &acc) < 0)
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
		verb_row(v, &m);
	}
	explicit_bzero(text, sizeof(text));
}

static bool row(const struct directory_app_password *p, void *arg)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "id", p->id);
	ipc_set(&m, "label", p->label);
	ipc_set(&m, "protocols", p->protocols);
	ipc_set_u64(&m, "since", p->created);
	ipc_set_u64(&m, "expires", p->expires);
	ipc_set_u64(&m, "last", p->last);
	ipc_set(&m, "peer", p->peer);
	verb_row(arg, &m);
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

void verb_app_password_remove(struct verb *v)
{
	struct str id = ipc_get(v->m, "id");
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->app_password_remove ? v->d->ops->app_password_remove(v->d, acc.id, id) : E_NOTFOUND;
	if (r < 0)
		verb_error(v, r, "app password", id);
	else
		v->changed = true;
}
