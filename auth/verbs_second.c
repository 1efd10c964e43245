/* SPDX-License-Identifier: ISC
 *
 * verbs_second.c: what the second factors of the web page have in common (codes: verbs_totp.c, security keys:
 * verbs_security_key.c). With the first one come recovery codes, which go with the last; and with a second factor
 * the password alone is worth nothing, so it is no good for mail programs any more either.
 */
#include <sysexits.h>

#include "auth/second.h"
#include "auth/totp.h"
#include "auth/verbs.h"

static int kept(struct verb *v, const struct directory_account *acc, int r)
{
	return verb_error(v, r, "second factor of", address_name(acc->local, acc->domain, &v->a));
}

int verb_second(struct verb *v, const struct directory_account *acc, struct directory_totp *out)
{
	struct directory_totp t = { .secret = STR(""), .recovery = STR("") };
	int r = v->d->ops->totp ? v->d->ops->totp(v->d, acc->id, &v->a, &t) : E_NOTFOUND;

	if (r < 0 && r != E_NOTFOUND)
		return kept(v, acc, r);
	*out = t;
	return 0;
}

/* Told once, and their digests. */
static void recovery_new(struct buf *told, struct buf *digests)
{
	char text[TOTP_RECOVERY_TEXT + 1], digest[SECRET_HEX + 1];
	size_t i;

	for (i = 0; i < TOTP_RECOVERY; i++) {
		totp_recovery_new(text, digest);
		buf_fmt(told, "%s%s", i ? " " : "", text);
		buf_fmt(digests, "%s\n", digest);
	}
	explicit_bzero(text, sizeof(text));
}

int verb_second_on(struct verb *v, struct directory_account *acc, struct directory_totp *t, struct ipc_msg *row)
{
	struct buf told, digests;
	int r;

	buf_init(&told, 512);
	buf_init(&digests, 1024);
	if (t->recovery.n == 0) {
		recovery_new(&told, &digests);
		t->recovery = arena_str(&v->a, buf_view(&digests));
	}
	r = v->d->ops->totp_put ? v->d->ops->totp_put(v->d, acc->id, t) : E_UNSUPPORTED;
	if (r < 0) {
		kept(v, acc, r);
	} else {
		if (told.n > 0)
			ipc_set(row, "recovery", buf_view(&told));
		v->changed = acc->main_web = true;
		/* a back end that others keep has no place for that: [auth] main_password */
		r = v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, false) : E_UNSUPPORTED;
		ipc_setc(row, "main_password", r == 0 ? "web" : "all");
		r = 0;
	}
	buf_wipe(&told);
	buf_done(&digests);
	return r;
}

void verb_second_off(struct verb *v, const struct directory_account *acc, const struct directory_totp *t)
{
	int keys = second_keys(v->d, acc->id), r = keys;

	if (r >= 0 && (t->since || keys > 0))
		r = v->d->ops->totp_put(v->d, acc->id, t);
	else if (r >= 0)
		r = v->d->ops->totp_remove(v->d, acc->id);
	if (r < 0 && r != E_NOTFOUND)
		kept(v, acc, r);
	else
		v->changed = true;
}
