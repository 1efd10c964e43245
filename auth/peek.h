/* SPDX-License-Identifier: ISC
 *
 * peek.h: whose password is about to be tried: the name that a client's message of a SASL
 * exchange says, before any worker has looked at it. It decides nothing but whether the try
 * may be made (ban.h); who somebody is, the worker tells.
 */
#ifndef MANSIO_AUTH_PEEK_H
#define MANSIO_AUTH_PEEK_H

#include "base/arena.h"
#include "base/str.h"

/* The name in normal form, as long as it may be cut at 512 bytes; empty: it says none that can be read. */
struct str peek_name(struct str mech, struct str data, struct arena *a);
/* The same of a name as such. */
struct str peek_normal(struct str name, struct arena *a);

#endif
