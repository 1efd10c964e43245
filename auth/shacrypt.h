/* SPDX-License-Identifier: ISC
 *
 * shacrypt.h: sha256-crypt and sha512-crypt, "$5$" and "$6$" of crypt(5), by OpenSSL's code for this processor: crypt(3)
 * has them in plain C, and takes 6 times as long for the first (of a processor that has instructions for it), 1.6 for the other.
 */
#ifndef MANSIO_AUTH_SHACRYPT_H
#define MANSIO_AUTH_SHACRYPT_H

#include "base/str.h"

#define SHACRYPT_SIZE 124 /* "$6$rounds=999999999$", a salt of 16, "$", 86 characters, NUL */

/* The hash of the phrase, as crypt(3) makes it. setting: a whole hash, or its front up to the salt. false, and out untouched:
 * it has not the plain form of one of these two, or this OpenSSL cannot do it; then it is for crypt(3) to say. */
bool shacrypt(struct str phrase, struct str setting, char out[SHACRYPT_SIZE]);

/* So many rounds, counted in those of crypt(3)'s own sha512-crypt; text begins with "$5$" or "$6$". */
uint64_t shacrypt_work(struct str text, uint64_t rounds);

#endif
