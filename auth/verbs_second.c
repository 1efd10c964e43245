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
	struct directory_totp t = { .recovery = STR("") };
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

/* Codes, if there are none; a login may use one up meanwhile, so only "none" is written over. */
static int recover(struct verb *v, const struct directory_account *acc, struct ipc_msg *row)
{
	struct buf told, digests;
	int r;

	buf_init(&told, 512);
	buf_init(&digests, 1024);
	recovery_new(&told, &digests);
	r = v->d->ops->totp_recover(v->d, acc->id, STR(""), buf_view(&digests));
	if (r == 0)
		ipc_set(row, "recovery", buf_view(&told));
	buf_wipe(&told);
	buf_done(&digests);
	return r == E_NOTFOUND ? 0 : r;
}

int verb_second_on(struct verb *v, struct directory_account *acc, const struct directory_totp *t, struct ipc_msg *row)
{
	int r = t ? v->d->ops->totp_put(v->d, acc->id, t) : 0;

	if (r == 0)
		r = recover(v, acc, row);
	if (r < 0)
		return kept(v, acc, r);
	v->changed = acc->main_web = true;
	/* a back end that others keep has no place for that: [auth] main_password */
	r = v->d->ops->account_put ? v->d->ops->account_put(v->d, acc, false) : E_UNSUPPORTED;
	ipc_setc(row, "main_password", r == 0 ? "web" : "all");
	return 0;
}

void verb_second_off(struct verb *v, const struct directory_account *acc, bool codes)
{
	int keys = second_keys(v->d, acc->id), r = MIN(keys, 0);

	if (keys == 0 && !codes)
		r = v->d->ops->totp_remove(v->d, acc->id);
	if (r < 0 && r != E_NOTFOUND)
		kept(v, acc, r);
	else
		v->changed = true;
}
