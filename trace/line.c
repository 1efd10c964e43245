/* SPDX-License-Identifier: ISC
 *
 * line.c: the packet between a program and traced, and the finished line.
 */
#include "trace/line.h"

#include <time.h>

void trace_line_print(struct buf *out, int64_t unix_us, const char *program, pid_t pid,
	enum trace_level level, struct str text)
{
	static const char *const word[] = { "", "", "WARN ", "ERROR ", "" };
	time_t sec = (time_t)(unix_us / 1000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s[%d] %s", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(unix_us / 1000 % 1000), program,
		(int)pid, word[level]);
	buf_str(out, text);
}

int trace_line_parse(struct str packet, enum trace_level *level_out, struct str *text_out)
{
	struct str text;

	if (packet.n < 3 || packet.n > TRACE_LINE_MAX || packet.p[0] < '0' || packet.p[0] > '4' ||
	    packet.p[1] != ' ')
		return E_PEER;
	text = str_from(packet, 2);
	if (text.p[0] == ' ' || str_has_ctl(text) || !str_is_utf8(text))
		return E_PEER;
	*level_out = (enum trace_level)(packet.p[0] - '0');
	*text_out = text;
	return 0;
}
