/* SPDX-License-Identifier: ISC
 *
 * clock.h: the two clocks. Deadlines use the monotonic one, so a jump of the
 * wall clock neither fires nor stretches them. Both can be set in tests.
 */
#ifndef MANSIO_BASE_CLOCK_H
#define MANSIO_BASE_CLOCK_H

#include "base/base.h"

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_unix(void); /* seconds */
int64_t clock_unix_us(void);
/* For tests: fixes the wall clock; 0 lets it run again. */
void clock_set_unix(int64_t sec);

/* A point on the monotonic clock, in ms; 0 is never. */
typedef int64_t deadline;
#define DEADLINE_NEVER ((deadline)0)
deadline deadline_in(int64_t ms);
/* ms left, 0 if passed, -1 for never: fits poll(2). */
int deadline_left(deadline d);
bool deadline_passed(deadline d);

#endif
