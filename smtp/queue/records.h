/* SPDX-License-Identifier: ISC
 *
 * records.h: what the queue tells hookd of each attempt, and of what ends without one, for accounting and
 * webhooks (docs/QUEUE.md, queued and hookd). Nothing in the queue ever waits for it: what hookd has
 * not confirmed is kept up to `[queue] records` bytes, sent again to the next hookd, and what
 * comes above that is counted as lost. What queued knew alone when it died is lost too.
 */
#ifndef MANSIO_SMTP_QUEUE_RECORDS_H
#define MANSIO_SMTP_QUEUE_RECORDS_H

#include "smtp/queue/queue.h"

/* Are any wanted? Else nothing is kept. */
void records_settings(const struct conf *conf);
bool records_wanted(void);
/* A new hookd; takes fd. */
void records_link(int fd);
int records_fd(void); /* to wait for, -1: none */
void records_read(void); /* what it confirms */

/* An attempt is over, as `event` of the log says. */
void records_attempt(const struct job *j, const struct job_rcpt *r, const struct rcpt_row *x, const char *event);
/* A recipient is over by a word of this server (ended.c), in this turn: it counts when the turn is committed. */
void records_ended(const struct message_row *row, struct str user, const struct rcpt_row *x, const char *event);
/* The turn is over: what it ended is told, or was undone. */
void records_turn(bool committed);
/* A complaint came (mail/arf.h): fields of the message, as they are. */
void records_complaint(const struct ipc_msg *m);
/* A bounce came of what had left (said.c). */
void records_returned(const struct ipc_msg *m, const struct sent_row *x, const char *class);

#endif
