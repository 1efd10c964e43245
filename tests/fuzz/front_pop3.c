/* SPDX-License-Identifier: ISC
 *
 * front_pop3.c: POP3 lines before login.
 */
#include "front/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make(data, size), line;
	size_t scanned = 0, used;
	struct pop3_line l;

	while (parse_line(rest, 8192, &scanned, &line, &used) == 1) {
		if (pop3_line_parse(line, &l) == 0) {
			BUG_ON(l.verb == POP3_PASS && l.arg.n == 0);
			BUG_ON(l.mech.n > 0 && !parse_is_mech(l.mech));
		}
		rest = str_from(rest, used);
		scanned = 0;
	}
	return 0;
}
