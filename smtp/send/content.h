/* SPDX-License-Identifier: ISC
 *
 * content.h: a message on its way out, behind DATA (RFC 5321 4.5.2, 2.3.8) or in BDATs (RFC
 * 3030): read from its file piece by piece, every line ended by CRLF. Behind DATA dots are
 * doubled and the end is CRLF "." CRLF, once; a BDAT tells its exact length, for it is
 * converted before its length is said.
 *
 * What leaves has no bare CR and no bare LF, whatever the file holds: one of them
 * becomes a line end.
 */
#ifndef MANSIO_SMTP_SEND_CONTENT_H
#define MANSIO_SMTP_SEND_CONTENT_H

#include "base/buf.h"

struct content {
	int fd; /* not owned; the offset is not used. -1: the message is in `text` */
	struct str text, prepend; /* borrowed; prepend goes first */
	uint64_t at, end;
	bool chunked; /* BDAT */
	enum { CONTENT_BOL, CONTENT_TEXT, CONTENT_CR } place;
	bool ended; /* the last dot, or the last BDAT, was given */
};

/* prepend: header fields, each with CRLF; empty: none. */
void content_init(struct content *c, int fd, uint64_t offset, uint64_t size, struct str prepend);
/* The same of a message in memory. */
void content_init_text(struct content *c, struct str text, struct str prepend);
/* Appends the next piece, of some n bytes of the file. 1: that was all, the end is in; 0: more;
 * negative: the file is shorter than promised or cannot be read, nothing may follow. */
int content_more(struct content *c, size_t n, struct buf *out);
/* As content_more: "BDAT length" or "BDAT length LAST" and that piece. Once it was called, only it. */
int content_chunk(struct content *c, size_t n, struct buf *out);

struct content_facts {
	bool eight_bit; /* a byte above 127, anywhere */
	bool utf8_header; /* ... before the first empty line */
};
/* The header has one field TLS-Required, and it says "No" (RFC 8689 3). */
bool content_tls_optional(int fd, uint64_t offset, uint64_t size);
int content_scan(int fd, uint64_t offset, uint64_t size, struct content_facts *out);

#endif
