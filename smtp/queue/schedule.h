/* SPDX-License-Identifier: ISC
 *
 * schedule.h: when a recipient is tried again, when its message is late, and
 * when it is given up. Pure functions of numbers: all times in Unix seconds.
 *
 * The wall clock may jump. So age alone decides nothing: a message is given up
 * (or called late) only after as many attempts as the schedule has in that time,
 * the length of the list at most. A clock that runs a year ahead for an hour
 * expires nothing; one that was set back brings no attempt out of reach.
 */
#ifndef MANSIO_SMTP_QUEUE_SCHEDULE_H
#define MANSIO_SMTP_QUEUE_SCHEDULE_H

#include "conf/conf.h"

struct schedule {
	int64_t step[CONF_RETRY_MAX];
	size_t n;
	int64_t lifetime, delay_warning; /* 0: no warning */
};

void schedule_of(const struct conf *c, struct schedule *out);
/* How long to wait after so many failed attempts (1: after the first). */
int64_t schedule_wait(const struct schedule *s, uint32_t attempts);
/* The same when nothing is known of the attempt, because the process that made it
 * died: soon at first, but a message that kills it is not tried in a loop. */
int64_t schedule_wait_lost(const struct schedule *s, uint32_t attempts);
int64_t schedule_longest(const struct schedule *s);
/* Attempts that fall into a span of time from the acceptance on, n at most, 1 at least. */
uint32_t schedule_attempts_in(const struct schedule *s, int64_t span);
bool schedule_expired(const struct schedule *s, int64_t age, uint32_t attempts);
bool schedule_late(const struct schedule *s, int64_t age, uint32_t attempts);

#endif
