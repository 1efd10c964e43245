/* SPDX-License-Identifier: ISC
 *
 * challenge.h: what a security key has to sign: made by us a moment ago, for one person, one purpose and one page, and
 * good once. In memory of authd's main process; a restart makes all void.
 *
 *   base64url( 16 random bytes | end (8 bytes, ms) | MAC of both, purpose, who and origin )
 *
 * Nothing is kept of one that goes out, so nobody's question pushes out somebody else's; only of one that came back, until
 * its time is over anyway.
 */
#ifndef MANSIO_AUTH_CHALLENGE_H
#define MANSIO_AUTH_CHALLENGE_H

#include "base/buf.h"

#define CHALLENGE_TEXT 54

struct challenge_for {
	const char *purpose;
	struct str who, origin;
};

struct challenges;
struct challenges *challenges_new(void);
void challenges_free(struct challenges *c);
/* One that is good for life_ms from now. */
void challenge_make(struct challenges *c, const struct challenge_for *f, int64_t now_ms, int64_t life_ms, char out[CHALLENGE_TEXT + 1]);
/* Was it made for that, is it still good, and does it come for the first time? It is used up then. */
bool challenge_take(struct challenges *c, const struct challenge_for *f, struct str text, int64_t now_ms);

#endif
