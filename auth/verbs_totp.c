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

static void begin(struct verb *v, const struct directory_account *acc, struct directory_totp *t)
{
	char secret[TOTP_SECRET + 1];
	struct ipc_msg m;
	int r;

	totp_new(secret);
	t->secret = str_of(secret);
	r = v->d->ops->totp_put ? v->d->ops->totp_put(v->d, acc->id, t) : E_UNSUPPORTED;
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
	struct ipc_msg m;

	t->since = (uint64_t)clock_unix();
	ipc_init(&m, "result");
	if (verb_second_on(v, acc, t, &m) == 0)
		verb_row(v, &m);
	else
		ipc_done(&m);
}

void verb_totp_on(struct verb *v)
{
	struct str code = ipc_get(v->m, "code");
	struct directory_account acc;
	struct directory_totp t;

	if (verb_user(v, &acc) < 0 || verb_second(v, &acc, &t) < 0)
		return;
	if (t.since)
		verb_fail(v, EX_CANTCREAT, "it is on already; 'totp off' ends it");
	else if (code.n == 0)
		begin(v, &acc, &t);
	else if (!totp_check(t.secret, code, clock_unix(), &t.step))
		verb_fail(v, EX_DATAERR, "this is not the code of the last secret: try the next one, or begin anew without a code");
	else
		confirm(v, &acc, &t);
}

void verb_totp_off(struct verb *v)
{
	struct directory_account acc;
	struct directory_totp t;
	int r;

	if (verb_user(v, &acc) < 0 || verb_second(v, &acc, &t) < 0)
		return;
	if (t.secret.n == 0) {
		kept(v, &acc, E_NOTFOUND);
		return;
	}
	t.secret = STR("");
	t.since = t.step = 0;
	r = v->d->ops->totp_put(v->d, acc.id, &t);
	if (r < 0)
		kept(v, &acc, r);
	else
		verb_second_off(v, &acc, false);
}

void verb_totp_show(struct verb *v)
{
	struct directory_account acc;
	struct directory_totp t;
	uint64_t left = 0;
	struct ipc_msg m;

	if (verb_user(v, &acc) < 0 || verb_second(v, &acc, &t) < 0)
		return;
	ipc_init(&m, "result");
	ipc_setc(&m, "on", t.since ? "yes" : "no");
	if (t.since)
		ipc_set_u64(&m, "since", t.since);
	if (t.since || t.recovery.n > 0) {
		while (t.recovery.n > 0)
			left += str_cut(&t.recovery, '\n').n > 0;
		ipc_set_u64(&m, "recovery_left", left);
	}
	verb_row(v, &m);
}
