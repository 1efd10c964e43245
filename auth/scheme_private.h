/* SPDX-License-Identifier: ISC
 *
 * scheme_private.h: a hash as the parser (scheme_parse.c) hands it to who computes (scheme.c).
 */
#ifndef MANSIO_AUTH_SCHEME_PRIVATE_H
#define MANSIO_AUTH_SCHEME_PRIVATE_H

#include "auth/scheme.h"

#define SCHEME_BYTES_MAX 512 /* of a salt, of a sum, of a clear password */

enum scheme_kind {
	SCHEME_CLEAR, /* sum: the password */
	SCHEME_DIGEST, /* sum = digest(password salt), or of (salt password) */
	SCHEME_CRYPT, /* text: as crypt(5) has it */
	SCHEME_ARGON2,
	SCHEME_PBKDF2,
	SCHEME_SCRYPT,
	SCHEME_SCRAM, /* sum: StoredKey, server: ServerKey */
};

struct scheme_bytes {
	unsigned char p[SCHEME_BYTES_MAX];
	size_t n;
};

struct scheme_hash {
	enum scheme_kind kind;
	const char *digest; /* OpenSSL's name of it: DIGEST PBKDF2 SCRAM */
	bool salt_first; /* DIGEST */
	bool hashed; /* CRYPT: of the SHA-256 of the password in hex (Django's bcrypt_sha256) */
	struct str text; /* CRYPT, borrowed */
	struct scheme_bytes salt, sum, server;
	uint64_t rounds; /* PBKDF2 SCRAM: iterations; ARGON2: passes; SCRYPT: N */
	uint64_t kib; /* ARGON2: memory */
	uint64_t lanes; /* ARGON2, SCRYPT: p */
	uint64_t block; /* SCRYPT: r */
	int argon2; /* enum argon2_type */
	uint64_t version; /* ARGON2 */
	/* what it takes */
	uint64_t memory, work;
};

/* SCHEME_GOOD, SCHEME_UNKNOWN or SCHEME_BROKEN. */
enum scheme_result scheme_parse(struct str text, struct scheme_hash *out);

#endif
