/* SPDX-License-Identifier: ISC
 *
 * verified.h: logins whose password was verified a moment ago: the next one with the same name, password and
 * protocol costs no hash. A phone that fetches mail every minute is then as cheap as one that does so once.
 *
 * What is kept is an HMAC-SHA-256 over all of that and the stored hash, with a random key that lives as long as the
 * workers: no name and no password rests in memory, and nobody who reads the table can try passwords against it without
 * the key. The account itself is looked up at each login that a worker decides (recent.h); with another password, or
 * none, the stored hash is another one, and nothing fits any more. Nothing is kept of logins that failed. Delays, bans
 * and limits are decided before and after, in authd, and know nothing of this.
 *
 * The table is shared by all workers: made by their parent, in memory without a file, of a fixed size. Each
 * digest has a set of four places; the one that ends first gives way. A place is written under its own sequence
 * number (odd: being written), so a reader never takes half of one and half of another for a login.
 */
#ifndef MANSIO_AUTH_VERIFIED_H
#define MANSIO_AUTH_VERIFIED_H

#include "base/str.h"

#define VERIFIED_KEY 32

struct verified;
/* Before the forks. entries: room for about so many logins; 0: none is kept. NULL: no memory. */
struct verified *verified_new(size_t entries);
void verified_free(struct verified *v);

struct verified_login {
	struct str service, name, password;
	struct str hash; /* what is stored for the account now */
	uint64_t account;
};
/* The digest of a login, for the two below. */
void verified_key(const struct verified *v, const struct verified_login *l, unsigned char out[VERIFIED_KEY]);
bool verified_has(const struct verified *v, const unsigned char key[VERIFIED_KEY], int64_t now_ms);
/* From now on for life_ms, also if it was there before; 0: not at all. */
void verified_add(struct verified *v, const unsigned char key[VERIFIED_KEY], int64_t now_ms, int64_t life_ms);

#endif
