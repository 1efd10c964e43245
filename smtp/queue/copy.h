/* SPDX-License-Identifier: ISC
 *
 * copy.h: the queue for a backup (docs/BACKUP.md): a copy of the database, and the
 * files of the messages that stand in it.
 */
#ifndef MANSIO_SMTP_QUEUE_COPY_H
#define MANSIO_SMTP_QUEUE_COPY_H

#include "smtp/queue/queue.h"

struct queue_copy;
/* Begins, for the link `who`; one at a time: E_TEMP. */
int copy_start(struct queue *q, void *who, uint64_t question);
/* A slice between two turns. ready(who, question, fd): the copy is there (fd is given), or
 * fd is negative. */
void copy_slice(struct queue *q, void (*ready)(void *who, uint64_t question, int fd));
/* The next files: at most n, ids and descriptors (the caller's); fewer than n: the end. */
int copy_files(struct queue *q, const void *who, size_t n, char (*id_out)[64], int *fd_out, size_t *n_out);
/* The end, good or bad: files that were done meanwhile go. NULL: whoever it is. */
void copy_end(struct queue *q, const void *who);
/* Between them no file is unlinked: its name is kept for copy_end. true: taken. */
bool copy_keeps(struct queue *q, const char *id);
bool copy_busy(const struct queue *q); /* there is a slice to do at once */

#endif
