/* SPDX-License-Identifier: ISC
 *
 * verbs_leave.c: mansio user leave: she is not here any more.
 *
 * One verb for what belongs together: nobody logs in with the account, its sessions end (control.c), its mail goes on to
 * others, and at `until` that ends, too: then mail to it is refused (auth/resolve.c), with `reply` as the reason. What she had
 * is kept and void: app passwords, tokens, rights. `user change active=yes` undoes it all.
 */
#include <sysexits.h>

#include "auth/verbs.h"
#include "base/clock.h"

#define REPLY_MAX 200 /* bytes, in one line of an SMTP reply */

/* until=, reply= */
static int arguments(struct verb *v, struct directory_account *acc)
{
	struct str reply = ipc_get(v->m, "reply");

	acc->refuse_from = 0;
	if (verb_moment(v, "until", &acc->refuse_from) < 0)
		return -1;
	if (reply.n > REPLY_MAX || str_has_ctl(reply) || !str_is_ascii(reply))
		return verb_fail(v, EX_DATAERR, "reply: up to %d letters and signs of ASCII", REPLY_MAX);
	if (reply.n > 0 && !acc->refuse_from)
		return verb_fail(v, EX_USAGE, "reply: is said from `until` on, and there is none");
	acc->refuse_text = reply.n > 0 ? reply : STR("");
	return 0;
}

void verb_user_leave(struct verb *v)
{
	struct directory_account acc;

	if (verb_user(v, &acc) < 0 || arguments(v, &acc) < 0 || verb_forward(v, &acc) < 0 || verb_invite_void(v, &acc) < 0)
		return;
	acc.active = false;
	acc.left = (uint64_t)clock_unix();
	verb_user_put(v, &acc, false);
	if (v->changed)
		verb_ends_owned(v, address_name(acc.local, acc.domain, &v->a));
}
