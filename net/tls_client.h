/* SPDX-License-Identifier: ISC
 *
 * tls_client.h: TLS for connections that we open: whom we trust, and the first
 * step of a connection. What follows (handshake, reading, writing, facts) is that of
 * net/tls.h. Non-blocking, TLS 1.2 and 1.3 (RFC 9325), no session is resumed.
 */
#ifndef MANSIO_NET_TLS_CLIENT_H
#define MANSIO_NET_TLS_CLIENT_H

#include "net/cert.h"
#include "net/tls.h"

struct tls_trust; /* certificates that may vouch for a server */

/* From PEM text: authorities, or servers' own certificates. What is in it but no certificate
 * is passed over. 0, also if none is left (then nobody is trusted); E_TLS with a
 * sentence in *why_out (static) if one of them cannot be read. */
int tls_trust_new(struct str pem, struct tls_trust **out, const char **why_out);
void tls_trust_free(struct tls_trust *t);
size_t tls_trust_count(const struct tls_trust *t);

/* verify: the handshake fails unless the certificate is trusted and for `host` (RFC 9525), a
 * name, or an address if literal. Else whoever answers will do. fd stays the caller's. */
int tls_connect(struct tls_trust *t, int fd, const char *host, bool literal, bool verify,
	struct tls **out);
/* Why a handshake failed: what is wrong with the certificate, if it is that. */
const char *tls_refusal(const struct tls *t);

/* What the server showed, after the handshake; is it for that name? E_NOTFOUND: nothing. */
int tls_peer_facts(const struct tls *t, struct cert_facts *out);
bool tls_peer_is_for(const struct tls *t, const char *name);

#endif
