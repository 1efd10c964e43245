/* SPDX-License-Identifier: ISC
 *
 * cache.h: the policies that were fetched, one file for each domain in STATE/policy, in the format of a message. They live as
 * long as their owner said (max_age), over restarts, whatever becomes of the servers that they were fetched from (RFC 8461 5.1).
 */
#ifndef MANSIO_SMTP_POLICY_CACHE_H
#define MANSIO_SMTP_POLICY_CACHE_H

#include "smtp/policy/sts.h"

#define POLICY_WORDS 200

struct policy {
	char id[STS_ID + 1]; /* of the record that was there when it was fetched */
	int64_t fetched, expires; /* Unix time */
	struct sts_policy sts; /* its names are in the arena that was given */
};

/* 0; -ENOENT: none, or one that has run out; E_DAMAGED: a file that is none (as good as none). */
int cache_load(int dir, const char *domain, struct arena *a, struct policy *out);
int cache_save(int dir, const char *domain, const struct policy *p);
/* All that have run out, or are damaged, go; how many are left. Whose life is more than half over is told, `max` at most. */
size_t cache_sweep(int dir, void (*aged)(void *arg, const char *domain), void *arg, size_t max);

#endif
