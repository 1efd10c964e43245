/* SPDX-License-Identifier: ISC
 *
 * results.h: what can be found out about a message that came: its DKIM signatures, its chain of forwarders,
 * and whether its client may send for its sender (SPF). For Authentication-Results (RFC 8601), and for a
 * forward's seal and its reports.
 *
 *   results_new -> results_add (pieces of the message) ... -> results_end -> results_try, until it has all
 *   answers or `last` is said -> results_print, results_confirmed, results_seal
 *
 * Nothing is claimed that was not looked at: without a client there is no word about SPF, what the DNS did not
 * tell in time is `temperror`, signatures beyond RESULTS_SIGNATURES are not mentioned. Keys and
 * policies come by a function that may say "not yet".
 */
#ifndef MANSIO_SMTP_VERIFY_RESULTS_H
#define MANSIO_SMTP_VERIFY_RESULTS_H

#include "smtp/verify/arc.h"
#include "smtp/verify/spf.h"

#define RESULTS_SIGNATURES 8

struct results;
struct results_of {
	struct str host; /* our name: authserv-id */
	struct str sender, helo; /* of the envelope; sender empty: null */
	struct addr peer; /* family 0: nobody is known */
	spf_ask_fn *ask; /* NULL: not known yet, asked for now */
	void *arg;
};

/* header_max: as dkim_head_init. Strings of `of` outlive it. */
struct results *results_new(size_t header_max, const struct results_of *of);
void results_free(struct results *r);
/* 0, or negative (and so it stays): nothing can be said of this message (as dkim_head_end). */
int results_add(struct results *r, struct str piece);
int results_end(struct results *r);
/* After the end: as far as answers are known. False: some are not. last: there will be no more of them. */
bool results_try(struct results *r, bool last, int64_t now);
/* After that: "host; dkim=pass ...; spf=... ; arc=none", folded. */
void results_print(const struct results *r, struct buf *out);
/* Something confirms the sender of the envelope: SPF, or a signature of his domain over his address. */
bool results_confirmed(struct results *r);
/* What was found before of the same message, which was changed since (its text was made 7-bit text): that is what a seal
 * says, not what would be found now. status: "none", "pass", "fail"; anything else: the chain is not known. */
void results_given(struct results *r, struct str text, struct str status);
/* The state of the chain in a word, for results_given; "unknown". */
const char *results_chain(const struct results *r);
/* The three ARC fields. E_LIMIT: no set can be added; E_TEMP: whether the chain holds is not known, so nobody
 * may say it; E_TLS. */
int results_seal(const struct results *r, const struct dkim_key *k, struct str domain, struct str selector, int64_t now,
	struct buf *out);

#endif
