/* SPDX-License-Identifier: ISC
 *
 * sha256.h: SHA-256 (FIPS 180-4), for names of contents: what has the same
 * digest is the same. Nothing secret goes through it, so it may be small and
 * plain: a process that only wants this (backupd at rest) links no OpenSSL,
 * which would cost it half a megabyte. Secrets, keys and signatures use OpenSSL.
 */
#ifndef MANSIO_BASE_SHA256_H
#define MANSIO_BASE_SHA256_H

#include "base/str.h"

#define SHA256_SIZE 32
#define SHA256_HEX 64

struct sha256 {
	uint32_t h[8];
	uint64_t bytes;
	unsigned char block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE]);
void sha256_of(struct str data, unsigned char out[SHA256_SIZE]);
/* Lower case, NUL behind. */
void sha256_print(const unsigned char sha[SHA256_SIZE], char out[SHA256_HEX + 1]);
/* 64 lower-case hex digits: 0, or E_SYNTAX. */
int sha256_read(struct str hex, unsigned char out[SHA256_SIZE]);

#endif
