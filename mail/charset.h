/* SPDX-License-Identifier: ISC
 *
 * charset.h: conversion to UTF-8 (iconv with a list of allowed charsets, the
 * common ones built in), encoded words (RFC 2047, 2231), and the fold in
 * which searches compare.
 */
#ifndef MANSIO_MAIL_CHARSET_H
#define MANSIO_MAIL_CHARSET_H

#include "base/arena.h"
#include "base/buf.h"

/* Opens the iconv tables before the sandbox closes the file system. */
void charset_preload(void);
bool charset_known(struct str name);
/* Appends s as UTF-8; bytes that do not convert become U+FFFD. Unknown
 * charset: E_UNSUPPORTED, nothing appended. */
int charset_to_utf8(struct str charset, struct str s, struct buf *out);
/* Decodes =?charset?Q|B?text?= in an unfolded header body; what does not
 * decode stays as written. At most out->max bytes. Linear. */
void encoded_words_decode(struct str body, struct buf *out);
/* RFC 2047 encoding of UTF-8 for a header, pure ASCII passes unchanged. */
void encoded_words_encode(struct str utf8, struct buf *out);
/* Fold for i;unicode-casemap-like comparison (RFC 5051): titlecase and
 * decomposition (libunistring); broken UTF-8 passes as bytes. */
void charset_fold(struct str utf8, struct buf *out);

#endif
