/* SPDX-License-Identifier: ISC
 *
 * cram.h: challenge and response by MD5: CRAM-MD5 (RFC 2195) and APOP (RFC 1939 7). Pure functions: what a client said comes
 * apart, and a digest is compared with that of a secret, in the same time whatever they are. The password is not
 * seen on the way; but whoever has both can try secrets in his own time, so they must be long.
 */
#ifndef MANSIO_AUTH_CRAM_H
#define MANSIO_AUTH_CRAM_H

#include "base/buf.h"

#define CRAM_DIGEST 16

struct cram {
	struct str challenge; /* APOP alone: what the greeting said */
	struct str user;
	unsigned char digest[CRAM_DIGEST];
};

/* A new one, <RANDOM@host>, which is never used again: more than 128 random bits (RFC 2195 2). */
void cram_challenge(struct str host, struct buf *out);
/* user SP digest. 0, or E_SYNTAX. */
int cram_read(struct str data, struct cram *out);
/* What front makes of APOP (auth.h): challenge NUL user NUL digest. 0, or E_SYNTAX. */
int apop_read(struct str data, struct cram *out);
/* Is that the digest of this secret? HMAC-MD5 (RFC 2104) of the challenge; for APOP MD5 of challenge and secret. */
bool cram_good(const struct cram *c, struct str challenge, struct str secret);
bool apop_good(const struct cram *c, struct str secret);

#endif
