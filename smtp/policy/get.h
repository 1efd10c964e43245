/* SPDX-License-Identifier: ISC
 *
 * get.h: one policy from its web server (RFC 8461 3.3), in a throwaway child: by the rules of net/https.h, for mta-sts.DOMAIN,
 * text/plain. And one report posted (RFC 8460 5.4), by the same rules.
 *
 * A stranger's DNS says who these servers are. Always true: a connection goes to an address of the Internet, or to one of the
 * networks of `inside`, and nowhere else; nothing but fixed words tells how it went (they are sent in reports).
 */
#ifndef MANSIO_SMTP_POLICY_GET_H
#define MANSIO_SMTP_POLICY_GET_H

#include "conf/conf.h"
#include "smtp/policy/cache.h"

struct get {
	const char *domain; /* get_policy: whose */
	struct str trust; /* PEM of who may vouch for the server */
	int resolver; /* a link to resolverd */
	uint16_t port; /* get_policy: of the server */
	int64_t wait; /* ms, for all of it */
	const struct conf_list *inside; /* networks of the inside that may be connected to */
};

/* 0; negative, and why not in words: E_TLS: its certificate; E_TEMP: the network, the server; else what came is no policy. The
 * policy's names are in the arena. */
int get_policy(const struct get *g, struct arena *a, struct sts_policy *out, char words[POLICY_WORDS]);
/* 0: a 2xx answer; negative, and why not in words. */
int get_post(const struct get *g, const char *url, const char *type, struct str body, char words[POLICY_WORDS]);

#endif
