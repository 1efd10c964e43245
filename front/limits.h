/* SPDX-License-Identifier: ISC
 *
 * limits.h: who holds how many of the door's places.
 *
 * A connection is counted in total for its whole life, by address and network
 * until it is logged in, by account after that. An SMTP session without login
 * is also counted while an smtpd has it, in total and by network. Tables use
 * keyed hashes: a stranger chooses the keys. Pure: no sockets, no clock.
 */
#ifndef MANSIO_FRONT_LIMITS_H
#define MANSIO_FRONT_LIMITS_H

#include "base/table.h"
#include "net/addr.h"

struct limits {
	struct table address, network, user, smtp_network;
	size_t total, smtp;
};

enum limits_verdict { LIMITS_OK, LIMITS_TOTAL, LIMITS_ADDRESS, LIMITS_NETWORK, LIMITS_USER, LIMITS_SMTP,
	LIMITS_SMTP_NETWORK };

void limits_init(struct limits *l);
void limits_done(struct limits *l);
/* A place in the total. */
enum limits_verdict limits_enter(struct limits *l, size_t max);
void limits_leave(struct limits *l);
/* Counts the address and its network, both or (over a limit) none. */
enum limits_verdict limits_address(struct limits *l, const struct addr *a, size_t max_address,
	size_t max_network);
void limits_address_leave(struct limits *l, const struct addr *a);
enum limits_verdict limits_user(struct limits *l, struct str user, size_t max);
void limits_user_leave(struct limits *l, struct str user);

/* How many smtpds strangers may hold through one front: at once, and of one network. */
struct smtp_part {
	size_t strangers, network;
};
/* Part of front number `instance` of `fronts` in a pool of `processes` (1 or more);
 * reserve and share in percent of the whole pool, which all fronts use together.
 * Both are one at least, or nobody could send: with fewer smtpds than fronts
 * nothing is kept. */
struct smtp_part limits_smtp_part(size_t processes, size_t fronts, size_t instance, unsigned reserve,
	unsigned share);
/* One smtpd for a stranger at that address. This machine's own addresses count
 * among the strangers, but in no network. */
enum limits_verdict limits_smtp(struct limits *l, const struct addr *a, const struct smtp_part *part);
void limits_smtp_leave(struct limits *l, const struct addr *a);
/* "total", "address", "network", "user", "smtp", "smtp-network": for the log. */
const char *limits_text(enum limits_verdict v);

#endif
