/* SPDX-License-Identifier: ISC
 *
 * codec.h: base64 (RFC 4648 4), hex, percent and xtext (RFC 3461 4)
 * encodings. Decoders are strict: E_SYNTAX on any byte outside the alphabet,
 * wrong padding or a non-canonical tail; they append to out only when all of
 * the input was good.
 */
#ifndef MANSIO_BASE_CODEC_H
#define MANSIO_BASE_CODEC_H

#include "base/buf.h"

void base64_encode(struct str in, struct buf *out);
int base64_decode(struct str in, struct buf *out);
void base64url_encode(struct str in, struct buf *out); /* RFC 4648 5, without padding (RFC 7515 2) */
int base64url_decode(struct str in, struct buf *out); /* padding may be there or not */
void hex_encode(struct str in, struct buf *out); /* lower case */
int hex_decode(struct str in, struct buf *out);
/* Escapes bytes < 0x21, 0x7f.., '%' as %XX. */
void percent_encode(struct str in, struct buf *out);
int percent_decode(struct str in, struct buf *out);
void xtext_encode(struct str in, struct buf *out);
int xtext_decode(struct str in, struct buf *out);

#endif
