/* SPDX-License-Identifier: ISC
 *
 * headers.h: what every answer says to a browser, and which names we answer to.
 */
#ifndef MANSIO_WEBADMIN_HEADERS_H
#define MANSIO_WEBADMIN_HEADERS_H

#include <microhttpd.h>

#include "webadmin/web.h"

void headers_add(struct MHD_Response *r, struct str path);

/* The name in a Host or an authority: without port, lower case is not needed; STR("") if
 * it is none. */
struct str host_of(struct str authority);
/* A name of this server ([server] hostname, [web] names), localhost, or an IP address: no
 * page of a stranger's domain that was pointed at us (DNS rebinding) gets an answer. */
bool host_is_ours(struct str host, const struct web *w, struct str *why_out);
/* Origin (RFC 6454) of a request is ours: "https://" and the same Host. */
bool origin_is_ours(struct str origin, struct str host_header);

#endif
