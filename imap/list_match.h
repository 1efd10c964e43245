/* SPDX-License-Identifier: ISC
 *
 * list_match.h: LIST patterns (RFC 3501 6.3.8): "*" matches anything, "%"
 * anything up to the hierarchy separator.
 */
#ifndef MANSIO_IMAP_LIST_MATCH_H
#define MANSIO_IMAP_LIST_MATCH_H

#include "base/arena.h"
#include "base/str.h"

struct list_pattern {
	struct str text; /* runs of wildcards made one */
	size_t literals; /* bytes that are no wildcard */
};

void list_pattern_make(struct str pattern, struct arena *a, struct list_pattern *out);
/* In time of at most pattern times name, whatever they hold. INBOX matches in any
 * case, also as the first level. */
bool list_match(const struct list_pattern *p, struct str name);

#endif
