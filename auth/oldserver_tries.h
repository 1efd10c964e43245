/* SPDX-License-Identifier: ISC
 *
 * oldserver_tries.h: how often the old server is asked. It bans who guesses (fail2ban and the like), locks accounts that are
 * guessed at, and to it all guesses come from us. So what it refused is counted, and whom that holds back is to be those who
 * guess: nobody shall be able to keep somebody else from moving in.
 *
 * Two buckets: one of the account (the old server must not lock it), one of all accounts (it must not ban us). Each holds
 * half of what the settings allow in an hour, and fills up by as much in the course of an hour: so in no hour more than that
 * is refused, and never is the door shut for the rest of one. Who finds enough in both takes one of each; a password that
 * was good, or not looked at, gives them back.
 *
 *   1. A network (IPv4 /24, IPv6 /48) may have no more of a bucket than it leaves: what is left must be more than the
 *      network had of it lately (one is forgotten a day). So no network ever empties one; how much ever some guessed, a
 *      network that did not do so yet finds a password's worth, unless each hour as many networks come that were not
 *      there yet as the bucket gets in that time. A network by account, for the account's; of all accounts, for the other.
 *   2. Strangers leave a quarter: networks in which somebody of ours logged in lately (ban.h) have that for themselves,
 *      while thousands of networks spray.
 *   3. For an account in a network where it logged in itself (by an app password, say) 1. does not count.
 *   4. A password that was refused within the hour is not shown again, however often a telephone tries it, nor does it cost
 *      twice what comes on several connections at once.
 *
 * Names that nobody has have accounts of their own in here, so that who invents names makes us forget none that is real.
 * They find the same answers; the bucket of all is not for them, as the old server never sees them.
 *
 * Names, networks and passwords are kept as digests under a random key, in memory.
 */
#ifndef MANSIO_AUTH_OLDSERVER_TRIES_H
#define MANSIO_AUTH_OLDSERVER_TRIES_H

#include "auth/oldserver.h"

/* What counts as one network: a /24, or a /48 of IPv6. */
struct addr oldserver_network(const struct addr *peer);

struct oldserver_tries;
struct oldserver_limits {
	size_t accounts; /* that are remembered, and as many networks; who was refused least gives way */
	unsigned account, all; /* refusals in an hour; at least 2 */
};
struct oldserver_tries *oldserver_tries_new(const struct oldserver_limits *l);
void oldserver_tries_free(struct oldserver_tries *t);

/* ASK: to be ended by oldserver_tries_end; what it costs is taken now. */
enum oldserver_try { OLDSERVER_ASK, OLDSERVER_REFUSED_BEFORE, OLDSERVER_ENOUGH };
enum oldserver_try oldserver_tries_ask(struct oldserver_tries *t, const struct oldserver_asker *who, int64_t now_ms);
/* refused: it was wrong. Else it costs nothing. */
void oldserver_tries_end(struct oldserver_tries *t, const struct oldserver_asker *who, bool refused, int64_t now_ms);

#endif
