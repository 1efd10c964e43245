/* SPDX-License-Identifier: ISC
 *
 * tlsa.h: TLSA records (RFC 6698 2.1) as values, from the text of net/dns.h: "3 1 1 hex".
 */
#ifndef MANSIO_NET_TLSA_H
#define MANSIO_NET_TLSA_H

#include "base/buf.h"

#define TLSA_MAX 16384 /* bytes of one record's data that are looked at */

struct tlsa {
	uint8_t usage, selector, mtype;
	struct buf data;
};

/* 0, and out->data is the caller's to end (buf_done); E_SYNTAX. */
int tlsa_parse(struct str text, struct tlsa *out);
/* May SMTP use it (RFC 7672 3.1)? DANE-TA(2) and DANE-EE(3) with a selector and a digest that are known, of the
 * digest's length; PKIX-TA(0) and PKIX-EE(1) are not for SMTP. */
bool tlsa_usable(struct str text);

#endif
