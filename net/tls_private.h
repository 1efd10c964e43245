/* SPDX-License-Identifier: ISC
 *
 * tls_private.h: one TLS connection, as tls.c (server side, reading and writing)
 * and tls_client.c (connections that we open) both know it. Nobody else does.
 */
#ifndef MANSIO_NET_TLS_PRIVATE_H
#define MANSIO_NET_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* RFC 9325 4.2: forward secrecy and AEAD, nothing else */
#define TLS_CIPHERS12                                                          \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"           \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"           \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct tls {
	SSL *ssl;
	struct tls_context *ctx; /* NULL: a connection that we opened */
	char service[8];
	bool dead;
	bool checked; /* a connection that we opened: its certificate was looked at */
	bool acme; /* it asks for a challenge's certificate (tls_alpn.c) */
	char error[160];
};

#define TLS_ACME "acme-tls/1"

/* tls.c: a context for one certificate, with all options of the door */
int tls_load_certificate(const struct tls_certificate *cert, SSL_CTX **out);
/* tls_alpn.c: the ClientHello callback */
int tls_alpn_hello(SSL *ssl, int *alert, void *arg);
/* tls_peer.c: callbacks of tickets: the client's chain goes along */
int tls_peer_sealed(SSL *ssl, void *arg);
SSL_TICKET_RETURN tls_peer_opened(SSL *ssl, SSL_SESSION *s, const unsigned char *name, size_t n, SSL_TICKET_STATUS status,
	void *arg);
/* cert.c */
struct cert_facts;
int cert_facts_of(struct x509_st *x, struct cert_facts *out);

#endif
