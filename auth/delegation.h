/* SPDX-License-Identifier: ISC
 *
 * delegation.h: what an account may do with addresses that are not its own, by the table `delegation` of the
 * directory. Runs in workers.
 *
 *   send-as  sends mail with the address, with its details, or ("@DOMAIN") with every address of the domain
 *
 * The back end that keeps an account may say the same of it (directory_account.send_as).
 * `who` is an account, or an alias or group: then each account that its mail goes to without a forward or a
 * catch-all. A row about an address that nobody has is void, and so is one whose `who` is not there.
 */
#ifndef MANSIO_AUTH_DELEGATION_H
#define MANSIO_AUTH_DELEGATION_H

#include "auth/resolve.h"

#define DELEGATION_SEND_AS "send-as"
#define DELEGATION_ROWS 1000 /* of one address */

/* May this account send with this address? 0, E_NOTFOUND: no, or negative. */
int delegation_sends(const struct resolver *r, const struct directory_account *acc, struct str address, struct arena *a);

#endif
