/* SPDX-License-Identifier: ISC
 *
 * second.h: the second factor of an account at the web page: is one on, and is what was typed good for it?
 * In a worker; blocks.
 */
#ifndef MANSIO_AUTH_SECOND_H
#define MANSIO_AUTH_SECOND_H

#include "auth/directory.h"

enum second { SECOND_NONE, SECOND_GOOD, SECOND_NEEDED, SECOND_WRONG };

/* What is good is used up. 0, or negative: back end down. */
int second_check(struct directory *d, uint64_t account, struct str typed, int64_t now, enum second *out);

#endif
