/* SPDX-License-Identifier: ISC
 *
 * rand.h: random bytes, identifiers, and the keyed hash for every table that
 * a stranger can fill (SipHash-2-4, key drawn at start; forks share it).
 */
#ifndef MANSIO_BASE_RAND_H
#define MANSIO_BASE_RAND_H

#include "base/buf.h"

void rand_bytes(void *out, size_t n); /* getrandom(2); dies if it fails */
uint64_t rand_u64(void);
/* n characters of [0-9a-z], without padding, NUL behind: out has n + 1 bytes. */
void rand_id(char *out, size_t n);
uint64_t hash_str(struct str s);
/* The same with a given 16-byte key: stable across processes. */
uint64_t siphash(const unsigned char key[16], struct str s);
/* A stable 32-bit checksum for files (CRC-32C). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
