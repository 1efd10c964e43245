/* SPDX-License-Identifier: ISC
 *
 * popbefore.h: who logged in to POP3 or IMAP from an address not long ago, for POP before SMTP ([auth] pop_before_smtp).
 * Pure, and in memory alone: the time is passed in, a restart forgets all.
 */
#ifndef MANSIO_AUTH_POPBEFORE_H
#define MANSIO_AUTH_POPBEFORE_H

#include "base/str.h"
#include "net/addr.h"

#define POPBEFORE_USERS 8 /* of one address; the one that logged in longest ago goes first */

struct popbefore;
struct popbefore *popbefore_new(size_t max);
void popbefore_free(struct popbefore *p);
/* Addresses kept at most; the one with the oldest login is forgotten first. */
void popbefore_limit(struct popbefore *p, size_t max);

/* user logged in from there just now. */
void popbefore_login(struct popbefore *p, const struct addr *peer, struct str user, int64_t now_ms);
/* Who did in the last life_ms, from this very address. Good until the next call of another function. */
size_t popbefore_users(const struct popbefore *p, const struct addr *peer, int64_t now_ms, int64_t life_ms, struct str out[POPBEFORE_USERS]);
/* An account, or "@DOMAIN": all of it. */
void popbefore_forget(struct popbefore *p, struct str user);
void popbefore_sweep(struct popbefore *p, int64_t now_ms, int64_t life_ms);
size_t popbefore_count(const struct popbefore *p); /* addresses */

#endif
