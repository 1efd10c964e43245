/* SPDX-License-Identifier: ISC
 *
 * jwks.h: the public keys of whoever signs access tokens: a JWK Set (RFC 7517 5) or public keys in PEM form, of
 * [oauth] jwks_file or fetched; and the check of a signature (RFC 7518 3, RFC 8037 3.1) with one of them.
 */
#ifndef MANSIO_AUTH_JWKS_H
#define MANSIO_AUTH_JWKS_H

#include "base/buf.h"

#define JWKS_FILE_MAX (256 * 1024)
#define JWKS_KEYS_MAX 64

struct jwks;
/* 0, or E_SYNTAX and a sentence in why. Keys of kinds that we do not know, and those for encryption, are left out (RFC
 * 7517 5); none left is an error. JWKS_STRICT: so is a private or a shared key, one too many, or one that is too weak;
 * else these are left out as well: what a provider shows counts as far as it can be used. */
enum jwks_rule { JWKS_STRICT, JWKS_USABLE };
int jwks_read(struct str text, enum jwks_rule rule, struct buf *why, struct jwks **out);
void jwks_free(struct jwks *k);
size_t jwks_count(const struct jwks *k);

/* Is that the signature of text by one of the keys? kid (p NULL: none) chooses among those that have one, and does
 * nothing else. A key serves algorithms of its own kind alone, whatever the token says. */
bool jwks_verify(const struct jwks *k, struct str alg, struct str kid, struct str text, struct str signature);
/* Is there a key of that name? */
bool jwks_has(const struct jwks *k, struct str kid);

#endif
