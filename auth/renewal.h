/* SPDX-License-Identifier: ISC
 *
 * renewal.h: the tickets of IMAP sessions that may sleep at the door
 * (docs/PROCESSES.md): one for each session id, made each time a room redeems,
 * good once, for that session and that service alone, until the login is as old
 * as [auth] session_age. A login's end, a new password and a removed account
 * make it void at once. In memory of authd alone, as those of ticket.h.
 */
#ifndef MANSIO_AUTH_RENEWAL_H
#define MANSIO_AUTH_RENEWAL_H

#include "auth/ticket.h"

#define RENEWAL_SESSION 12 /* characters of a session id */

struct renewals;
struct renewals *renewals_new(size_t max);
void renewals_free(struct renewals *r);
void renewals_limit(struct renewals *r, size_t max);
/* False: that is no session id. A session has one ticket: the one before becomes void. When
 * there are too many, the one that was made first becomes void. */
bool renewal_issue(struct renewals *r, struct str session, struct str user, struct str service,
	int64_t until_ms, char out[TICKET_LEN + 1]);
/* 0 with user (malloc'ed) and the end of its life; E_NOTFOUND: not of this session,
 * used, too old; what was there is void in any case. */
int renewal_redeem(struct renewals *r, struct str session, struct str ticket, struct str service,
	int64_t now_ms, char **user_out, int64_t *until_out);
void renewal_forget(struct renewals *r, struct str session);
/* Of one account, or ("@DOMAIN") of all of a domain. */
void renewal_forget_user(struct renewals *r, struct str user);
void renewals_sweep(struct renewals *r, int64_t now_ms);
size_t renewals_count(const struct renewals *r);

#endif
