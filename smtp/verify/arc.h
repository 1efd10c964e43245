/* SPDX-License-Identifier: ISC
 *
 * arc.h: chains of forwarders (Authenticated Received Chain, RFC 8617), without network: sets of three fields,
 * their keys' records by a function of the caller.
 *
 *   ARC-Authentication-Results  i=1; what the first forwarder found (AAR)
 *   ARC-Message-Signature       i=1; a signature like DKIM's over the message as it left there (AMS)
 *   ARC-Seal                    i=1; a signature over all sets up to this one (AS)
 *
 * Linear: the text under the seals is hashed once, each seal's hash is a copy on the way. Bounded: ARC_SETS
 * sets, DKIM_SIGNATURE_MAX bytes a field; what has more is a failed chain.
 */
#ifndef MANSIO_SMTP_VERIFY_ARC_H
#define MANSIO_SMTP_VERIFY_ARC_H

#include "smtp/verify/dkim.h"

#define ARC_SETS 50 /* RFC 8617 4.2.1 */

enum arc_status { ARC_NONE, ARC_PASS, ARC_FAIL, ARC_UNKNOWN /* the DNS does not answer */, ARC_WAIT /* not all keys yet */ };
const char *arc_status_name(enum arc_status s); /* "none", "pass", "fail": cv= (4.4) */

struct arc_chain {
	unsigned n; /* the highest instance, 0: none */
	struct arc_set {
		const struct header_field *results, *message, *seal;
	} set[ARC_SETS + 1]; /* [1] to [n] */
	const char *bad; /* the structure is broken: why; NULL: it is sound */
	bool ended; /* its last seal says that it failed before: nobody adds to it (5.1) */
	struct dkim_signature last; /* of the newest message signature, if it is sound */
	bool has_last;
};
/* The sets of a header (5.2, steps 1 to 3). The header outlives it. */
void arc_parse(const struct header *h, struct arena *a, struct arc_chain *out);

/* The record of a key: its text with *state_out 0; E_NOTFOUND: there is none; E_TEMP: the DNS failed;
 * -EAGAIN: asked for, not known yet. */
typedef int arc_key_fn(void *arg, struct str domain, struct str selector, struct str *record_out);
/* Steps 4 and 6. hash: of the body in the form of chain->last (any, if there is none). All keys that are needed
 * are asked for at once. why_out: a few words, for ARC_FAIL. */
enum arc_status arc_check(const struct arc_chain *c, const struct header *h, const unsigned char hash[DKIM_HASH],
	arc_key_fn *key, void *arg, struct arena *a, const char **why_out);

/* The three fields of the next set, newest on top, for a chain of that status (NONE, PASS or FAIL). results: what
 * stands behind "i=N; ". hash: of the body, relaxed. E_LIMIT: the chain is full, or was ended (then nothing is
 * to be added), or a field is too long; E_TLS. */
int arc_seal(const struct arc_chain *c, enum arc_status status, const struct header *h, const unsigned char hash[DKIM_HASH],
	const struct dkim_key *k, struct str domain, struct str selector, struct str results, int64_t now, struct buf *out);

#endif
