/* SPDX-License-Identifier: ISC
 *
 * front_smtp.c: SMTP lines before the room.
 */
#include "front/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make(data, size), line;
	size_t scanned = 0, used;
	struct smtp_line l;

	while (parse_line(rest, 8192, &scanned, &line, &used) == 1) {
		BUG_ON(line.n > 8192 || used != line.n + 2 || memchr(line.p, '\n', line.n));
		if (smtp_line_parse(line, &l) == 0 && l.verb == SMTP_AUTH)
			BUG_ON(!parse_is_mech(l.mech));
		(void)parse_is_http(line);
		rest = str_from(rest, used);
		scanned = 0;
	}
	return 0;
}
