/* SPDX-License-Identifier: ISC
 *
 * expiry.h: the end of an app password's time is the end of the sessions that it made.
 */
#ifndef MANSIO_AUTH_EXPIRY_H
#define MANSIO_AUTH_EXPIRY_H

#include "base/str.h"

/* This account logged in by an app password that is good until then (Unix time). */
void expiry_watch(struct str user, uint64_t expires);

#endif
