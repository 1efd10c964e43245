/* SPDX-License-Identifier: ISC
 *
 * trust.h: what the settings let an SMTP client do that has not logged in: relay, by its
 * network or its certificate; have the mail of its domain sent on (ETRN). The door and smtpd
 * ask the same functions, so that what is offered and what is granted are one.
 */
#ifndef MANSIO_CONF_TRUST_H
#define MANSIO_CONF_TRUST_H

#include "conf/conf.h"
#include "net/addr.h"
#include "net/fingerprint.h"

struct trust_client {
	const struct addr *peer; /* family 0: unknown */
	struct str certificate, public_key; /* fingerprints, 64 digits; empty: it showed none */
};

/* [smtp] relay_networks, relay_certificates. */
bool trust_network(const struct conf *c, const struct trust_client *t);
bool trust_certificate(const struct conf *c, const struct trust_client *t);
/* Are clients asked for a certificate: on port 25, on the submission ports? */
bool trust_asks(const struct conf *c, bool submission);
/* Does its certificate stand for a login on the submission ports? */
bool trust_submits(const struct conf *c, const struct trust_client *t);
/* [smtp] etrn: may it have mail for the domain (lower case) sent on? Empty: for any at all? */
bool trust_etrn(const struct conf *c, const struct trust_client *t, struct str domain);

/* One of [smtp] etrn: DOMAIN=NETWORK, DOMAIN=FINGERPRINT. 0 or E_SYNTAX. */
struct trust_etrn {
	struct str domain;
	char fingerprint[FINGERPRINT_HEX + 1]; /* empty: net counts */
	struct addr_net net;
};
int trust_etrn_parse(struct str text, struct trust_etrn *out);

#endif
