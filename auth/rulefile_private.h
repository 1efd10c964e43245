/* SPDX-License-Identifier: ISC
 *
 * rulefile_private.h: what the two halves of rulefile.h share.
 */
#ifndef MANSIO_AUTH_RULEFILE_PRIVATE_H
#define MANSIO_AUTH_RULEFILE_PRIVATE_H

#include "base/str.h"

/* The letter of a kind in the table; 0: there is no such kind. */
char rulefile_letter(struct str kind);

#endif
