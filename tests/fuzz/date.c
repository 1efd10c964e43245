/* SPDX-License-Identifier: ISC
 *
 * date.c (fuzz): what parses can be printed and parses again to the same.
 */
#include "mail/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);
	struct date d, again;
	struct buf b;
	int64_t day;

	buf_init(&b, 100);
	if (!date_parse(in, &d) && d.year > 1 && d.year < 9998) {
		date_print(d.unix_time, d.zone_min, &b);
		BUG_ON(b.err || date_parse(buf_view(&b), &again));
		BUG_ON(again.unix_time != d.unix_time && d.year > 999);
	}
	buf_reset(&b);
	if (!date_imap_parse(in, &d) && d.year > 1 && d.year < 9998) {
		date_imap_print(d.unix_time, d.zone_min, &b);
		BUG_ON(date_imap_parse(buf_view(&b), &again) || again.unix_time != d.unix_time);
	}
	(void)date_imap_day(in, &day);
	buf_done(&b);
	return 0;
}
