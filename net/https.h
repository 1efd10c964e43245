/* SPDX-License-Identifier: ISC
 *
 * https.h: one request to a web server, in a child that has the network and nothing else: https alone, no redirects, no proxy,
 * the certificate verified for the host of the URL, a bounded size, a bounded time. libcurl is behind it.
 *
 * Always true: a connection goes to an address that resolverd names for the host and that the caller's rule allows, and nowhere
 * else; nothing but fixed words tells how it went (some of them are sent to strangers, in reports).
 */
#ifndef MANSIO_NET_HTTPS_H
#define MANSIO_NET_HTTPS_H

#include "base/buf.h"
#include "net/addr.h"

#define HTTPS_WORDS 200
#define HTTPS_TYPE 64

/* Where a connection may go: a URL of our settings leads anywhere, one of a stranger's DNS to the Internet alone. */
enum https_to {
	HTTPS_ANYWHERE,
	HTTPS_INTERNET, /* ... and to the networks of `inside` */
	HTTPS_OTHERS /* the same, but no address of this host */
};

/* The asker: what all requests have in common. Connections are kept between them. */
struct https;
struct https_rules {
	struct str trust; /* PEM of who may vouch for the server */
	int resolver; /* a link to resolverd */
	int64_t wait; /* ms, for all of a request */
	enum https_to to;
	const struct str *inside; /* networks (addr_net_parse) */
	size_t ninside;
};
void https_init(void); /* what libraries read from files: before the sandbox falls */
struct https *https_new(const struct https_rules *r); /* copied, but for inside; never NULL */
void https_free(struct https *h);

struct https_request {
	const char *url;
	const char *type; /* of the body; NULL: GET */
	struct str body;
	const char *accept; /* NULL: anything */
	const char *user, *password; /* Basic (RFC 7617), sent at once; NULL: none */
	size_t max; /* bytes of the answer */
};
struct https_reply {
	long status;
	char type[HTTPS_TYPE]; /* without parameters; empty: none, or a long one */
	int64_t max_age; /* s, of Cache-Control (RFC 9111 5.2.2.1), 0 for no-store and no-cache; -1: not said */
	struct buf body; /* E_LIMIT in its err: longer than max */
};
/* 0: there is a reply (a body that is too long is none of the caller's: E_LIMIT). Negative, and why in words: E_TLS: its
 * certificate; E_TEMP: the network, the server. https_reply_done in any case. */
int https_ask(struct https *h, const struct https_request *q, struct https_reply *r, char words[HTTPS_WORDS]);
void https_reply_done(struct https_reply *r);

#endif
