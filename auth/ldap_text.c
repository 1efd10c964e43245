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

static int generalized_time(struct str value, uint64_t *out)
{
	struct tm tm = { 0 };
	const char *end;
	char s[32];
	int64_t t;

	if (value.n < 15 || value.n >= sizeof(s) || value.p[value.n - 1] != 'Z')
		return E_SYNTAX;
	snprintf(s, sizeof(s), "%.*s", STRF(value));
	end = strptime(s, "%Y%m%d%H%M%S", &tm);
	if (!end || (*end != 'Z' && *end != '.'))
		return E_SYNTAX;
	t = timegm(&tm);
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
