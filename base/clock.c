/* SPDX-License-Identifier: ISC
 *
 * clock.c: the two clocks and deadlines (contract in clock.h).
 */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

static int64_t fixed_unix;

static int64_t now_us(clockid_t id)
{
	struct timespec ts;

	BUG_ON(clock_gettime(id, &ts) != 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

int64_t clock_unix(void)
{
	return clock_unix_us() / 1000000;
}

int64_t clock_unix_us(void)
{
	return fixed_unix ? fixed_unix * 1000000 : now_us(CLOCK_REALTIME);
}

void clock_set_unix(int64_t sec)
{
	fixed_unix = sec;
}

deadline deadline_in(int64_t ms)
{
	int64_t now = clock_mono_ms(), at;

	if (__builtin_add_overflow(now, ms > 0 ? ms : 0, &at))
		return INT64_MAX;
	return at > 0 ? at : 1; /* 0 is never */
}

int deadline_left(deadline d)
{
	int64_t left;

	if (d == DEADLINE_NEVER)
		return -1;
	left = d - clock_mono_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

bool deadline_passed(deadline d)
{
	return deadline_left(d) == 0;
}
