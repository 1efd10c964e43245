/* SPDX-License-Identifier: ISC
 *
 * guard.h: what authd does about guessing: ban.h with a clock, a file, events, and the fronts.
 *
 * authd -> front, unasked: "bans" net="192.0.2.0/24 600000" ... : connections of these networks to
 * services with logins need not be taken for so many ms; 0: until told otherwise; -1: from now on again.
 * With reset=1 these are all that there are: the first message on a link.
 */
#ifndef MANSIO_AUTH_GUARD_H
#define MANSIO_AUTH_GUARD_H

#include "auth/ban.h"
#include "auth/client.h"
#include "auth/oldserver.h"

/* dir: state/directory, where the file lies; used at once, and kept by the caller. */
void guard_init(int dir);
void guard_reload(void);
void guard_sweep(void); /* every few seconds */
void guard_link(struct client *c); /* a new link: a front hears of all bans */

/* One login, as in ban.h. A refusal is logged here, once a minute for a network. */
enum ban_answer guard_ask(struct str name, const struct addr *peer, struct str service);
/* What its network is to us. */
enum oldserver_from guard_from(const struct addr *peer, enum ban_answer was);
/* The outcome. tried: the name that was asked for; user: the one that the worker tells. The answer may wait: ms, or
 * SLOWDOWN_REFUSE. */
int64_t guard_failed(struct str tried, struct str user, const struct addr *peer, enum ban_answer was);
int64_t guard_good(struct str tried, struct str user, const struct addr *peer, enum ban_answer was);
/* The password is right, the second factor is missing: no guess, and no login either; it waits where a good one does. */
int64_t guard_half(struct str user, const struct addr *peer, enum ban_answer was);
/* A token of the API was good, or (id.p NULL) a guess. Nothing waits for this. */
void guard_token(const struct addr *peer, struct str id);
void guard_undecided(const struct addr *peer, enum ban_answer was);

/* ban list|add|remove; false: not one of them. Takes reply if it is. */
bool guard_verb(const struct ipc_msg *m, int reply);
/* For these verbs (verbs_ban.c). */
struct bans *guard_bans(void);
int64_t guard_now(void);

#endif
