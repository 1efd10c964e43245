/* SPDX-License-Identifier: ISC
 *
 * second.c: see second.h.
 */
#include "auth/second.h"

#include "auth/totp.h"

/* The list without this digest; false: it is not in it. */
static bool without(struct str list, const char *digest, struct buf *out)
{
	struct str line;
	bool found = false;

	while (list.n > 0) {
		line = str_cut(&list, '\n');
		if (str_eqc(line, digest))
			found = true;
		else if (line.n > 0)
			buf_fmt(out, "%.*s\n", STRF(line));
	}
	return found;
}

/* 0: it is used up now; E_NOTFOUND: it is none. */
static int recover(struct directory *d, uint64_t account, const struct directory_totp *v, struct str typed)
{
	char digest[SECRET_HEX + 1];
	struct buf left;
	int r = E_NOTFOUND;

	if (!totp_recovery_digest(typed, digest))
		return E_NOTFOUND;
	buf_init(&left, (SECRET_HEX + 1) * TOTP_RECOVERY + 1);
	if (without(v->recovery, digest, &left) && !left.err)
		r = d->ops->totp_recover(d, account, v->recovery, buf_view(&left));
	buf_done(&left);
	return r;
}

int second_check(struct directory *d, uint64_t account, struct str typed, int64_t now, enum second *out)
{
	struct directory_totp v;
	struct arena a;
	uint64_t step;
	int r;

	arena_init(&a);
	r = d->ops->totp ? d->ops->totp(d, account, &a, &v) : E_NOTFOUND;
	*out = SECOND_NONE;
	if (r == 0 && v.since) {
		if (typed.n == 0) {
			*out = SECOND_NEEDED;
		} else {
			/* a step that was used before, or one before that, is good no more (RFC 6238 5.2) */
			r = totp_check(v.secret, typed, now, &step) ? d->ops->totp_step(d, account, step) :
				recover(d, account, &v, typed);
			*out = r == 0 ? SECOND_GOOD : SECOND_WRONG;
		}
	}
	arena_wipe(&a);
	return r == E_NOTFOUND ? 0 : r;
}
