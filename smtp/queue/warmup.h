/* SPDX-License-Identifier: ISC
 *
 * warmup.h: private to smtp/queue/: what new source addresses sent today (warmup.c).
 */
#ifndef MANSIO_SMTP_QUEUE_WARMUP_H
#define MANSIO_SMTP_QUEUE_WARMUP_H

#include "base/db.h"

struct queue;
struct task;

enum { WARMUP_NSTMT = 4 };
struct warmup {
	sqlite3_stmt *stmt[WARMUP_NSTMT];
};

void warmup_done(struct queue *q);
void warmup_count(struct queue *q, struct str warm); /* "SOURCE PROVIDER DAY": one more */
void warmup_tell(struct queue *q); /* senders that know nothing yet */
size_t warmup_forget(struct queue *q, size_t n); /* days that are over: n rows at most */
void warmup_list(struct queue *q, struct task *t);

#endif
