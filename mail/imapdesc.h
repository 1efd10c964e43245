/* SPDX-License-Identifier: ISC
 *
 * imapdesc.h: a message described in IMAP's own words: ENVELOPE,
 * BODYSTRUCTURE, BODY (RFC 3501 7.4.2). Computed once, at delivery, and kept
 * in the store's cache file; imapd copies the bytes.
 */
#ifndef MANSIO_MAIL_IMAPDESC_H
#define MANSIO_MAIL_IMAPDESC_H

#include "mail/mime.h"

/* "(...)" parenthesised list; strings are quoted where that is possible, else
 * literals. At most 1,000 addresses a field (the rest is dropped). */
void imapdesc_envelope(const struct header *h, struct arena *a, struct buf *out);
void imapdesc_bodystructure(struct str message, const struct mime *m, bool extended, struct buf *out);
/* nstring: NIL, "quoted" or {n}literal. s.p NULL is NIL. */
void imapdesc_nstring(struct str s, struct buf *out);
/* Finds the part that a FETCH section path names: path of n numbers. Returns
 * index or -1 (RFC 3501 6.4.5: part 1 of a non-multipart is its body). */
int imapdesc_part(const struct mime *m, const uint32_t *path, size_t n);

#endif
