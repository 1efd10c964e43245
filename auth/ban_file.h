/* SPDX-License-Identifier: ISC
 *
 * ban_file.h: the file in which bans and known pairs outlive authd (ban.h): state/directory/networks.
 */
#ifndef MANSIO_AUTH_BAN_FILE_H
#define MANSIO_AUTH_BAN_FILE_H

#include "auth/ban.h"

struct ban_file {
	int fd; /* -1: there is none, nothing is kept */
	int err; /* why the last write failed; 0: it did not */
};

/* Opens or makes it in a directory. 0, or negative: fd is -1 then. */
int ban_file_open(struct ban_file *f, int dir);
void ban_file_close(struct ban_file *f);
/* All good records of the first max slots, in order; fn tells by false that a slot is of no use. */
typedef bool ban_file_fn(void *arg, size_t slot, const struct ban_record *r);
void ban_file_read(struct ban_file *f, size_t max, ban_file_fn *fn, void *arg);
/* Into the page cache, without waiting for a disk. True: this failed, and the write before it did not. */
bool ban_file_write(struct ban_file *f, size_t slot, const struct ban_record *r);

#endif
