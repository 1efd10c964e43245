/* SPDX-License-Identifier: ISC
 *
 * password.h: passwords at rest: crypt(3) hashes and SCRAM keys.
 *
 * A password is a string of UTF-8 bytes without NUL, 1 to PASSWORD_MAX long.
 * New ones become yescrypt and SCRAM-SHA-256 keys (RFC 5802 3, RFC 7677);
 * whatever else people bring (scheme.h) is verified and replaced at the next login.
 *
 * SCRAM keys are lines, one for each hash that keys were made with:
 * "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY" (RFC 5803 3), the form of
 * Cyrus SASL's authPassword property.
 */
#ifndef MANSIO_AUTH_PASSWORD_H
#define MANSIO_AUTH_PASSWORD_H

#include "base/buf.h"

#define PASSWORD_MAX 511 /* crypt(3): CRYPT_MAX_PASSPHRASE_SIZE - 1 */
#define SCRAM_HASH_MAX 64
#define SCRAM_SALT 16

bool password_valid(struct str password);
/* yescrypt of the given cost, 1..11, with a fresh salt; of the prepared form (auth/prepare.h), as SCRAM's keys. */
int password_hash(struct str password, unsigned cost, struct buf *out);
/* A hash of crypt(3). One hash operation in any case, also for one that no method can read and
 * a password that is too long (then false). Compares in constant time. */
bool password_verify(struct str password, struct str hash);
/* Is the hash of another method or cost than password_hash would make? */
bool password_outdated(struct str hash, unsigned cost);

/* The hashes that SCRAM is offered with; a set of them is a sum. */
enum { SCRAM_SHA_1 = 1, SCRAM_SHA_256 = 2, SCRAM_SHA_512 = 4, SCRAM_KINDS = 3 };
unsigned scram_kind(struct str mech); /* of "SCRAM-SHA-256", with or without "-PLUS"; 0: none of them */
unsigned scram_kinds(const struct str *mech, size_t n); /* of a list of such names */
const char *scram_mech(size_t i); /* "SCRAM-SHA-1" of 0 ... */

/* The line of one kind. */
int scram_make(struct str password, unsigned kind, unsigned iterations, const unsigned char salt[SCRAM_SALT],
	struct buf *out);
/* Lines of several kinds, each with a fresh salt. */
int scram_make_all(struct str password, unsigned kinds, unsigned iterations, struct buf *out);
/* The line of this kind among others, or STR_NONE. */
struct str scram_find(struct str keys, unsigned kind);
/* Keys that nobody has a password for, the same for one name every time:
 * what an account that does not exist shows (C16). */
int scram_invent(const unsigned char *secret, size_t nsecret, struct str name, unsigned kind,
	unsigned iterations, struct buf *out);
/* Are there not keys of all these kinds and so many iterations? */
bool scram_outdated(struct str keys, unsigned kinds, unsigned iterations);

#endif
