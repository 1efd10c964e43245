/* SPDX-License-Identifier: ISC
 *
 * proxy.h: the PROXY protocol, versions 1 and 2 (haproxy's specification).
 */
#ifndef MANSIO_NET_PROXY_H
#define MANSIO_NET_PROXY_H

#include "net/addr.h"

struct proxy_header {
	bool local; /* LOCAL or UNKNOWN: keep the socket's own addresses */
	struct addr src, dst;
};
#define PROXY_MAX 4096

/* bytes: what has come so far. > 0: length of the whole header; 0: more bytes
 * are needed; E_SYNTAX: no PROXY header. */
ssize_t proxy_parse(struct str bytes, struct proxy_header *out);

#endif
