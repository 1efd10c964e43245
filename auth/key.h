/* SPDX-License-Identifier: ISC
 *
 * key.h: mailbox keys: the directory of one account beneath the mail root, as
 * an O_PATH descriptor that a room may fchdir() to and that leads nowhere else.
 */
#ifndef MANSIO_AUTH_KEY_H
#define MANSIO_AUTH_KEY_H

#include "base/buf.h"

struct keys {
	int mail; /* the mail root */
	int64_t gid; /* group of the rooms, -1: they run as our own user */
};

/* Finds the group of the rooms: before the sandbox closes /etc. */
void keys_init(struct keys *k, int mail);
/* A part of an address (normal form) as one file name: never "", ".", "..",
 * hidden, with '/' or with bytes that are not printable (C12). E_SYNTAX. */
int key_name(struct str part, struct buf *out);
/* Opens <domain>/<local>, made if it is missing. A descriptor or negative. */
int key_open(const struct keys *k, struct str local, struct str domain);

#endif
