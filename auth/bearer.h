/* SPDX-License-Identifier: ISC
 *
 * bearer.h: what clients and we say in OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, before it): messages only, no token
 * is looked into.
 */
#ifndef MANSIO_AUTH_BEARER_H
#define MANSIO_AUTH_BEARER_H

#include "base/arena.h"
#include "base/buf.h"

struct bearer {
	struct str user; /* whom the client wants to be; empty: it does not say */
	struct str token; /* in the message */
};

bool bearer_is(struct str mech); /* one of the two */
/* 0 or E_SYNTAX. What is unescaped lies in a. */
int bearer_read(struct str mech, struct str message, struct arena *a, struct bearer *out);

enum bearer_error { BEARER_MALFORMED, BEARER_TOKEN, BEARER_SCOPE };
/* Our answer to one that does not get in: JSON (RFC 7628 3.2.2). issuer and scope are those of [oauth], may be empty. */
void bearer_refuse(struct str mech, enum bearer_error e, struct str issuer, struct str scope, struct buf *out);

#endif
