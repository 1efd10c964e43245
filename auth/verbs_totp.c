/* SPDX-License-Identifier: ISC
 *
 * verbs_totp.c: mansio totp on|off|show: the second factor of an account at the web page.
 *
 *   nothing --on--> a secret is told --on code=--> on, recovery codes are told --off--> nothing
 *
 * It counts only when its owner has shown a code of it: nobody is locked out by a telephone that never took it. From then on
 * the password alone is worth nothing, so it is no good for mail programs any more either.
 */
#include <sysexits.h>

#include "auth/totp.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "base/codec.h"

static int kept(struct verb *v, const struct directory_account *acc, int r)
{
	return verb_error(v, r, "second factor of", address_name(acc->local, acc->domain, &v->a));
}

/* For programs on telephones: the form that Google Authenticator began. */
static char *uri(struct verb *v, const struct directory_account *acc, const char *secret)
{
	struct str name = address_name(acc->local, acc->domain, &v->a);
	struct buf b;
	char *text;

	buf_init(&b, 4096);
	percent_encode(name, &b);
	text = arena_fmt(&v->a, "otpauth://totp/%s?secret=%s&issuer=%.*s", buf_cstr(&b), secret, STRF(acc->domain));
	buf_done(&b);
	return text;
}

static void begin(struct verb *v, const struct directory_account *acc)
{
	struct directory_totp t = { .recovery = STR("") };
	char secret[TOTP_SECRET + 1];
	struct ipc_msg m;
	int r;

	totp_new(secret);
	t.secret = str_of(secret);
	r = v->d->ops->totp_put ? v->d->ops->totp_put(v->d, acc->id, &t) : E_UNSUPPORTED;
	if (r < 0) {
		kept(v, acc, r);
		return;
	}
	ipc_init(&m, "result");
	ipc_setc(&m, "secret", secret);
	ipc_setc(&m, "uri", uri(v, acc, secret));
	verb_row(v, &m);
	explicit_bzero(secret, sizeof(secret));
}

/* A code was shown: from now on it counts. */
static void confirm(struct verb *v, struct directory_account *acc, struct directory_totp *t)
{
	char text[TOTP_RECOVERY_TEXT + 1], digest[SECRET_HEX + 1];
	struct buf told, list;
	struct ipc_msg m;
	size_t i;
	int r;

	buf_init(&told, 512);
	buf_init(&list, 1024);
	for (i = 0; i < TOTP_RECOVERY; i++) {
		totp_recovery_new(text, digest);
		buf_fmt(&told, "%s%s", i ? " " : "", text);
		buf_fmt(&list, "%s\n", digest);
	}
	t->recovery = buf_view(&list);
	t->since = (uint64_t)clock_unix();
	r = v->d->ops->totp_put(v->d, acc->id, t);
	if (r < 0) {
		kept(v, acc, r);
	} else {
		v->changed = acc->main_web = true;
		/* a back end that others keep has no place for that: [auth] main_password */
		r = v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, false) : E_UNSUPPORTED;
		ipc_init(&m, "result");
		ipc_set(&m, "recovery", buf_view(&told));
		ipc_setc(&m, "main_password", r == 0 ? "web" : "all");
		verb_row(v, &m);
	}
	buf_wipe(&told);
	buf_done(&list);
}

void verb_totp_on(struct verb *v)
{
	struct str code = ipc_get(v->m, "code");
	struct directory_totp t = { .since = 0 };
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->totp ? v->d->ops->totp(v->d, acc.id, &v->a, &t) : E_UNSUPPORTED;
	if (r < 0 && r != E_NOTFOUND)
		kept(v, &acc, r);
	else if (r == 0 && t.since)
		verb_fail(v, EX_CANTCREAT, "it is on already; 'totp off' ends it");
	else if (code.n == 0)
		begin(v, &acc);
	else if (r < 0 || !totp_check(t.secret, code, clock_unix(), &t.step))
		verb_fail(v, EX_DATAERR, "this is not the code of the last secret: try the next one, or begin anew without a code");
	else
		confirm(v, &acc, &t);
}

void verb_totp_off(struct verb *v)
{
	struct directory_account acc;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->totp_remove ? v->d->ops->totp_remove(v->d, acc.id) : E_NOTFOUND;
	if (r < 0)
		kept(v, &acc, r);
	else
		v->changed = true;
}

void verb_totp_show(struct verb *v)
{
	struct directory_totp t = { .recovery = STR("") };
	struct directory_account acc;
	uint64_t left = 0;
	struct ipc_msg m;
	int r;

	if (verb_user(v, &acc) < 0)
		return;
	r = v->d->ops->totp ? v->d->ops->totp(v->d, acc.id, &v->a, &t) : E_NOTFOUND;
	if (r < 0 && r != E_NOTFOUND) {
		kept(v, &acc, r);
		return;
	}
	while (t.since && t.recovery.n > 0)
		left += str_cut(&t.recovery, '\n').n > 0;
	ipc_init(&m, "result");
	ipc_setc(&m, "on", t.since ? "yes" : "no");
	if (t.since) {
		ipc_set_u64(&m, "since", t.since);
		ipc_set_u64(&m, "recovery_left", left);
	}
	verb_row(v, &m);
}
