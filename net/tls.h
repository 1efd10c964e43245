/* SPDX-License-Identifier: ISC
 *
 * tls.h: the one place that knows libssl. Server contexts for the door:
 * several certificates by SNI, TLS 1.2 and 1.3 (RFC 9325), resumption by
 * tickets whose keys rotate and are bound to the service, ALPN (RFC 7301;
 * a foreign protocol name ends the handshake: ALPACA), no renegotiation,
 * compression or early data. Non-blocking, over any descriptor.
 */
#ifndef MANSIO_NET_TLS_H
#define MANSIO_NET_TLS_H

#include "base/buf.h"

struct tls_context; /* certificates and options of the whole door */
struct tls; /* one connection */

struct tls_certificate {
	struct str chain_pem, key_pem; /* contents, not paths */
	struct str label; /* for messages: the configured path */
};

/* why_out: sentence for the admin on failure, in a static buffer. The ticket
 * keys of `old` (may be NULL) go on, so that sessions resume over a reload. */
int tls_context_new(const struct tls_certificate *certs, size_t n, const char *min_version,
	const struct tls_context *old, struct tls_context **out, const char **why_out);
/* The same ticket keys in several processes: drawn from a seed that was made on
 * that day (clock_unix() / 86400). Kept over a reload: a later call does nothing. */
#define TLS_SEED 32
void tls_context_seed(struct tls_context *ctx, const unsigned char seed[TLS_SEED], int64_t day);
void tls_context_free(struct tls_context *ctx);
void tls_context_ref(struct tls_context *ctx); /* each free drops one */

/* service: "imap", "pop3", "smtp", "http": ALPN name and ticket binding. */
int tls_new(struct tls_context *ctx, int fd, const char *service, struct tls **out);
void tls_free(struct tls *t);
enum tls_want { TLS_DONE = 1, TLS_WANT_READ = -2, TLS_WANT_WRITE = -3, TLS_EOF = 0, TLS_ERROR = -1 };
enum tls_want tls_handshake(struct tls *t);
/* > 0 bytes, or TLS_EOF, TLS_WANT_*, TLS_ERROR. */
ssize_t tls_read(struct tls *t, void *p, size_t n);
ssize_t tls_write(struct tls *t, const void *p, size_t n);
size_t tls_pending(const struct tls *t);
void tls_shutdown(struct tls *t); /* sends close_notify, does not wait */
const char *tls_error(const struct tls *t); /* why the last call failed */

const char *tls_version(const struct tls *t); /* "TLSv1.3" */
const char *tls_cipher(const struct tls *t);
unsigned tls_bits(const struct tls *t);
const char *tls_sni(const struct tls *t); /* "" if none */
bool tls_resumed(const struct tls *t);
/* Before the handshake of a server: the client is asked for a certificate. It need not have one,
 * and who signed it, for whom and until when does not matter: it is known by its fingerprint, for
 * what the key was proved for, and by nothing else. Sessions of clients that were not asked are not resumed. */
void tls_ask_certificate(struct tls *t);
/* The SHA-256 of the certificate that the client showed, and of its public key (SubjectPublicKeyInfo),
 * in hex; of a resumed session that of its first handshake. False: it showed none. */
#define TLS_FINGERPRINT 64
bool tls_peer_fingerprints(const struct tls *t, char certificate[TLS_FINGERPRINT + 1],
	char public_key[TLS_FINGERPRINT + 1]);
/* With the question: whose certificates are looked for (RFC 8446 4.2.4), so that a mail program picks the right one. */
struct client_ca;
void tls_name_authorities(struct tls *t, const struct client_ca *ca);
/* The certificate that the client showed and what it sent along, DER one behind the other (net/client_cert.h); of a resumed
 * session those of its first handshake. Nothing was verified but that it had the key. False: it showed none. */
bool tls_peer_chain(const struct tls *t, struct buf *out);
/* Channel bindings (RFC 5929, RFC 9266), raw bytes appended; E_UNSUPPORTED. */
int tls_binding_exporter(struct tls *t, struct buf *out);
int tls_binding_unique(struct tls *t, struct buf *out);
int tls_binding_server_end_point(struct tls *t, struct buf *out);

/* tls-alpn-01 (RFC 8737), service "http" alone: a certificate that is shown to who asks for this name
 * and offers acme-tls/1 and nothing else. Of the process: reloads do not touch it. clear:
 * NULL clears all. answered: this connection was such a one, and ends with its handshake. */
int tls_challenge_set(const char *name, struct str cert_pem, struct str key_pem);
void tls_challenge_clear(const char *name);
bool tls_answered_challenge(const struct tls *t);

#endif
