/* SPDX-License-Identifier: ISC
 *
 * second.h: the second factor of an account at the web page: is one on, and is what was shown good for it? Any one of them
 * will do: a code of the telephone (totp.h), the signature of a security key (webauthn.h), a recovery code.
 * In a worker; blocks.
 */
#ifndef MANSIO_AUTH_SECOND_H
#define MANSIO_AUTH_SECOND_H

#include "auth/directory.h"
#include "auth/frame.h"

enum second { SECOND_NONE, SECOND_GOOD, SECOND_NEEDED, SECOND_WRONG };

struct second_outcome {
	enum second is;
	const char *why; /* NEEDED, WRONG: for the log, static */
	const char *ways; /* NEEDED: what the account has: "code", "key", "code,key"; a recovery code goes with all of them */
	struct str keys; /* NEEDED: the names of its security keys for this page, comma separated */
	bool copied; /* WRONG: the counter of a key went back: there may be two of it */
	struct str key; /* copied: which one */
};

/* Who comes: from where, for people, and when (Unix time). */
struct second_visit {
	struct str network;
	int64_t now;
	int64_t code_tries, code_window_s; /* [auth] */
};

/* What is good is used up. 0, or negative: back end down. */
int second_check(struct directory *d, uint64_t account, const struct sasl_second *shown, const struct second_visit *visit, struct arena *a,
	struct second_outcome *out);

/* How many security keys an account has; negative: back end down. */
int second_keys(struct directory *d, uint64_t account);

#endif
