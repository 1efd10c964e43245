/* SPDX-License-Identifier: ISC
 *
 * roles.h: what may stand in the roles of an account or a token (rights.h says what
 * they are good for).
 */
#ifndef MANSIO_AUTH_ROLES_H
#define MANSIO_AUTH_ROLES_H

#include "base/arena.h"

/* Each is admin, admin@DOMAIN (normal form), or, for tokens, metrics and one send:ADDRESS. 0 and the list in normal form, or
 * E_SYNTAX and the bad one in *bad_out. */
int rights_roles_parse(struct str text, bool token, struct arena *a, struct str *out, struct str *bad_out);
/* The list without this one; false: it is not in it. */
bool rights_roles_without(struct str roles, struct str gone, struct arena *a, struct str *out);

#endif
