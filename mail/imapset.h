/* SPDX-License-Identifier: ISC
 *
 * imapset.h: IMAP sequence sets "1:5,7,*" (RFC 3501 9) and mailbox names in
 * modified UTF-7 (RFC 3501 5.1.3).
 */
#ifndef MANSIO_MAIL_IMAPSET_H
#define MANSIO_MAIL_IMAPSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

#define IMAPSET_STAR UINT32_MAX /* "*" before it is resolved */
struct imapset_range {
	uint32_t lo, hi; /* as written, lo may be > hi until resolved */
};
struct imapset {
	struct imapset_range *r;
	size_t n;
};
#define IMAPSET_MAX 100000 /* ranges */

/* sequence-set: 1, 0, E_SYNTAX, E_LIMIT. "$" is not for here. */
int imapset_parse(struct cur *c, struct arena *a, struct imapset *out);
/* Replaces * by `last`, orders each range and the set, merges overlaps. */
void imapset_resolve(struct imapset *s, uint32_t last);
bool imapset_has(const struct imapset *s, uint32_t n); /* resolved only; log n */
void imapset_print(const struct imapset *s, struct buf *out);
/* Appends n to a compact set being printed in rising order "1:3,7": */
struct imapset_writer {
	struct buf *out;
	uint32_t lo, hi;
	bool any;
};
void imapset_write(struct imapset_writer *w, uint32_t n);
void imapset_write_end(struct imapset_writer *w);

/* Strict: E_SYNTAX for bad base64, lone surrogates, control characters. */
int mutf7_decode(struct str s, struct buf *out);
void mutf7_encode(struct str utf8, struct buf *out);

#endif
