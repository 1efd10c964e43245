/* SPDX-License-Identifier: ISC
 *
 * ldap_text.c: see ldap_text.h.
 */
#include "auth/ldap_text.h"

#include <time.h>

#define QUOTA_MAX ((uint64_t)1 << 60)

void ldap_filter_value(struct str value, struct buf *out)
{
	size_t i;

	for (i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c < 0x20 || c == 0x7f || strchr("*()\\", c))
			buf_fmt(out, "\\%02x", c);
		else
			buf_c(out, (char)c);
	}
}

void ldap_dn_value(struct str value, struct buf *out)
{
	size_t i;

	for (i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		bool edge = i == 0 || i + 1 == value.n;

		/* by number, as no reader of DNs takes that for anything but the byte */
		if (c < 0x20 || c == 0x7f || strchr(",+\"\\<>;=", c) || (edge && (c == ' ' || c == '#')))
			buf_fmt(out, "\\%02x", c);
		else
			buf_c(out, (char)c);
	}
}

int ldap_dn_template(struct str text, struct str local, struct str domain, struct str address, struct buf *out)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (text.p[i] != '%') {
			buf_c(out, text.p[i]);
			continue;
		}
		switch (++i < text.n ? text.p[i] : '\0') {
		case 'u':
			ldap_dn_value(local, out);
			break;
		case 'd':
			ldap_dn_value(domain, out);
			break;
		case 'a':
			ldap_dn_value(address, out);
			break;
		case '%':
			buf_c(out, '%');
			break;
		default:
			return E_SYNTAX;
		}
	}
	return out->err;
}

bool ldap_says_yes(struct str value)
{
	static const char *const words[] = { "true", "yes", "1", "active", "enabled", "on" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (str_ieqc(str_trim(value), words[i]))
			return true;
	return false;
}

int ldap_quota(struct str value, uint64_t *out)
{
	static const char units[] = "KMGT";
	struct str s = str_trim(value), digits;
	uint64_t n, unit = 1;
	const char *u;
	size_t i = 0;

	if (str_istarts(s, "*:storage=")) {
		s = str_from(s, sizeof("*:storage=") - 1);
		unit = 1024;
	}
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	digits = str_sub(s, 0, i);
	s = str_trim(str_from(s, i));
	if (digits.n == 0 || str_u64(digits, QUOTA_MAX, &n) < 0)
		return E_SYNTAX;
	if (s.n > 0 && (u = strchr(units, ascii_upper(s.p[0]))) != NULL) {
		unit = (uint64_t)1 << (10 * (u - units + 1));
		s = str_from(s, 1);
		if (str_ieqc(s, "B") || str_ieqc(s, "iB"))
			s = STR("");
	} else if (str_eqc(s, "S")) {
		s = STR("");
	}
	if (s.n > 0 || n > QUOTA_MAX / unit)
		return E_SYNTAX;
	*out = n * unit;
	return 0;
}

#define YEAR_1601 11644473600 /* seconds from there to 1970 */

/* n digits; false: there are fewer. */
static bool digits(struct str *s, size_t n, int *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < n; i++) {
		if (i >= s->n || s->p[i] < '0' || s->p[i] > '9')
			return false;
		*out = *out * 10 + (s->p[i] - '0');
	}
	*s = str_from(*s, n);
	return true;
}

/* Z, or how far the clock of the value is before UTC's: "+" hours [minutes], or behind it, "-" */
static bool zone(struct str s, int64_t *seconds_out)
{
	bool behind = str_starts(s, "-");
	int hours, minutes = 0;

	*seconds_out = 0;
	if (str_eqc(s, "Z"))
		return true;
	if (!behind && !str_starts(s, "+"))
		return false;
	s = str_from(s, 1);
	if (!digits(&s, 2, &hours) || (s.n > 0 && !digits(&s, 2, &minutes)) || s.n > 0 || hours > 23 || minutes > 59)
		return false;
	*seconds_out = (behind ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 4517 3.3.13: minutes and seconds may be left out, of the last one there may be a fraction, which is none to us. */
static int generalized_time(struct str s, uint64_t *out)
{
	struct tm tm = { 0 };
	int64_t t, ahead;
	int ignored;

	if (!digits(&s, 4, &tm.tm_year) || !digits(&s, 2, &tm.tm_mon) || !digits(&s, 2, &tm.tm_mday) || !digits(&s, 2, &tm.tm_hour))
		return E_SYNTAX;
	if (digits(&s, 2, &tm.tm_min))
		(void)digits(&s, 2, &tm.tm_sec);
	if (str_starts(s, ".") || str_starts(s, ",")) {
		s = str_from(s, 1);
		if (!digits(&s, 1, &ignored))
			return E_SYNTAX;
		while (digits(&s, 1, &ignored))
			;
	}
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 ||
		!zone(s, &ahead))
		return E_SYNTAX;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = timegm(&tm) - ahead;
	*out = (uint64_t)MAX(t, 1);
	return 0;
}

int ldap_expires(struct str attr, struct str value, uint64_t *out)
{
	struct str s = str_trim(value);
	bool ad = str_ieqc(attr, "accountExpires"), shadow = str_ieqc(attr, "shadowExpire");
	uint64_t n;

	if (shadow && s.n > 1 && s.p[0] == '-' && str_u64(str_from(s, 1), INT64_MAX, &n) == 0)
		n = 0;
	else if (str_u64(s, INT64_MAX, &n) < 0)
		return ad || shadow ? E_SYNTAX : generalized_time(s, out);
	else if (ad)
		n = n == 0 || n == INT64_MAX ? 0 : n / 10000000 > YEAR_1601 ? n / 10000000 - YEAR_1601 : 1;
	else if (shadow)
		n = n > INT64_MAX / 86400 ? 0 : MAX(n * 86400, 1);
	*out = n;
	return 0;
}

struct str ldap_proxy_address(struct str value)
{
	ssize_t colon = str_find(value, ':');

	if (colon < 0 || str_find(str_sub(value, 0, (size_t)colon), '@') >= 0)
		return value;
	return str_istarts(value, "smtp:") ? str_from(value, 5) : STR_NONE;
}
