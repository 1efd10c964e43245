/* SPDX-License-Identifier: ISC
 *
 * date.c: dates of header fields (RFC 5322 3.3, obsolete forms 4.3) and of
 * IMAP (RFC 3501 9: date, date-time). All arithmetic is on the proleptic
 * Gregorian calendar in 64 bits; the C library's time functions, which know
 * zones and locales, are not used. Nothing here can overflow: years are
 * 0..9999 on the way in and clamped to that on the way out.
 */
#include "mail/date.h"

#define DAY 86400
#define FIRST_SECOND INT64_C(-62167219200) /* 0000-01-01 00:00:00 */
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31 23:59:59 */

static const char month_name[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	"Sep", "Oct", "Nov", "Dec" };
static const char day_name[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };

/* Days since 1970-01-01, eras of 400 years beginning on 1 March. */
int64_t date_days(int year, int month, int day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static void civil_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static bool valid_day(int year, int month, int day)
{
	static const int len[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month >= 1 && month <= 12 && day >= 1 &&
		day <= len[month - 1] + (month == 2 && leap);
}

/* 1..12 by the first three letters, 0. */
static int month_of(struct str word)
{
	int i;

	for (i = 0; word.n >= 3 && i < 12; i++)
		if (str_ieq(str_sub(word, 0, 3), str_make(month_name[i], 3)))
			return i + 1;
	return 0;
}

static int finish(struct date *d, int hour, int min, int sec, struct date *out)
{
	if (!valid_day(d->year, d->month, d->day) || hour > 23 || min > 59 || sec > 60)
		return E_SYNTAX;
	d->unix_time = date_days(d->year, d->month, d->day) * DAY + hour * 3600 + min * 60 + sec -
		(int64_t)d->zone_min * 60;
	*out = *d;
	return 0;
}

/* --- header fields ------------------------------------------------------- */

/* CFWS; comments nest, a counter is enough. Commas, and the hyphens of
 * "21-Nov-2026", separate as well. */
static void skip_cfws(struct cur *c, bool hyphen)
{
	size_t depth = 0;

	for (; c->p < c->end; c->p++) {
		if (*c->p == '\\' && depth && c->p + 1 < c->end)
			c->p++;
		else if (*c->p == '(')
			depth++;
		else if (*c->p == ')' && depth)
			depth--;
		else if (!depth && !(*c->p && strchr(" \t\r\n,", *c->p)) &&
			!(hyphen && *c->p == '-'))
			return;
	}
}

static bool is_alpha(int b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
}

static bool is_digit(int b)
{
	return b >= '0' && b <= '9';
}

static struct str take_word(struct cur *c)
{
	const unsigned char *start = c->p;

	while (is_alpha(cur_peek(c)))
		c->p++;
	return str_make(start, (size_t)(c->p - start));
}

/* min..max digits and no further one: 0 or E_SYNTAX. */
static int take_number(struct cur *c, int min, int max, int *out, int *digits_out)
{
	int n = 0, v = 0;

	while (is_digit(cur_peek(c)) && n <= max) {
		v = v * 10 + (cur_next(c) - '0');
		n++;
	}
	if (n < min || n > max)
		return E_SYNTAX;
	*out = v;
	if (digits_out)
		*digits_out = n;
	return 0;
}

/* zone = ( "+" / "-" ) 4DIGIT / obs-zone (4.3); unknown names and military
 * letters say nothing reliable and count as UTC. */
static int take_zone(struct cur *c, int *minutes)
{
	static const struct {
		const char *name;
		int min;
	} zones[] = { { "EST", -300 }, { "EDT", -240 }, { "CST", -360 }, { "CDT", -300 },
		{ "MST", -420 }, { "MDT", -360 }, { "PST", -480 }, { "PDT", -420 } };
	int sign = cur_peek(c), v;
	struct str word;
	size_t i;

	*minutes = 0;
	if (sign == '+' || sign == '-') {
		c->p++;
		if (take_number(c, 4, 4, &v, NULL) || v % 100 > 59)
			return E_SYNTAX;
		*minutes = (v / 100 * 60 + v % 100) * (sign == '-' ? -1 : 1);
		return 0;
	}
	word = take_word(c);
	for (i = 0; i < ARRAY_LEN(zones); i++)
		if (str_ieqc(word, zones[i].name))
			*minutes = zones[i].min;
	return 0;
}

/* time-of-day = hour ":" minute [ ":" second ], CFWS around the colons. */
static int take_time(struct cur *c, int *hour, int *min, int *sec)
{
	*sec = 0;
	if (take_number(c, 1, 2, hour, NULL))
		return E_SYNTAX;
	skip_cfws(c, false);
	if (!cur_take(c, ':'))
		return E_SYNTAX;
	skip_cfws(c, false);
	if (take_number(c, 1, 2, min, NULL))
		return E_SYNTAX;
	skip_cfws(c, false);
	if (!cur_take(c, ':'))
		return 0;
	skip_cfws(c, false);
	return take_number(c, 1, 2, sec, NULL);
}

static int full_year(int year, int digits)
{
	if (digits == 2)
		return year < 50 ? year + 2000 : year + 1900;
	return digits == 3 ? year + 1900 : year;
}

/* date-time = [ day-of-week "," ] day month year time-of-day zone */
int date_parse(struct str body, struct date *out)
{
	struct cur c = cur_of(body);
	struct date d = { 0 };
	int hour, min, sec, digits;

	skip_cfws(&c, false);
	take_word(&c); /* the day of the week says nothing new */
	if (cur_peek(&c) == '.')
		c.p++;
	skip_cfws(&c, false);
	if (take_number(&c, 1, 2, &d.day, NULL))
		return E_SYNTAX;
	skip_cfws(&c, true);
	d.month = month_of(take_word(&c));
	skip_cfws(&c, true);
	if (take_number(&c, 2, 4, &d.year, &digits))
		return E_SYNTAX;
	d.year = full_year(d.year, digits);
	skip_cfws(&c, false);
	if (take_time(&c, &hour, &min, &sec))
		return E_SYNTAX;
	skip_cfws(&c, false);
	if (take_zone(&c, &d.zone_min))
		return E_SYNTAX;
	return finish(&d, hour, min, sec, out);
}

struct moment {
	int year, month, day, hour, min, sec;
	int64_t days;
};

static struct moment moment_of(int64_t unix_time, int zone_min)
{
	struct moment m;
	int64_t t, rest;

	t = MIN(MAX(unix_time, FIRST_SECOND), LAST_SECOND) + (int64_t)zone_min * 60;
	t = MIN(MAX(t, FIRST_SECOND), LAST_SECOND);
	rest = ((t % DAY) + DAY) % DAY;
	m.days = (t - rest) / DAY;
	civil_of_days(m.days, &m.year, &m.month, &m.day);
	m.hour = (int)(rest / 3600);
	m.min = (int)(rest / 60 % 60);
	m.sec = (int)(rest % 60);
	return m;
}

static void print_zone(int zone_min, struct buf *out)
{
	int m = zone_min < 0 ? -zone_min : zone_min;

	buf_fmt(out, "%c%02d%02d", zone_min < 0 ? '-' : '+', m / 60, m % 60);
}

/* Printable zones only: +-9959. */
static int clamp_zone(int zone_min)
{
	return MIN(MAX(zone_min, -5999), 5999);
}

void date_print(int64_t unix_time, int zone_min, struct buf *out)
{
	int zone = clamp_zone(zone_min);
	struct moment m = moment_of(unix_time, zone);
	int64_t weekday = ((m.days % 7) + 7) % 7;

	buf_fmt(out, "%s, %02d %s %04d %02d:%02d:%02d ", day_name[weekday], m.day,
		month_name[m.month - 1], m.year, m.hour, m.min, m.sec);
	print_zone(zone, out);
}

/* --- IMAP ---------------------------------------------------------------- */

/* date-text = date-day "-" date-month "-" date-year */
static int take_imap_date(struct cur *c, struct date *d)
{
	struct str word;

	if (take_number(c, 1, 2, &d->day, NULL) || !cur_take(c, '-'))
		return E_SYNTAX;
	word = take_word(c);
	d->month = word.n == 3 ? month_of(word) : 0;
	if (!cur_take(c, '-') || take_number(c, 4, 4, &d->year, NULL))
		return E_SYNTAX;
	return valid_day(d->year, d->month, d->day) ? 0 : E_SYNTAX;
}

/* date-day-fixed "-" date-month "-" date-year SP time SP zone */
int date_imap_parse(struct str s, struct date *out)
{
	struct cur c = cur_of(s);
	struct date d = { 0 };
	int hour, min, sec;

	cur_take(&c, ' ');
	if (take_imap_date(&c, &d) || !cur_take(&c, ' '))
		return E_SYNTAX;
	if (take_number(&c, 2, 2, &hour, NULL) || !cur_take(&c, ':') ||
		take_number(&c, 2, 2, &min, NULL) || !cur_take(&c, ':') ||
		take_number(&c, 2, 2, &sec, NULL) || !cur_take(&c, ' '))
		return E_SYNTAX;
	if (cur_peek(&c) != '+' && cur_peek(&c) != '-')
		return E_SYNTAX;
	if (take_zone(&c, &d.zone_min) || !cur_end(&c))
		return E_SYNTAX;
	return finish(&d, hour, min, sec, out);
}

void date_imap_print(int64_t unix_time, int zone_min, struct buf *out)
{
	int zone = clamp_zone(zone_min);
	struct moment m = moment_of(unix_time, zone);

	buf_fmt(out, "%2d-%s-%04d %02d:%02d:%02d ", m.day, month_name[m.month - 1], m.year, m.hour,
		m.min, m.sec);
	print_zone(zone, out);
}

int date_imap_day(struct str s, int64_t *out)
{
	struct cur c = cur_of(s);
	struct date d = { 0 };

	if (take_imap_date(&c, &d) || !cur_end(&c))
		return E_SYNTAX;
	*out = date_days(d.year, d.month, d.day);
	return 0;
}
