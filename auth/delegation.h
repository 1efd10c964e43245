/* SPDX-License-Identifier: ISC
 *
 * delegation.h: what an account may do with addresses that are not its own, by the table `delegation` of the
 * directory. Runs in workers.
 *
 *   send-as  sends mail with the address, with its details, or ("@DOMAIN") with every address of the domain
 *   owner    looks after a mailbox as its holder does (rights.h), gets into it by app passwords of his own
 *            (app_password.h), and sends with its addresses
 *
 * The back end that keeps an account may say the same of it (directory_account.send_as).
 * `who` is an account, or an alias or group: then each account that its mail goes to without a forward or a
 * catch-all. A row about an address that nobody has is void, and so is one whose `who` is not there.
 */
#ifndef MANSIO_AUTH_DELEGATION_H
#define MANSIO_AUTH_DELEGATION_H

#include "auth/resolve.h"

#define DELEGATION_SEND_AS "send-as"
#define DELEGATION_OWNER "owner"
#define DELEGATION_ROWS 1000 /* of one address */

/* May this account send with this address? 0, E_NOTFOUND: no, or negative. */
int delegation_sends(const struct resolver *r, const struct directory_account *acc, struct str address, struct arena *a);

/* Is this account an owner of that mailbox, and may it log in? Names in normal form. 0 and the account, E_NOTFOUND: no, or
 * negative. */
int delegation_owns(const struct resolver *r, struct str who, struct str mailbox, struct arena *a, struct directory_account *out);
/* The row of every mailbox that it owns by its name or as one of an alias or group, or whose owners are an alias of this name.
 * 0 or negative. */
int delegation_owned(const struct resolver *r, struct str who, struct arena *a,
	void (*fn)(const struct directory_delegation *row, void *arg), void *arg);

#endif
