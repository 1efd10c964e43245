/* SPDX-License-Identifier: ISC
 *
 * problem.h: why an order did not come through, in words for the admin, and what to do next
 * (problem documents: RFC 7807, RFC 8555 6.7).
 */
#ifndef MANSIO_ACME_PROBLEM_H
#define MANSIO_ACME_PROBLEM_H

#include "base/buf.h" /* first: it makes the system show strptime */

#include <jansson.h>

struct problem {
	char type[64]; /* "rateLimited"; "" if it was no problem document */
	char words[768], fix[512];
	int64_t retry_after; /* seconds, 0: not said */
};

/* Of our own. */
void problem_set(struct problem *p, const char *fix, const char *fmt, ...) PRINTF(3, 4);
/* Of a document, about `what` ("the order", a name). Texts of the authority stay texts:
 * printable, and short. doc may be NULL or anything. */
void problem_of(const json_t *doc, long status, const char *what, struct problem *p);
/* Retry-After: seconds or an HTTP date (RFC 9110 10.2.3), as seconds from now; 0: neither. */
int64_t problem_retry_after(const char *value, int64_t now);

#endif
