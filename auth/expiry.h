/* SPDX-License-Identifier: ISC
 *
 * expiry.h: the end of an account's or an app password's time is the end of the sessions of mail programs.
 * (The page looks at the account with each request.)
 */
#ifndef MANSIO_AUTH_EXPIRY_H
#define MANSIO_AUTH_EXPIRY_H

#include "base/str.h"

/* This account, or the app password that it logged in by, is good until then (Unix time). */
void expiry_watch(struct str user, uint64_t expires);

#endif
