/* SPDX-License-Identifier: ISC
 *
 * list_parse.h: what LIST and LSUB ask for (RFC 3501 6.3.8, RFC 5258, RFC 5819,
 * RFC 6154 5).
 */
#ifndef MANSIO_IMAP_LIST_PARSE_H
#define MANSIO_IMAP_LIST_PARSE_H

#include "base/cur.h"
#include "imap/list_match.h"

enum { LIST_SUBSCRIBED = 1, LIST_RECURSIVEMATCH = 2, LIST_SPECIAL_USE = 4, LIST_REMOTE = 8 };
#define LIST_PATTERNS_MAX 200

struct list_args {
	bool extended; /* any of the three ways of RFC 5258 1 */
	bool delimiter; /* not extended, and the pattern is "": only the separator is asked for */
	unsigned select; /* LIST_* */
	bool subscribed; /* \Subscribed is to be returned */
	unsigned status; /* STATUS_* for each mailbox, 0: none */
	struct list_pattern *pattern; /* with the reference in front; as UTF-8 */
	size_t n;
};
/* [SP select-opts] SP mailbox SP mbox-or-pat [SP return-opts], to the end. 1; E_SYNTAX; E_LIMIT:
 * too many patterns; E_DENIED: a pattern that is no name (in an extended LIST such a
 * one matches nothing). */
int list_parse(struct cur *c, struct arena *a, struct list_args *out);
bool list_args_match(const struct list_args *args, struct str name);

#endif
