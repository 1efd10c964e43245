/* SPDX-License-Identifier: ISC
 *
 * dsn.c: reasons as data (see dsn.h), and the reading of reply lines
 * (RFC 5321 4.2, enhanced codes RFC 2034 4).
 */
#include "mail/dsn.h"

#include <stdarg.h>

/* Whatever went into a text, it leaves as one printable line (C02, C24). */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

void dsn_set(struct dsn *why, int code, const char *status, const char *fmt, ...)
{
	va_list ap;

	why->code = code;
	snprintf(why->status, sizeof why->status, "%s", status);
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	one_line(why->text);
	why->log[0] = 0;
}

void dsn_log(struct dsn *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->log, sizeof why->log, fmt, ap);
	va_end(ap);
	one_line(why->log);
}

bool dsn_temporary(const struct dsn *why)
{
	return why->code >= 400 && why->code < 500;
}

static size_t digits(struct str s, size_t at, size_t max)
{
	size_t n = 0;

	while (n < max && at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
		n++;
	return n;
}

/* status-code = ("2"/"4"/"5") "." 1*3digit "." 1*3digit, then a space or the
 * end, and of the same class as the reply. Its length, 0 if there is none. */
static size_t status_length(struct str s, char class)
{
	size_t subject, detail;

	if (s.n < 5 || s.p[0] != class || s.p[1] != '.')
		return 0;
	subject = digits(s, 2, 3);
	if (!subject || 2 + subject >= s.n || s.p[2 + subject] != '.')
		return 0;
	detail = digits(s, 3 + subject, 3);
	if (!detail)
		return 0;
	if (3 + subject + detail < s.n && s.p[3 + subject + detail] != ' ')
		return 0;
	return 3 + subject + detail;
}

int dsn_parse_reply(struct str line, struct dsn *out, bool *more_out)
{
	struct dsn d = { 0 };
	bool more = false;
	size_t n;

	if (line.n && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (digits(line, 0, 3) != 3 || line.p[0] < '2' || line.p[0] > '5' || line.p[1] > '5')
		return E_SYNTAX;
	d.code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
	line = str_from(line, 3);
	if (line.n) {
		if (line.p[0] != ' ' && line.p[0] != '-')
			return E_SYNTAX;
		more = line.p[0] == '-';
		line = str_from(line, 1);
	}
	n = status_length(line, (char)('0' + d.code / 100));
	snprintf(d.status, sizeof d.status, "%.*s", (int)n, n ? line.p : "");
	line = str_trim(str_from(line, n));
	n = MIN(line.n, sizeof d.text - 1);
	if (n)
		memcpy(d.text, line.p, n);
	for (; n; n--) /* a NUL inside must not cut the line unseen */
		if (!d.text[n - 1])
			d.text[n - 1] = '?';
	one_line(d.text);
	*out = d;
	*more_out = more;
	return 0;
}
