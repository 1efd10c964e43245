/* SPDX-License-Identifier: ISC
 *
 * cert.h: certificates as things: made (keys, self-signed ones, requests, the ones that
 * answer tls-alpn-01) and looked at (names, dates, fingerprint). libcrypto alone; what
 * speaks TLS is net/tls.h. Keys are ECDSA P-256, PEM without pass phrase.
 */
#ifndef MANSIO_NET_CERT_H
#define MANSIO_NET_CERT_H

#include "base/buf.h"

#define CERT_NAMES 100 /* of one certificate */
#define CERT_DIGEST 32

int cert_key_new(struct buf *pem_out);
/* A certificate for DNS names, signed by its own key. alpn: NULL, or the digest that
 * makes it an answer to tls-alpn-01 (RFC 8737 3: critical acmeIdentifier). */
int cert_self_signed(struct str key_pem, const struct str *names, size_t n, int days,
	const unsigned char alpn[CERT_DIGEST], struct buf *pem_out);
/* PKCS #10, DER, all names as subjectAltName (RFC 8555 7.4). */
int cert_request(struct str key_pem, const struct str *names, size_t n, struct buf *der_out);

struct cert_facts {
	char subject[256], issuer[256]; /* the common name, else all of it; printable */
	char names[2048]; /* subjectAltName: DNS names and addresses, comma separated */
	char fingerprint[65]; /* SHA-256, hex */
	char ari[160]; /* RFC 9773 4.1: key id and serial, base64url; "" if it has none */
	int64_t not_before, not_after; /* Unix time */
	bool self_signed;
};
/* Of the first certificate of a PEM text. E_SYNTAX. */
int cert_facts(struct str pem, struct cert_facts *out);
/* "3 1 1 hex" of the first certificate (RFC 6698, RFC 7671 5.1): usage 3 (this server's own), selector 1 (its key: that
 * stays when a certificate is renewed with it), matching 1 (SHA-256). E_SYNTAX. */
#define CERT_TLSA 72
int cert_tlsa(struct str pem, char out[CERT_TLSA]);
/* The first certificate is for that name (RFC 9525), the key in `key_pem` is its own. */
bool cert_is_for(struct str pem, const char *name);
bool cert_fits_key(struct str pem, struct str key_pem);

#endif
