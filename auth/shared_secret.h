/* SPDX-License-Identifier: ISC
 *
 * shared_secret.h: a secret of an account that the server must be able to read, because CRAM-MD5 and APOP compute with
 * the secret itself. It is no password of the account's: it is good for these two mechanisms alone, and an
 * administrator puts it there. What the directory keeps is sealed, by AES-256-GCM with the key of this host (a file
 * that is in no database), and for one account: copied into the row of another one it opens no more.
 */
#ifndef MANSIO_AUTH_SHARED_SECRET_H
#define MANSIO_AUTH_SHARED_SECRET_H

#include "base/arena.h"
#include "base/buf.h"

#define SHARED_SECRET_KEY 32
#define SHARED_SECRET_MAX 128
#define SHARED_SECRET_TEXT 24 /* characters of one that is made here, of [0-9a-z] */

struct shared_secret_key {
	bool there;
	unsigned char key[SHARED_SECRET_KEY];
};
/* From its file, 64 digits of hex; there is false if it is not such a key. */
struct shared_secret_key shared_secret_key_of(struct str hex);

void shared_secret_new(char text_out[SHARED_SECRET_TEXT + 1]);
/* Printable text is appended. 0; E_UNSUPPORTED: there is no key. */
int shared_secret_seal(const struct shared_secret_key *k, uint64_t account, struct str secret, struct buf *out);
/* Back again; E_DAMAGED: of another key or account, or changed. */
int shared_secret_open(const struct shared_secret_key *k, uint64_t account, struct str sealed, struct buf *out);

#endif
