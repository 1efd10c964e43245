/* SPDX-License-Identifier: ISC
 *
 * moving.h: a login of somebody who moves in: the old server (oldserver.h) says whether the password is right, and then
 * it is stored, with SCRAM keys, for an account that had none, or for a new one ([oldserver] create).
 */
#ifndef MANSIO_AUTH_MOVING_H
#define MANSIO_AUTH_MOVING_H

#include "auth/sasl.h"

/* Is the old server asked about this name, if it has no password here? */
bool moving_covers(const struct sasl_service *s, struct str name);
/* who->nobody: it may not log in so. Else it takes as long, and is refused. 0:
 * the password is right and stored, the account is to be looked up again; E_EXISTS: it was right there, but one was
 * stored here meanwhile, which is to be looked up; E_DENIED; E_TEMP. why_out: lives as long as the arena. */
int moving_in(struct sasl_service *s, struct oldserver_asker *who, const struct directory_account *account, struct arena *a,
	const char **why_out);

#endif
