/* SPDX-License-Identifier: ISC
 *
 * slowdown.h: how long the answer to a login waits after failed ones.
 *
 * Counted by (account name as tried, network): guessing one account from one
 * network gets slow; the owner elsewhere does not notice, and from a network
 * where he logged in not long ago he does not wait behind a few failures
 * either. Names that do not exist count like others.
 */
#ifndef MANSIO_AUTH_SLOWDOWN_H
#define MANSIO_AUTH_SLOWDOWN_H

#include "net/addr.h"

struct slowdown_limits {
	int64_t first_ms, max_ms; /* delay after the first failure, and the longest */
	int64_t memory_ms;
	size_t entries;
};

struct slowdown;
struct slowdown *slowdown_new(const struct slowdown_limits *l);
void slowdown_free(struct slowdown *s);
void slowdown_set(struct slowdown *s, const struct slowdown_limits *l);

#define SLOWDOWN_REFUSE (-1)
/* A login failed: ms to hold the answer back, or SLOWDOWN_REFUSE: so many are
 * waiting that this one is refused at once. */
int64_t slowdown_failed(struct slowdown *s, struct str name, const struct addr *peer,
	int64_t now_ms);
/* A login was good: the same. After the wait the failures are forgotten. */
int64_t slowdown_good(struct slowdown *s, struct str name, const struct addr *peer, int64_t now_ms);
/* Half a login: the password is right, the second factor is missing. It waits like a good one, and nothing is forgotten. */
int64_t slowdown_half(struct slowdown *s, struct str name, const struct addr *peer, int64_t now_ms);
size_t slowdown_count(const struct slowdown *s);

#endif
