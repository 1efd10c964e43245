/* SPDX-License-Identifier: ISC
 *
 * removal.h: files of the spool are removed beside the queue's loop.
 *
 * To remove a file may wait for the disk (ext4 with `discard`: half a millisecond each), and
 * nothing waits for it: its rows are gone. So some threads do it, which have no other work and
 * share nothing but the list of names. What is on the list when the process dies is found by
 * recover.c, as a file without a row.
 */
#ifndef MANSIO_SMTP_QUEUE_REMOVAL_H
#define MANSIO_SMTP_QUEUE_REMOVAL_H

/* Starts the threads, each locked in for itself (it may touch the spool alone); before the process locks itself in. 0 or negative. */
int removal_start(int spool);
/* Soon; waits only while very many are on the list. */
void removal_add(const char *id);
/* Returns when all of them are gone. */
void removal_settle(void);

#endif
