/* SPDX-License-Identifier: ISC
 *
 * scheme.h: the password hashes that people bring, from other servers and from web programs: "{NAME}text" of
 * Dovecot, Courier, Cyrus and OpenLDAP, crypt(5), PHC strings ($argon2id$), and the forms of Django and passlib.
 * What is made here is made in password.h; a hash of another scheme lives until its owner's next login.
 *
 * A hash is a stranger's text: it tells how much memory and time its verification takes. Both are estimated
 * before any work is done, and what is above the limits is refused.
 */
#ifndef MANSIO_AUTH_SCHEME_H
#define MANSIO_AUTH_SCHEME_H

#include "base/buf.h"

#define SCHEME_TEXT_MAX 2048 /* of a hash; longer ones are broken */

enum scheme_result {
	SCHEME_GOOD,
	SCHEME_WRONG, /* another password */
	SCHEME_UNKNOWN, /* no such scheme here */
	SCHEME_BROKEN, /* the scheme is known, the text is not its form */
	SCHEME_COSTLY, /* wants more memory or time than the limits allow */
};

struct scheme_limits {
	uint64_t memory; /* bytes */
	uint64_t work; /* in rounds of sha512-crypt, half a microsecond each */
};

/* Can this hash be verified? SCHEME_GOOD or why not. takes_out: about what that takes; zeros if it cannot.
 * No hash is computed. */
enum scheme_result scheme_inspect(struct str hash, const struct scheme_limits *l, struct scheme_limits *takes_out);
/* Is it this password's? Compares in constant time. */
enum scheme_result scheme_check(struct str password, struct str hash, const struct scheme_limits *l);
/* For the log: what is wrong with a login, or with a hash. */
const char *scheme_text(enum scheme_result r);

/* SCRAM keys that other programs store ("{SCRAM-SHA-256}4096,salt,stored,server") in our form (password.h):
 * true, and a line in out; false: it is something else. */
bool scheme_scram_keys(struct str hash, struct buf *out);
/* The password itself, where it is stored in clear. */
bool scheme_clear(struct str hash, struct buf *out);

#endif
