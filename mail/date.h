/* SPDX-License-Identifier: ISC
 *
 * date.h: dates: header fields (RFC 5322 3.3 and 4.3) and IMAP (RFC 3501
 * date-time). Total functions: no input crashes, years 0..9999.
 */
#ifndef MANSIO_MAIL_DATE_H
#define MANSIO_MAIL_DATE_H

#include "base/buf.h"
#include "base/cur.h"

struct date {
	int64_t unix_time; /* UTC */
	int zone_min; /* offset as written, minutes east */
	int year, month, day; /* as written, in its own zone: for SENTBEFORE &c. */
};

/* Lenient as RFC 5322 4 asks: comments, two-digit years, named zones, missing
 * seconds. 0 or E_SYNTAX. */
int date_parse(struct str body, struct date *out);
/* "Sat, 21 Nov 2026 19:30:54 +0000" */
void date_print(int64_t unix_time, int zone_min, struct buf *out);
/* IMAP "21-Nov-2026 19:30:54 +0000" without quotes, day padded by space. */
int date_imap_parse(struct str s, struct date *out);
void date_imap_print(int64_t unix_time, int zone_min, struct buf *out);
/* IMAP "1-Feb-2026" (date in SEARCH): days since 1970-01-01. */
int date_imap_day(struct str s, int64_t *out);
int64_t date_days(int year, int month, int day); /* civil date -> days since 1970 */

#endif
