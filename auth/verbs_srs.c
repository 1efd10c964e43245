/* SPDX-License-Identifier: ISC
 *
 * verbs_srs.c: mansio srs rotate|show: the secret behind rewritten senders of forwards (auth/srs.h), and
 * what one such address stands for.
 */
#include <sysexits.h>

#include "auth/bounce.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "conf/conf.h"

void verb_srs_rotate(struct verb *v)
{
	int e = v->d->ops->setting_put ? bounce_rotate(v->d, clock_unix(), v->conf->forward_srs_age / BOUNCE_DAY) : E_UNSUPPORTED;

	if (e < 0)
		verb_error(v, e, "secret", STR(""));
	else
		v->changed = true;
}

void verb_srs_show(struct verb *v)
{
	static const char *const words[] = { [SRS_GOOD] = "good", [SRS_BAD] = "bad", [SRS_EXPIRED] = "expired" };
	struct str address = ipc_get(v->m, "address"), original = STR_NONE;
	enum srs_result result;
	struct ipc_msg row;
	int e = bounce_back(v->resolver, address, clock_unix(), v->conf->forward_srs_age / BOUNCE_DAY, &v->a, &result, &original);

	if (e < 0) {
		verb_error(v, e, "secret", STR(""));
		return;
	}
	if (result == SRS_NONE) {
		verb_fail(v, EX_DATAERR, "'%.*s' is not a rewritten sender (SRS0=...) of a domain of this server", STRF(address));
		return;
	}
	ipc_init(&row, "result");
	ipc_set(&row, "address", address);
	ipc_setc(&row, "state", words[result]);
	ipc_set(&row, "sender", original);
	verb_row(v, &row);
}
