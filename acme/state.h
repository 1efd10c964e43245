/* SPDX-License-Identifier: ISC
 *
 * state.h: what acmed knows from one run to the next, in STATE/acme:
 *
 *     account.pem   the account's key (0600)
 *     live.pem      the certificate in use: its key, then its chain (0600)
 *     state         the rest, as below, in the format of a message
 *     next.pem      the key after the one in use (rekey.c), if one was asked for (0600)
 *     lock          held by who works on an order
 *
 * Each is replaced as a whole, durably. A missing or damaged state costs nothing but the
 * memory of it: the account is found again by its key, the certificate speaks for itself.
 */
#ifndef MANSIO_ACME_STATE_H
#define MANSIO_ACME_STATE_H

#include "base/buf.h"

#define ACME_ORDERS 1000 /* remembered at most, of a day */

struct acme_state {
	int64_t order[ACME_ORDERS]; /* when: the last 24 hours, rising */
	size_t norders;
	uint64_t failures; /* in a row */
	int64_t next_try, last_try, last_good; /* Unix time, 0: never */
	int64_t not_after, renew_at; /* of the certificate in use */
	bool rekey; /* the next order is for the next key */
	char names[2048]; /* that it is for, comma separated */
	char words[768], fix[512]; /* why the last order failed; empty: it did not */
	char account[1024], directory[1024], email[256]; /* the account's URL, and where it is good */
	char ari[1024]; /* where to ask when to renew (RFC 9773); empty: nowhere */
};

int acme_state_load(int dir, struct acme_state *out);
int acme_state_save(int dir, const struct acme_state *s);
/* Orders of the last 24 hours; older ones, and any of the future, are dropped. */
size_t acme_state_orders(struct acme_state *s, int64_t now);
/* The wait after so many failures in a row: retry, doubled each time up to max; seconds. */
int64_t acme_backoff(uint64_t failures, int64_t retry_ms, int64_t max_ms);

#endif
