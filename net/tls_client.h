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
/* One user more; the last of them frees it. */
struct tls_trust *tls_trust_ref(struct tls_trust *t);
void tls_trust_free(struct tls_trust *t);
size_t tls_trust_count(const struct tls_trust *t);

/* verify: the handshake fails unless the certificate is trusted and for `host` (RFC 9525), a
 * name, or an address if literal. Else whoever answers will do. fd stays the caller's. */
int tls_connect(struct tls_trust *t, int fd, const char *host, bool literal, bool verify,
	struct tls **out);
/* As tls_connect with verify for a name, but the handshake goes on with whoever answers: what would have been
 * wrong is told after it (tls_refusal, tls_verified). For policies that are on trial (RFC 8461 5). */
int tls_connect_try(struct tls_trust *t, int fd, const char *host, struct tls **out);
/* DANE (RFC 7672): the handshake fails unless one of the TLSA records ("3 1 1 hex") vouches for the server. names[0] is where
 * they were found, and goes out as SNI; a certificate below a trust anchor (DANE-TA) must be for one of the names. DANE-EE
 * asks neither for a name nor for dates. E_UNSUPPORTED: not one of the records can be used; nothing was opened. */
int tls_connect_dane(struct tls_trust *t, int fd, const char *const *names, size_t nnames, const struct str *tlsa, size_t ntlsa,
	struct tls **out);
/* Which record vouched for the server: "TLSA 3 1 1 (certificate)", "TLSA 2 0 1 (issuer 1)"; false: none did. */
bool tls_dane_matched(const struct tls *t, char *out, size_t n);
/* After the handshake: the certificate is trusted and for the name (or a record vouches for it). */
bool tls_verified(const struct tls *t);
/* Why a handshake failed: what is wrong with the certificate, if it is that. */
const char *tls_refusal(const struct tls *t);
/* The same in the words of RFC 8460 4.3: "certificate-expired". */
const char *tls_result_type(const struct tls *t);

/* What the server showed, after the handshake; is it for that name? E_NOTFOUND: nothing. */
int tls_peer_facts(const struct tls *t, struct cert_facts *out);
bool tls_peer_is_for(const struct tls *t, const char *name);

#endif
