/* SPDX-License-Identifier: ISC
 *
 * oldserver_tries.h: how often the old server is asked. It bans who guesses (fail2ban and the like), and to it all
 * guesses come from us: so those of a whole hour are counted, by account and together, and a password that it refused
 * within the hour is not shown to it again, however often a telephone tries it.
 *
 * Names and passwords are kept as digests under a random key, in memory.
 */
#ifndef MANSIO_AUTH_OLDSERVER_TRIES_H
#define MANSIO_AUTH_OLDSERVER_TRIES_H

#include "base/str.h"

#define OLDSERVER_PASSWORDS 8

struct oldserver_tries;
struct oldserver_limits {
	size_t accounts; /* that are remembered; the one that was refused first gives way */
	unsigned account, all; /* refusals in an hour; account: at most OLDSERVER_PASSWORDS */
};
struct oldserver_tries *oldserver_tries_new(const struct oldserver_limits *l);
void oldserver_tries_free(struct oldserver_tries *t);

enum oldserver_try { OLDSERVER_ASK, OLDSERVER_REFUSED_BEFORE, OLDSERVER_ENOUGH };
enum oldserver_try oldserver_tries_ask(struct oldserver_tries *t, struct str name, struct str password, int64_t now_ms);
/* It was refused. shown: the old server saw it, so it counts there, too. */
void oldserver_tries_refused(struct oldserver_tries *t, struct str name, struct str password, bool shown, int64_t now_ms);

#endif
