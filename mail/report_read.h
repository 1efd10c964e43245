/* SPDX-License-Identifier: ISC
 *
 * report_read.h: private to mail/: parts and fields of reports that came from outside (arf.c, bounce.c): bounded,
 * and harmless in a log.
 */
#ifndef MANSIO_MAIL_REPORT_READ_H
#define MANSIO_MAIL_REPORT_READ_H

#include "mail/mime.h"

#define REPORT_FIELDS_MAX (64 * 1024) /* of a part, and of the header of the message that it is about */
#define REPORT_TEXT_MAX 320 /* bytes of a value */

/* A value as one harmless line. */
struct str report_line_of(struct str body, struct arena *a);
/* The same, without <>. */
struct str report_address_of(struct str body, struct arena *a);
/* The begin of a part, decoded. */
struct str report_part(struct str message, const struct mime_part *p, struct arena *a);
bool mime_part_is(const struct mime_part *p, const char *type, const char *subtype);

#endif
