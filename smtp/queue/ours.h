/* SPDX-License-Identifier: ISC
 *
 * ours.h: is an address one of this server? queued's question to authd, for what the administrator puts on the
 * suppression list, which is about mail to others. Nothing waits for the answer but that verb (tasks.c).
 */
#ifndef MANSIO_SMTP_QUEUE_OURS_H
#define MANSIO_SMTP_QUEUE_OURS_H

#include "smtp/queue/queue.h"

/* A new authd, -1: none for now; what was asked of the one before and not answered is asked again. Takes fd. */
void ours_link(struct queue *q, int fd);
int ours_fd(void); /* to wait for, -1: none */
/* Answers, passed on to tasks_ours. */
void ours_read(struct queue *q);
/* queue_ops.ours: 0, or negative: it cannot be asked now. */
int ours_ask(uint64_t question, struct str address);

#endif
