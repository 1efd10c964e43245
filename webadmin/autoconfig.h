/* SPDX-License-Identifier: ISC
 *
 * autoconfig.h: what mail programs are told so that an address is all a person types. Pure: from
 * settings and a question to a document.
 *
 *   Thunderbird, KMail, Evolution  GET  config-v1.1.xml?emailaddress=ADDRESS
 *   Outlook                        POST autodiscover.xml ("POX"), GET autodiscover.json
 *   iPhone, iPad, Mac              GET  apple.mobileconfig?address=ADDRESS, and as a QR code
 *
 * The answer depends on the domain's name alone, never on who exists: it is the same for
 * known and unknown addresses, and says what the DNS says too.
 */
#ifndef MANSIO_WEBADMIN_AUTOCONFIG_H
#define MANSIO_WEBADMIN_AUTOCONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

struct autoconfig {
	const char *host; /* of all services */
	uint16_t imaps, imap, pop3s, pop3, submissions, submission; /* ports; 0: not served */
	const char *url; /* of this server's page, without a last slash */
};
void autoconfig_of(const struct conf *c, struct arena *a, struct autoconfig *out);

/* The address in a query's field of that name, or STR_NONE if there is none that could be one:
 * local part and host name, at most 254 bytes, UTF-8 without control characters. */
struct str autoconfig_address(struct str query, const char *field, struct arena *a);
/* The domain that is asked about: of the address; else of the name by which we were asked,
 * without "autoconfig." in front. */
struct str autoconfig_domain(struct str address, struct str host);

/* https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat */
void autoconfig_mozilla(const struct autoconfig *c, struct str domain, struct buf *out);

/* The address in the body of an autodiscover request, copied. 0, or E_SYNTAX: it is not one (or
 * has a DTD, is nested deeper than needed, asks for another kind of answer). */
int autodiscover_parse(struct str body, struct arena *a, struct str *address_out);
void autodiscover_xml(const struct autoconfig *c, struct str address, struct buf *out);
void autodiscover_error(struct buf *out);
/* "AutodiscoverV1" leads to the document above. False: that protocol is not spoken. */
bool autodiscover_json(const struct autoconfig *c, struct str protocol, struct buf *out);

/* A configuration profile (unsigned): mail by IMAP, sending by submission. */
void autoconfig_apple(const struct autoconfig *c, struct str address, struct buf *out);
/* The link to it as a QR code, an SVG image. E_LIMIT: too long for one. */
int autoconfig_qr(const struct autoconfig *c, struct str address, struct buf *out);

#endif
