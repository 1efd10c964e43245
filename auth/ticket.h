/* SPDX-License-Identifier: ISC
 *
 * ticket.h: the tickets of logged-in sessions: a number and 128 random bits that say, once,
 * for one service and until a point in time, which account this is. In memory
 * of authd alone: a restart of authd makes all of them void.
 */
#ifndef MANSIO_AUTH_TICKET_H
#define MANSIO_AUTH_TICKET_H

#include "base/str.h"

#define TICKET_LEN 40

struct tickets;
struct tickets *tickets_new(size_t max);
void tickets_free(struct tickets *t);
void tickets_limit(struct tickets *t, size_t max);
/* When there are too many the oldest becomes void. */
void ticket_issue(struct tickets *t, struct str user, struct str service, int64_t now_ms,
	int64_t life_ms, char out[TICKET_LEN + 1]);
/* 0 and the user (malloc'ed, free() it); E_NOTFOUND: unknown, used, too old,
 * or for another service (it then is void too). */
int ticket_redeem(struct tickets *t, struct str ticket, struct str service, int64_t now_ms,
	char **user_out);
/* Of one account, or ("@DOMAIN") of all of a domain. */
void tickets_forget_user(struct tickets *t, struct str user);
void tickets_sweep(struct tickets *t, int64_t now_ms); /* drops the old ones */
size_t tickets_count(const struct tickets *t);

#endif
