/* SPDX-License-Identifier: ISC
 *
 * recent.h: logins by PLAIN that were good a moment ago, in authd's main process: the same message again, for the same
 * service, is answered without a worker and without a question to the directory, as lookups are (lookup.c). Webmail, which
 * logs in for each click, then costs next to nothing.
 *
 * What counts for it: [auth] cache_time and login_cache_time, the shorter one; at most cache_entries. Any change of the
 * directory empties it. Only what an account's main password opens is kept, and nothing of what has an end of its own:
 * the worker says so ("lasting"). Bans, slow-down, limits and the log are before and behind it, as with any login.
 *
 * Kept are the account's name and, as with verified.h, a digest of all that was sent, under a key that nobody else has.
 */
#ifndef MANSIO_AUTH_RECENT_H
#define MANSIO_AUTH_RECENT_H

#include "auth/frame.h"
#include "auth/verified.h"
#include "conf/conf.h"

struct recent_key {
	unsigned char digest[VERIFIED_KEY];
	uint64_t generation; /* 0: this login is never kept */
};

/* Also for new settings; empties it. */
void recent_set(const struct conf *c);
/* The directory changed: what workers found before it is not taken any more, either. */
void recent_clear(void);
/* From now on nothing is answered from it, or is again. */
void recent_hold(bool on);
/* Before the question; good is empty if a worker must be asked, else the account's name, borrowed until the next call. */
void recent_find(const struct sasl_start *s, struct recent_key *key_out, struct str *good_out);
void recent_keep(const struct recent_key *key, struct str user);

#endif
