/* SPDX-License-Identifier: ISC
 *
 * head.h: the head of an HTTP/1.1 request (RFC 9112 2, 3, 5, 6), checked before
 * libmicrohttpd sees a byte of it: where it ends and how long its body is can be
 * read in one way only, or the request is refused and the connection closed.
 */
#ifndef MANSIO_WEBADMIN_HEAD_H
#define MANSIO_WEBADMIN_HEAD_H

#include "base/str.h"

struct head {
	size_t n; /* bytes, with the empty line */
	uint64_t body; /* bytes that follow */
};

/* in: what came so far; max: longest head. 1 whole and good; 0 more is needed;
 * E_LIMIT longer than max (431); E_UNSUPPORTED a body in another framing than
 * Content-Length (411), or not HTTP/1.1 (505, *out.n is 0 then); E_SYNTAX all else (400). */
int head_check(struct str in, size_t max, struct head *out);

#endif
