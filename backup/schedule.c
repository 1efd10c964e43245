/* SPDX-License-Identifier: ISC
 *
 * schedule.c: see schedule.h.
 */
#include "backup/schedule.h"

#include <time.h>

/* "02:30": the first such moment behind t, on this host's clock on the wall. */
static int64_t time_of_day(struct str at, int64_t t)
{
	uint64_t hour = 0, minute = 0;
	time_t from = (time_t)t, when;
	struct tm tm;
	int day;

	if (at.n != 5 || str_u64(str_sub(at, 0, 2), 23, &hour) < 0 || str_u64(str_sub(at, 3, 5), 59, &minute) < 0)
		return INT64_MAX;
	for (day = 0; day < 3; day++) {
		localtime_r(&from, &tm);
		tm.tm_mday += day;
		tm.tm_hour = (int)hour;
		tm.tm_min = (int)minute;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		when = mktime(&tm);
		if (when > from)
			return (int64_t)when;
	}
	return t + 86400;
}

int64_t schedule_next(const struct conf *c, int64_t last, int64_t tried)
{
	int64_t due;

	if (!c->backup_every && !c->backup_at.n)
		return INT64_MAX;
	if (last <= 0)
		due = 0; /* the first one at once */
	else if (c->backup_every)
		due = last + c->backup_every / 1000;
	else
		due = time_of_day(c->backup_at, last);
	/* one that failed is not tried again at once */
	return tried > last ? MAX(due, tried + c->backup_retry / 1000) : due;
}
