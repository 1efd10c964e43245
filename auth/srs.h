/* SPDX-License-Identifier: ISC
 *
 * srs.h: addresses of senders as a forward says them (the Sender Rewriting Scheme), and back.
 * Pure functions over secrets; who keeps these is the directory.
 *
 *   ben@far.example by way of a domain of ours:
 *       SRS0=HHHHHH=TT=far.example=ben@ours.example
 *   SRS0=xxxx=yy=far.example=ben@first.example, which another forward wrote:
 *       SRS1=HHHHHH=first.example==xxxx=yy=far.example=ben@ours.example
 *
 * HHHHHH is the beginning of an HMAC-SHA256, in base64, over "0" or "1" of the tag and what follows the hash, in lower
 * case and with its separators: so no byte can move from the domain to the name, and no SRS1 becomes an SRS0. It is compared
 * without case, because servers on the way may change that. TT is the day of the rewriting in base 32, modulo 1,024 days, as
 * in Mail::SRS and libsrs2, whose servers read and rewrite ours, and we theirs.
 *
 * Always true: what comes out of srs_back as SRS_GOOD was made with one of the secrets while that
 * one was in force, at most `days` days ago (SRS1: no day is in it; the server it leads to knows).
 */
#ifndef MANSIO_AUTH_SRS_H
#define MANSIO_AUTH_SRS_H

#include "base/arena.h"
#include "base/buf.h"

#define SRS_SECRET 32
#define SRS_SECRETS 8 /* that are kept: the one in force and those before it */
#define SRS_DAYS_MAX 1000

struct srs_keys {
	struct srs_key {
		int64_t since; /* in force, Unix seconds */
		unsigned char secret[SRS_SECRET];
	} key[SRS_SECRETS]; /* the newest first */
	size_t n;
};

/* As kept by the directory: one after the other, each 8 bytes of time and the secret. E_DAMAGED. */
int srs_keys_parse(struct str blob, struct srs_keys *out);
void srs_keys_print(const struct srs_keys *k, struct buf *out);
/* A fresh secret is in force from now on; those that nothing valid can be made of go. */
void srs_keys_rotate(struct srs_keys *k, int64_t now, int64_t days);

/* The local part of the new address. 0, or E_LIMIT: it would be longer than an address may be. */
int srs_forward(const struct srs_keys *k, struct str local, struct str domain, int64_t now, struct arena *a,
	struct str *out);

enum srs_result {
	SRS_NONE, /* not one of these addresses */
	SRS_GOOD,
	SRS_BAD, /* not of our making, or changed */
	SRS_EXPIRED,
};
/* The address behind a local part, for SRS_GOOD. */
enum srs_result srs_back(const struct srs_keys *k, struct str local, int64_t now, int64_t days, struct arena *a,
	struct str *local_out, struct str *domain_out);

#endif
