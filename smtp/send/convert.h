/* SPDX-License-Identifier: ISC
 *
 * convert.h: a message with 8-bit characters as one of 7-bit text, for a server without
 * 8BITMIME (RFC 6152 3): each part that needs it gets quoted-printable or base64, what
 * surrounds it is told "7bit".
 */
#ifndef MANSIO_SMTP_SEND_CONVERT_H
#define MANSIO_SMTP_SEND_CONVERT_H

#include "base/buf.h"

/* Appends the message. 0; E_UNSUPPORTED: it may not be changed so, *why_out says what is in the way ("it is
 * signed"); E_LIMIT: more than `out` may hold. */
int convert_7bit(struct str message, struct buf *out, const char **why_out);

#endif
