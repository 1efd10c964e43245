/* SPDX-License-Identifier: ISC
 *
 * scope.h: private to trace/: what an asker may see: everything, or what
 * concerns his domains and addresses (the fields `scope` of a verb).
 *
 * Narrowed: a message concerns him if he (or his domain) sent it, is one of
 * its recipients, or owns a mailbox that it went to. Who sent it sees each recipient's
 * fate; others see their own part alone: no other recipient, nor how many there are.
 */
#ifndef MANSIO_TRACE_SCOPE_H
#define MANSIO_TRACE_SCOPE_H

#include "net/ipc.h"
#include "trace/fields.h"

struct scope {
	struct str *entry; /* raw, lower case */
	size_t n;
	bool all;
};

void scope_read(struct scope *s, const struct ipc_msg *m, struct arena *a);
/* Is this (raw) address one of his? An empty one is nobody's. */
bool scope_has(const struct scope *s, struct str address);
/* Is a value of one of these fields? */
bool scope_has_field(const struct scope *s, const struct fields *e, const char *key);

#endif
