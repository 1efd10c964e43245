/* SPDX-License-Identifier: ISC
 *
 * faults_clock.c: the wall clock as the page says (faults.h), for programs of a running
 * suite: preloaded together with faults.c. Deadlines are monotonic and stay as they are;
 * what the kernel writes beside files does, too.
 */
#define _GNU_SOURCE
#include "tests/crash/faults.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static int64_t shift(void)
{
	return faults ? __atomic_load_n(&faults->shift, __ATOMIC_RELAXED) : 0;
}

EXPORT int clock_gettime(clockid_t id, struct timespec *ts)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_clock_gettime), "D"(id), "S"(ts) : "rcx", "r11", "memory");
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		ts->tv_sec += shift();
	return 0;
}

EXPORT time_t time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
