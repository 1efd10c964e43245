/* SPDX-License-Identifier: ISC
 *
 * ldap_text.h: text of strangers and administrators in LDAP's own grammars. Pure:
 * no library, no network.
 */
#ifndef MANSIO_AUTH_LDAP_TEXT_H
#define MANSIO_AUTH_LDAP_TEXT_H

#include "base/buf.h"

/* A value inside a filter (RFC 4515 3): whatever it holds, it stays one value. */
void ldap_filter_value(struct str value, struct buf *out);
/* A value inside a DN (RFC 4514 2.4). */
void ldap_dn_value(struct str value, struct buf *out);
/* A DN from a template: %u local part, %d domain, %a both, %% a percent sign.
 * E_SYNTAX: another sign behind a %. */
int ldap_dn_template(struct str text, struct str local, struct str domain, struct str address, struct buf *out);
/* Words of an attribute that says yes: TRUE, yes, 1, active, enabled, on, in any case. */
bool ldap_says_yes(struct str value);
/* Room in bytes: "1073741824", "10G", "500 MB", Courier's "50000000S", Dovecot's "*:storage=10G" (there a plain
 * number is in KiB). E_SYNTAX: none of these. */
int ldap_quota(struct str value, uint64_t *out);
/* When an account ends, by the attribute's name: accountExpires of Active Directory (100 ns since 1601; 0 or the largest
 * number: never), shadowExpire (days since 1970; negative: never), of others a generalized time ("20261231235959Z",
 * RFC 4517 3.3.13) or Unix time. 0 and Unix time in out, 0: never; E_SYNTAX. */
int ldap_expires(struct str attr, struct str value, uint64_t *out);
/* The address in a value of proxyAddresses: "smtp:a@b", "SMTP:a@b"; other values as they are;
 * STR_NONE: of another kind of mail (X500:, sip:). */
struct str ldap_proxy_address(struct str value);

#endif
