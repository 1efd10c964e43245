/* SPDX-License-Identifier: ISC
 *
 * held.h: what an administrator, a limit or a setting keeps in the queue stays kept, whatever happens to queue.db or to queued.
 *
 *   spool/.held    a line for each recipient that became HELD, and each that was released: written and synced before
 *                  the commit that says so. A queue.db that is built anew from the files holds these again. Written anew
 *                  from the rows after a start, when it has grown, and when a turn was undone.
 *   table wish     what the administrator said of a recipient that is in a sender's hands (job_wish): a queued that is
 *                  killed before the sender answers leaves it to the next one (recover.c).
 *
 * What the envelope itself says (`hold`: a rule of access) needs no line.
 */
#ifndef MANSIO_SMTP_QUEUE_HELD_H
#define MANSIO_SMTP_QUEUE_HELD_H

#include "base/buf.h"
#include "smtp/queue/rows.h"

enum { HELD_NSTMT = 8 };
struct held {
	sqlite3_stmt *stmt[HELD_NSTMT];
	struct buf lines; /* of this turn */
	int fd; /* for appending, -1: not open */
	uint64_t bytes, least; /* of the file: now, and when it was written anew */
	bool anew; /* it is to be written anew */
};

struct queue;

/* After rows_open. If the rows are built anew, what was held is read. 0 or negative. */
int held_open(struct queue *q);
void held_done(struct queue *q);
/* The recipient is held from now on, or not any more. */
void held_note(struct queue *q, struct str id, uint32_t number, bool held);
/* Before the commit: the lines are on the disk. 0, E_FULL, or negative. *name_out: the folder is to be synced, too. */
int held_sync(struct queue *q, bool *name_out);
/* The turn was undone. */
void held_undone(struct queue *q);
/* While the rows are built anew: was it held? */
bool held_before(struct queue *q, struct str id, uint32_t number);
/* All rows are there again. */
void held_rebuilt(struct queue *q);
/* What the administrator wants when the attempt in hand is over (enum job_wish; 0: nothing any more). */
void held_wish(struct queue *q, int64_t m, uint32_t number, int wish);
/* After a start: nothing of these messages is in hand any more, and what was wanted of them is done. */
void held_fulfil(struct queue *q, int64_t from, int64_t to);

#endif
