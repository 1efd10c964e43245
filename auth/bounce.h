/* SPDX-License-Identifier: ISC
 *
 * bounce.h: which sender a forward says (auth/srs.h over the directory), and to whom a report goes that
 * comes back to it. Runs in workers; the limit in authd itself, for all rooms together.
 */
#ifndef MANSIO_AUTH_BOUNCE_H
#define MANSIO_AUTH_BOUNCE_H

#include "auth/resolve.h"
#include "auth/srs.h"

#define BOUNCE_DAY 86400000 /* ms */

/* The secrets; made when nobody has any. */
int bounce_keys(struct directory *d, struct srs_keys *out);
/* A new secret is in force. */
int bounce_rotate(struct directory *d, int64_t now, int64_t days);

/* The sender of what an alias of `domain` sends on: as it is if it is ours; else rewritten under that domain
 * (or the nearest one above it that is ours; none: as it is). What cannot be rewritten, because it would be too
 * long or has no domain name, becomes postmaster of the domain: so a report stays with us. */
int bounce_sender(const struct resolver *r, struct str sender, struct str domain, bool rewrite, int64_t now,
	struct arena *a, struct str *out, bool *ours_out);
/* An address of ours that bounce_sender made: whose it is, for SRS_GOOD. */
int bounce_back(const struct resolver *r, struct str address, int64_t now, int64_t days, struct arena *a,
	enum srs_result *result_out, struct str *original_out);

/* Reports to one original sender within an hour. Addresses may share a counter, never escape one. */
#define BOUNCE_COUNTERS 4096
struct bounce_limit {
	struct {
		int64_t hour;
		uint32_t n;
	} counter[BOUNCE_COUNTERS];
};
bool bounce_take(struct bounce_limit *l, struct str address, int64_t now, int64_t most);

#endif
