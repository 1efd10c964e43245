/* SPDX-License-Identifier: ISC
 *
 * client_cert.h: certificates that stand for a login (SASL EXTERNAL): whom does the configured authority vouch for?
 * libcrypto alone, so that front (what to offer) and authd's workers (who it is) ask the same functions. That the client
 * has the key the handshake proves (net/tls.h); what is answered here is about the certificate alone.
 */
#ifndef MANSIO_NET_CLIENT_CERT_H
#define MANSIO_NET_CLIENT_CERT_H

#include "base/arena.h"
#include "base/buf.h"

#define CLIENT_CHAIN_MAX (16 * 1024) /* bytes of a client's chain: DER, its own certificate first */
#define CLIENT_AUTHORITIES 100 /* of one file */
#define CLIENT_NAMES 16 /* of one certificate */

#define CLIENT_CA_FILE_MAX (8 << 20) /* authorities and lists of revoked certificates */

struct client_ca;
/* Authorities (CERTIFICATE) and what they revoked (X509 CRL), PEM. depth: intermediate certificates at most. 0, or
 * E_SYNTAX and a sentence that says why not. Of a text with a CRL every certificate needs one of its issuer that is in
 * force; an authority between may have none. */
int client_ca_new(struct str pem, unsigned depth, struct client_ca **out, struct buf *why);
void client_ca_free(struct client_ca *ca); /* NULL: nothing */
/* The authorities' names, for the question to the client; the caller's (sk_X509_NAME_pop_free). NULL: no memory. */
struct stack_st_X509_NAME *client_ca_names(const struct client_ca *ca);

/* Does it count at that moment (RFC 5280 6; Unix time): signed, in time, not revoked, good for clients (key usage,
 * clientAuth if it has extended ones)? 0; else E_DENIED or E_SYNTAX, and why_out: for the log, static. */
int client_ca_check(const struct client_ca *ca, struct str chain, int64_t now, const char **why_out);

enum client_name { CLIENT_NAME_EMAIL, CLIENT_NAME_CN };
/* What the first certificate of a chain calls its owner: rfc822Names of its subjectAltName, or the one commonName.
 * 0 and 1 to CLIENT_NAMES names, printable UTF-8; E_NOTFOUND: none; E_SYNTAX: malformed, a NUL or control character in
 * one of them, too many, several common names. */
int client_cert_names(struct str chain, enum client_name kind, struct arena *a, struct str out[CLIENT_NAMES],
	size_t *n_out, const char **why_out);

#endif
