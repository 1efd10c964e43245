/* SPDX-License-Identifier: ISC
 *
 * sent.h: what has left, kept for `[queue] remember`, so that what others say of it later can be believed or not:
 * a complaint (RFC 5965) names a message and whom it went to, a bounce the sender's address that the recipient alone
 * got (mail/verp.h). Kept in queue.db, in the transaction that ends the recipient; a row is found by the first eight
 * bytes of a SHA-256, so it costs little, and only messages are noted that something may ask for.
 */
#ifndef MANSIO_SMTP_QUEUE_SENT_H
#define MANSIO_SMTP_QUEUE_SENT_H

#include "base/clock.h"
#include "smtp/queue/rows.h"

enum { SENT_NSTMT = 4 };
struct sent {
	sqlite3_stmt *stmt[SENT_NSTMT];
};

struct sent_row {
	struct str message, sender, recipient;
};

void sent_done(struct sent *s);
/* By the message's id and its recipient, until then (Unix seconds). */
void sent_add(struct sent *s, struct rows *r, const struct sent_row *x, int64_t until);
bool sent_find(struct sent *s, struct rows *r, struct str message, struct str recipient, struct arena *a, struct sent_row *out);
/* By the sender's address that was made for the recipient. */
void sent_add_verp(struct sent *s, struct rows *r, struct str address, const struct sent_row *x, int64_t until);
bool sent_find_verp(struct sent *s, struct rows *r, struct str address, struct arena *a, struct sent_row *out);
/* Rows whose time is over: n at most. How many. */
size_t sent_expire(struct sent *s, struct rows *r, size_t n);

#endif
