/* SPDX-License-Identifier: ISC
 *
 * address_is.c: whom a name stands for: one account, or everybody of a domain. A file of its own, so that who compares
 * only (front) needs no library for names in other scripts.
 */
#include "mail/address.h"

bool address_is(struct str who, struct str user)
{
	ssize_t at = who.n > 1 && who.p[0] == '@' ? str_rfind(user, '@') : 0;

	return at > 0 ? str_ieq(who, str_from(user, (size_t)at)) : at == 0 && str_ieq(who, user);
}
