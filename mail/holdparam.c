/* SPDX-License-Identifier: ISC
 *
 * holdparam.c: HOLDFOR, HOLDUNTIL, MT-PRIORITY (see holdparam.h).
 */
#include "mail/holdparam.h"

#include <time.h>

#include "base/cur.h"
#include "mail/date.h"

/* future-release-integer = %x31-39 *8DIGIT (RFC 4865 3) */
int hold_for_parse(struct str value, int64_t *seconds_out)
{
	uint64_t n;

	if (!value.n || value.n > 9 || value.p[0] == '0' || str_u64(value, 999999999, &n))
		return E_SYNTAX;
	*seconds_out = (int64_t)n;
	return 0;
}

/* Exactly n digits. */
static bool digits(struct cur *c, size_t n, int *out)
{
	struct str s;
	uint64_t v;

	if (!cur_bytes(c, n, &s) || str_u64(s, 9999, &v))
		return false;
	*out = (int)v;
	return true;
}

static int month_days(int year, int month)
{
	return (int)(date_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) - date_days(year, month, 1));
}

/* time-secfrac = "." 1*DIGIT; *some_out: it is more than nothing. */
static bool fraction(struct cur *c, bool *some_out)
{
	size_t n = 0;
	int digit;

	if (!cur_take(c, '.'))
		return true;
	for (; cur_left(c) > 1; n++) {
		if (!digits(c, 1, &digit))
			return false;
		*some_out |= digit > 0;
	}
	return n > 0;
}

/* date-time of RFC 3339 5.6, with "Z" */
int hold_until_parse(struct str value, int64_t *unix_out)
{
	struct cur c = cur_of(value);
	int year, month, day, hour, min, sec;
	bool some = false;

	if (value.n > 40 || !digits(&c, 4, &year) || !cur_take(&c, '-') || !digits(&c, 2, &month) || !cur_take(&c, '-') ||
		!digits(&c, 2, &day) || !(cur_take(&c, 'T') || cur_take(&c, 't')) || !digits(&c, 2, &hour) ||
		!cur_take(&c, ':') || !digits(&c, 2, &min) || !cur_take(&c, ':') || !digits(&c, 2, &sec) ||
		!fraction(&c, &some) || !(cur_take(&c, 'Z') || cur_take(&c, 'z')) || cur_left(&c))
		return E_SYNTAX;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 || min > 59 || sec > 60)
		return E_SYNTAX;
	*unix_out = date_days(year, month, day) * 86400 + hour * 3600 + min * 60 + sec + some;
	return 0;
}

void hold_until_print(int64_t unix_time, struct buf *out)
{
	time_t t = (time_t)unix_time;
	struct tm tm;

	if (gmtime_r(&t, &tm))
		buf_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			tm.tm_min, tm.tm_sec);
}

/* priority-value = (["-"] NZDIGIT) / "0" */
int priority_parse(struct str value, int *out)
{
	bool negative = str_starts(value, "-");
	struct str digit = negative ? str_from(value, 1) : value;

	if (digit.n != 1 || digit.p[0] < (negative ? '1' : '0') || digit.p[0] > '9')
		return E_SYNTAX;
	*out = negative ? '0' - digit.p[0] : digit.p[0] - '0';
	return 0;
}
