/* SPDX-License-Identifier: ISC
 *
 * mime_fields.h: the values of Content-* fields (RFC 2045 5, 2183, 2231).
 * Private to mail/mime*.c.
 */
#ifndef MANSIO_MAIL_MIME_FIELDS_H
#define MANSIO_MAIL_MIME_FIELDS_H

#include "mail/mime.h"

/* "type/subtype; params". False (and nothing set): no valid type in front.
 * *cut: more than max params. */
bool mime_field_type(struct str body, size_t max, struct arena *a, struct mime_part *p, bool *cut);
void mime_field_disposition(struct str body, size_t max, struct arena *a, struct mime_part *p,
	bool *cut);
/* The first token, lower case; empty if there is none. */
struct str mime_field_token(struct str body, struct arena *a);

#endif
