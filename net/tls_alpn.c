/* SPDX-License-Identifier: ISC
 *
 * tls_alpn.c: answers tls-alpn-01 (RFC 8737): while a challenge for a name is pending, a client that
 * asks for that name and offers the protocol acme-tls/1, and nothing else, gets the
 * challenge's certificate instead of ours; with the handshake the connection is over.
 *
 * The choice is made in the ClientHello callback: at the moment when names and protocols
 * are chosen otherwise, TLS 1.2 has settled on a cipher that fits our own certificate.
 * Challenges belong to the process, not to a context, so they outlive a reload.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls_private.h"

#define CHALLENGES 128

static struct challenge {
	char name[256];
	SSL_CTX *ctx;
} pending[CHALLENGES];
static size_t npending;

/* server_name (RFC 6066 3): one name of type host_name. */
static struct str hello_name(SSL *ssl)
{
	const unsigned char *p;
	size_t n, len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 || p[2] != 0)
		return STR_NONE;
	len = (size_t)p[3] << 8 | p[4];
	return len == n - 5 ? str_make(p + 5, len) : STR_NONE;
}

/* application_layer_protocol_negotiation (RFC 7301 3.1) with acme-tls/1 alone. */
static bool offers_acme(SSL *ssl)
{
	static const char only[] = "\0\013\012" TLS_ACME;
	const unsigned char *p;
	size_t n;

	return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) == 1 &&
		n == sizeof only - 1 && memcmp(p, only, n) == 0;
}

int tls_alpn_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	struct str name;
	size_t i;

	(void)alert, (void)arg;
	if (npending == 0 || strcmp(t->service, "http") != 0 || !offers_acme(ssl))
		return SSL_CLIENT_HELLO_SUCCESS;
	name = hello_name(ssl);
	for (i = 0; i < npending; i++) {
		if (!str_ieqc(name, pending[i].name))
			continue;
		SSL_set_SSL_CTX(ssl, pending[i].ctx);
		t->acme = true;
		break;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

static void drop(size_t i)
{
	SSL_CTX_free(pending[i].ctx);
	pending[i] = pending[--npending];
}

int tls_challenge_set(const char *name, struct str cert_pem, struct str key_pem)
{
	const struct tls_certificate cert = { cert_pem, key_pem, STR("challenge") };
	SSL_CTX *ctx;
	int r;

	tls_challenge_clear(name);
	if (npending == CHALLENGES || strlen(name) >= sizeof pending[0].name)
		return E_FULL;
	r = tls_load_certificate(&cert, &ctx);
	if (r < 0)
		return r;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	snprintf(pending[npending].name, sizeof pending[0].name, "%s", name);
	pending[npending++].ctx = ctx;
	return 0;
}

void tls_challenge_clear(const char *name)
{
	size_t i;

	for (i = npending; i > 0; i--)
		if (!name || str_ieqc(str_of(name), pending[i - 1].name))
			drop(i - 1);
}

bool tls_answered_challenge(const struct tls *t)
{
	return t->acme;
}
