/* SPDX-License-Identifier: ISC
 *
 * password.h: passwords at rest: crypt(3) hashes and SCRAM keys.
 *
 * A password is a string of UTF-8 bytes without NUL, 1 to PASSWORD_MAX long.
 * New ones become yescrypt and SCRAM-SHA-256 keys (RFC 5802 3, RFC 7677);
 * whatever else crypt(3) knows is verified and replaced at the next login.
 */
#ifndef MANSIO_AUTH_PASSWORD_H
#define MANSIO_AUTH_PASSWORD_H

#include "base/buf.h"

#define PASSWORD_MAX 511 /* crypt(3): CRYPT_MAX_PASSPHRASE_SIZE - 1 */
#define SCRAM_HASH 32
#define SCRAM_SALT 16

bool password_valid(struct str password);
/* yescrypt of the given cost, 1..11, with a fresh salt. */
int password_hash(struct str password, unsigned cost, struct buf *out);
/* One hash operation in any case, also for a hash that no method can read and
 * a password that is too long (then false). Compares in constant time. */
bool password_verify(struct str password, struct str hash);
/* Is the hash of another method or cost than password_hash would make? */
bool password_outdated(struct str hash, unsigned cost);

/* "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY" (RFC 5803 3), the form
 * of Cyrus SASL's authPassword property. */
int scram_make(struct str password, unsigned iterations, const unsigned char salt[SCRAM_SALT],
	struct buf *out);
/* Keys that nobody has a password for, the same for one name every time:
 * what an account that does not exist shows (C16). */
int scram_invent(const unsigned char *secret, size_t nsecret, struct str name,
	unsigned iterations, struct buf *out);
bool scram_outdated(struct str keys, unsigned iterations);

#endif
