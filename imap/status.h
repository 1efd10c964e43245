/* SPDX-License-Identifier: ISC
 *
 * status.h: the items of STATUS, which LIST can ask for too (RFC 3501 6.3.10, RFC 5819).
 */
#ifndef MANSIO_IMAP_STATUS_H
#define MANSIO_IMAP_STATUS_H

#include "imap/session.h"

enum {
	STATUS_MESSAGES = 1, STATUS_RECENT = 2, STATUS_UIDNEXT = 4, STATUS_UIDVALIDITY = 8, STATUS_UNSEEN = 16,
	STATUS_HIGHESTMODSEQ = 32, /* RFC 7162 3.1.7 */
	STATUS_SIZE = 64, /* RFC 8438 */
	STATUS_DELETED = 128, STATUS_DELETED_STORAGE = 256, /* RFC 9208 4.1.4 */
};
struct status_values {
	struct store_status st;
	uint64_t deleted_size;
};

/* "(" status-att *(SP status-att) ")": 1 or E_SYNTAX. */
int status_parse(struct cur *c, unsigned *items_out);
/* Asks the store for what the items need. */
int status_get(struct store *s, struct str name, unsigned items, struct status_values *out);
/* "* STATUS ..." */
void status_tell(struct imap_session *s, struct str name, unsigned items, const struct status_values *v);

#endif
