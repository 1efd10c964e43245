/* SPDX-License-Identifier: ISC
 *
 * tls_peer.c: the certificate of a client that was asked for one: the question, and what it showed. Nothing is verified
 * here: any_certificate of tls.c lets all of them through, so that one that counts for nothing does not cost a client its mail.
 *
 * A session's ticket has the client's own certificate in it by OpenSSL's own doing; the authorities between, which came with
 * it, are added as the ticket's data of ours (tls_peer_sealed), sealed like the rest. So a resumed session shows the chain of
 * its first handshake, and it is judged anew each time, by today's date, authorities and revocations.
 */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "net/client_cert.h"
#include "net/tls_private.h"

#define TICKET_CHAIN_MAX 8192 /* a ticket travels in a ClientHello; who has more shows the first certificate alone */

void tls_ask_certificate(struct tls *t)
{
	char context[sizeof t->service + 8];
	int n = snprintf(context, sizeof context, "%s asked", t->service);

	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	BUG_ON(!SSL_set_session_id_context(t->ssl, (const unsigned char *)context, (unsigned)n));
}

void tls_name_authorities(struct tls *t, const struct client_ca *ca)
{
	SSL_set0_CA_list(t->ssl, client_ca_names(ca));
}

static void digest_hex(const unsigned char *p, size_t n, char out[TLS_FINGERPRINT + 1])
{
	unsigned char md[32];
	size_t i;

	BUG_ON(!EVP_Q_digest(NULL, "SHA256", NULL, p, n, md, NULL));
	for (i = 0; i < sizeof md; i++)
		snprintf(out + 2 * i, 3, "%02x", md[i]);
}

bool tls_peer_fingerprints(const struct tls *t, char certificate[TLS_FINGERPRINT + 1],
	char public_key[TLS_FINGERPRINT + 1])
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);
	unsigned char *der = NULL, *key = NULL;
	int n = x ? i2d_X509(x, &der) : -1, k = x ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &key) : -1;

	if (n > 0 && k > 0) {
		digest_hex(der, (size_t)n, certificate);
		digest_hex(key, (size_t)k, public_key);
	}
	OPENSSL_free(der);
	OPENSSL_free(key);
	ERR_clear_error();
	return n > 0 && k > 0;
}

/* --- its chain ------------------------------------------------------------------------ */

static void add_der(X509 *x, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	if (n > 0)
		buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
}

/* What came behind its own certificate in this handshake; nothing if that is longer than a ticket should be. */
static void add_between(SSL *ssl, struct buf *out)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	struct buf b;
	int i;

	buf_init(&b, TICKET_CHAIN_MAX);
	for (i = 0; i < sk_X509_num(chain); i++) /* a server's has the peer's own certificate not in it */
		add_der(sk_X509_value(chain, i), &b);
	if (!b.err)
		buf_str(out, buf_view(&b));
	buf_done(&b);
}

int tls_peer_sealed(SSL *ssl, void *arg)
{
	SSL_SESSION *s = SSL_get_session(ssl);
	struct buf b;
	bool good = true;

	(void)arg;
	if (SSL_session_reused(ssl) || !SSL_SESSION_get0_peer(s))
		return 1; /* what is there stays */
	buf_init(&b, TICKET_CHAIN_MAX);
	add_between(ssl, &b);
	if (b.n > 0)
		good = SSL_SESSION_set1_ticket_appdata(s, b.p, b.n) == 1;
	buf_done(&b);
	return good;
}

SSL_TICKET_RETURN tls_peer_opened(SSL *ssl, SSL_SESSION *s, const unsigned char *name, size_t n, SSL_TICKET_STATUS status,
	void *arg)
{
	(void)ssl, (void)s, (void)name, (void)n, (void)arg;
	switch (status) {
	case SSL_TICKET_SUCCESS:
		return SSL_TICKET_RETURN_USE;
	case SSL_TICKET_SUCCESS_RENEW:
		return SSL_TICKET_RETURN_USE_RENEW;
	case SSL_TICKET_EMPTY:
	case SSL_TICKET_NO_DECRYPT:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	default:
		return SSL_TICKET_RETURN_ABORT;
	}
}

bool tls_peer_chain(const struct tls *t, struct buf *out)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);
	void *data = NULL;
	size_t n = 0;

	if (!x)
		return false;
	add_der(x, out);
	if (!SSL_session_reused(t->ssl))
		add_between(t->ssl, out);
	else if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(t->ssl), &data, &n) == 1 && n > 0)
		buf_add(out, data, n);
	ERR_clear_error();
	return true;
}
