/* SPDX-License-Identifier: ISC
 *
 * warmup.c: see warmup.h.
 */
#include "conf/warmup.h"

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = year / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-11-22" */
static int date(struct str s, int64_t *out)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t y, m, d;
	bool leap;

	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || str_u64(str_sub(s, 0, 4), 9999, &y) < 0 ||
	    str_u64(str_sub(s, 5, 7), 12, &m) < 0 || str_u64(str_sub(s, 8, 10), 31, &d) < 0 || y < 1970 || m < 1 || d < 1)
		return E_SYNTAX;
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > (uint64_t)length[m - 1] + (m == 2 && leap))
		return E_SYNTAX;
	*out = days_of((int64_t)y, (int64_t)m, (int64_t)d);
	return 0;
}

int warmup_parse(struct str rule, struct addr *address_out, int64_t *first_day_out)
{
	struct str rest = rule, address = str_cut(&rest, ' ');
	struct addr a;
	int64_t day;

	if (addr_parse(address, &a) < 0 || date(str_trim(rest), &day) < 0)
		return E_SYNTAX;
	*address_out = a;
	*first_day_out = day;
	return 0;
}

uint64_t warmup_messages(int64_t nth, int64_t first, int64_t growth, int64_t days)
{
	uint64_t n = (uint64_t)first;
	int64_t i;

	if (nth >= days)
		return WARMUP_NONE;
	/* thousandths, so that few grow too */
	for (i = 0, n *= 1000; i < nth && n < UINT64_MAX / 1000 / 1000; i++)
		n = n * (uint64_t)growth / 100;
	return n / 1000;
}

uint64_t warmup_limit(const struct conf *c, const struct addr *a, int64_t day, int64_t *nth_out)
{
	struct addr one;
	int64_t first;
	size_t i;

	for (i = 0; i < c->send_warmup.n; i++) {
		if (warmup_parse(c->send_warmup.v[i], &one, &first) < 0 || !addr_eq(&one, a))
			continue;
		if (nth_out)
			*nth_out = MAX(day - first, (int64_t)0);
		return warmup_messages(day - first, c->send_warmup_first, c->send_warmup_growth, c->send_warmup_days);
	}
	return WARMUP_NONE;
}
