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

/* Has the C library read its list of conversions. The conversions themselves
 * are loaded at first use: the sandbox must leave the gconv folder readable
 * (sandbox_system_rules). */
void charset_preload(void);
bool charset_known(struct str name);
/* Appends s as UTF-8; bytes that do not convert become U+FFFD. Unknown
 * charset: E_UNSUPPORTED, nothing appended; out full: E_LIMIT, with what
 * fitted, cut between characters. */
int charset_to_utf8(struct str charset, struct str s, struct buf *out);
/* Appends UTF-8 as far as it fits, cut between characters (then E_LIMIT sticks). */
void utf8_add(struct buf *out, const void *utf8, size_t n);
/* Decodes =?charset?Q|B?text?= in an unfolded header body; what does not
 * decode stays as written. Always UTF-8 without CR, LF and NUL, at most
 * out->max bytes (then out->err is E_LIMIT). Linear. */
void encoded_words_decode(struct str body, struct buf *out);
/* RFC 2047 encoding of UTF-8 for a header, pure printable ASCII passes
 * unchanged. Encoded words are folded by CRLF SP, 76 columns at most. */
void encoded_words_encode(struct str utf8, struct buf *out);
/* Fold for i;unicode-casemap-like comparison (RFC 5051): titlecase and
 * decomposition (libunistring); broken UTF-8 passes as bytes. What does not fit
 * into out is cut (out->err is E_LIMIT). */
void charset_fold(struct str utf8, struct buf *out);

#endif
