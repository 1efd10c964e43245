/* SPDX-License-Identifier: ISC
 *
 * http.h: HTTPS requests to the authority; the one place that knows libcurl. Blocking, one at
 * a time, in a throwaway child. https alone, no redirects followed, no proxy, certificates
 * checked against what we were given; names are looked up by resolverd.
 */
#ifndef MANSIO_ACME_HTTP_H
#define MANSIO_ACME_HTTP_H

#include "base/buf.h"

struct http;
struct http_reply {
	long status;
	struct buf body; /* E_LIMIT in its err: too long */
	char location[1024], nonce[256], retry_after[64], type[64];
	char error[320]; /* why there is no reply, if the call failed */
};

/* trust: PEM of who may vouch for the server. */
/* resolver: a link to resolverd. */
struct http *http_new(struct str trust, int resolver, int64_t wait_ms);
void http_free(struct http *h);
/* method "GET", "HEAD", "POST" (body as application/jose+json). 0; E_TEMP: no reply, r->error says why. */
int http_ask(struct http *h, const char *method, const char *url, struct str body, struct http_reply *r);
void http_reply_done(struct http_reply *r);

#endif
