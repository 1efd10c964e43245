/* SPDX-License-Identifier: ISC
 *
 * security.h: how safe a connection to one host of a destination must be: a pure decision from what is known.
 *
 * In this order: what the admin said for this way (a route, the setting) counts as it is. Else DANE (RFC 7672), if MX and
 * addresses are proven and the host has TLSA records that are proven; else MTA-STS (RFC 8461); else whatever the server
 * offers. A look-up that failed is never taken for "there is none": the host is passed over for now. A message with
 * REQUIRETLS (RFC 8689) asks in addition that the server be verified, and its name come from somewhere safe.
 */
#ifndef MANSIO_SMTP_SEND_SECURITY_H
#define MANSIO_SMTP_SEND_SECURITY_H

#include "net/dns.h"
#include "smtp/policy/sts.h"

/* Each asks for all that those before it ask for. */
enum security_level {
	SEC_NONE, /* no TLS */
	SEC_MAY, /* TLS if it works, else in clear */
	SEC_ENCRYPT, /* TLS with whomever */
	SEC_VERIFY, /* a certificate for name[0] that an authority vouches for */
	SEC_DANE, /* a TLSA record vouches for it: net/tls_client.h tls_connect_dane(name, tlsa) */
};

/* Whose will it is: as TLS-RPT calls it (RFC 8460 4.2), "" for the admin's. */
enum security_by { SEC_BY_NOBODY, SEC_BY_ADMIN, SEC_BY_TLSA, SEC_BY_STS };

#define SECURITY_NAMES 3
#define SECURITY_NAME_TEXT 256 /* a longer one is nobody's and never fits */
#define SECURITY_TLSA 32 /* records of one host that are looked at */

struct security_facts {
	const char *domain; /* of the recipients: the next hop's name */
	const char *host; /* the MX (or the domain itself, or a route's host) */
	bool literal; /* host is an address */
	bool by_admin; /* demand is a route's or a setting's word */
	enum security_level demand;
	bool requiretls;
	bool mx_secure; /* host comes from a proven answer (or from the domain itself, proven without MX; or from the admin) */
	bool address_secure; /* so do its addresses */
	bool optional; /* the message has the field "TLS-Required: No" (RFC 8689 4.2.2): what the domain publishes does not count */
	struct str canonical; /* where the domain's CNAMEs led to, proven; empty: nowhere else */
	const char *base; /* the name whose TLSA records these are, if it is not the host's: where that leads to (RFC 7672 2.2.3) */
	const struct dns_answer *tlsa; /* to _PORT._tcp.base; NULL: not asked (security_wants_tlsa) */
	bool sts_found; /* there is a policy of the domain (MX only: never for what the admin routed) */
	enum sts_mode sts_mode;
	const struct str *sts_mx;
	size_t sts_n;
};

struct security {
	enum security_level level;
	enum security_by by;
	bool testing; /* MTA-STS on trial: tls_connect_try(name[0]), what is wrong is reported, and the mail goes */
	bool sts_mismatch; /* ... and this host is none of the policy's */
	bool refused; /* not with this host, now: code, status, words */
	int code; /* 4xx; 5xx: never by this way */
	const char *status;
	const char *result; /* of a refusal or a mismatch, RFC 8460 4.3; NULL: nothing to report */
	char name[SECURITY_NAMES][SECURITY_NAME_TEXT]; /* accepted: copies, for sessions outlive the answers that they came from */
	size_t nnames;
	struct str tlsa[SECURITY_TLSA]; /* usable ones; borrowed from the answer */
	size_t ntlsa;
	char words[320]; /* for the log: why it is so */
};

/* Should TLSA records be asked for at all? */
bool security_wants_tlsa(const struct security_facts *f);
void security_decide(const struct security_facts *f, struct security *out);
/* May a connection that was made for the one serve mail that asks for the other? The host is the same. */
bool security_same(const struct security *a, const struct security *b);
/* After the connection is there: what it was, for result and trace: "none", "TLSv1.3 opportunistic", "TLSv1.3 encrypted",
 * "TLSv1.3 verified", "TLSv1.3 MTA-STS", "TLSv1.3 DANE". version NULL: no TLS. */
void security_told(const struct security *s, const char *version, char *out, size_t n);

#endif
