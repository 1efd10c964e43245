/* SPDX-License-Identifier: ISC
 *
 * schedule.c: see schedule.h.
 */
#include "smtp/queue/schedule.h"

#include "conf/value.h"

#define LOST_WAIT 5 /* after the first lost attempt, doubled each time */

void schedule_of(const struct conf *c, struct schedule *out)
{
	int64_t ms = 0;
	size_t i;

	*out = (struct schedule){ .lifetime = c->queue_lifetime / 1000,
		.delay_warning = c->queue_delay_warning / 1000 };
	for (i = 0; i < c->queue_retry.n && i < CONF_RETRY_MAX; i++) {
		BUG_ON(conf_time_parse(c->queue_retry.v[i], &ms) < 0); /* conf/check.c saw it */
		out->step[out->n++] = MAX(ms / 1000, (int64_t)1);
	}
	BUG_ON(out->n == 0);
}

int64_t schedule_wait(const struct schedule *s, uint32_t attempts)
{
	size_t i = attempts > 0 ? attempts - 1 : 0;

	return s->step[MIN(i, s->n - 1)];
}

int64_t schedule_wait_lost(const struct schedule *s, uint32_t attempts)
{
	uint32_t doublings = MIN(attempts > 0 ? attempts - 1 : 0, (uint32_t)20);

	return MIN((int64_t)LOST_WAIT << doublings, schedule_wait(s, attempts));
}

int64_t schedule_longest(const struct schedule *s)
{
	int64_t longest = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		longest = MAX(longest, s->step[i]);
	return longest;
}

uint32_t schedule_attempts_in(const struct schedule *s, int64_t span)
{
	int64_t at = 0;
	uint32_t n = 1; /* the first is made at once */
	size_t i;

	for (i = 0; i < s->n; i++) {
		at += s->step[i];
		if (at > span)
			break;
		n++;
	}
	return MIN(n, MAX((uint32_t)s->n, 1));
}

bool schedule_expired(const struct schedule *s, int64_t age, uint32_t attempts)
{
	return age >= s->lifetime && attempts >= schedule_attempts_in(s, s->lifetime);
}

bool schedule_late(const struct schedule *s, int64_t age, uint32_t attempts)
{
	return s->delay_warning > 0 && age >= s->delay_warning &&
		attempts >= schedule_attempts_in(s, s->delay_warning);
}
