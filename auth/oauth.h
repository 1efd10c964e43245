/* SPDX-License-Identifier: ISC
 *
 * oauth.h: access tokens: whose are they, and do they count here? A token is a JWT (RFC 7519) signed by the issuer of
 * [oauth] (RFC 7515, compact form), whose keys we have; or the provider says what it is (RFC 7662). Nothing here asks.
 */
#ifndef MANSIO_AUTH_OAUTH_H
#define MANSIO_AUTH_OAUTH_H

#include "auth/jwks.h"
#include "base/arena.h"
#include "conf/conf.h"

#define OAUTH_TOKEN_MAX 16384

/* A token's parts. */
struct jwt {
	struct str signed_part; /* what the signature is about, in the token */
	struct str alg, kid; /* kid p NULL: none */
	struct str claims; /* JSON, not looked at yet */
	struct str signature;
};
/* 0, or E_SYNTAX and why. Nothing of it is to be trusted yet. */
int jwt_read(struct str token, struct arena *a, struct jwt *out, const char **why_out);

/* How we learn whether it is good; OAUTH_NOT: no such tokens are taken. */
enum oauth_way { OAUTH_NOT, OAUTH_BY_KEYS, OAUTH_BY_PROVIDER };
enum oauth_way oauth_way(const struct conf *c, struct str token);

/* Whom the token names (in a), as its claim says it; now: Unix seconds; keys NULL: there are none yet. 0; E_DENIED: it does not
 * count, why_out says why, for the log; E_NOTFOUND: it does, but not for mail ([oauth] scope); E_TEMP: nobody
 * knows, its key is none of these. */
int oauth_check(const struct conf *c, const struct jwks *keys, struct str token, int64_t now, struct arena *a,
	struct str *who_out, const char **why_out);
/* The part of it behind the signature, or behind the answer of the provider: the claims alone. What a signed token must say an
 * answer may leave out: iss, exp; and aud, if [oauth] clients says whose tokens count. */
enum oauth_source { OAUTH_SIGNED, OAUTH_ANSWERED };
int oauth_claims(const struct conf *c, enum oauth_source source, struct str claims, int64_t now, struct arena *a,
	struct str *who_out, const char **why_out);

#endif
