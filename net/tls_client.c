/* SPDX-License-Identifier: ISC
 *
 * tls_client.c: TLS for connections that we open (see tls_client.h).
 *
 * The certificates are in memory before the sandbox falls: nothing is looked up in
 * folders later. A name is checked by OpenSSL's own matcher, without partial
 * wildcards; SNI (RFC 6066 3) goes out for names, never for addresses.
 */
#include "net/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls_private.h"

struct tls_trust {
	SSL_CTX *ctx;
	size_t n;
};

static char why_text[256];

static int fail(const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	snprintf(why_text, sizeof why_text, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return E_TLS;
}

static int set_options(SSL_CTX *c)
{
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(c, 1);
	if (!SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) || !SSL_CTX_set_cipher_list(c, TLS_CIPHERS12))
		return fail("TLS library refuses the options");
	/* a server's own certificate may stand in the list, signed by whomever */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

static int load(struct tls_trust *t, struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)MIN(pem.n, (size_t)INT32_MAX));
	X509_STORE *store = SSL_CTX_get_cert_store(t->ctx);
	int r = 0;
	X509 *x;

	while (bio && r == 0 && (x = PEM_read_bio_X509(bio, NULL, NULL, (char *)""))) {
		if (X509_STORE_add_cert(store, x) != 1)
			r = fail("a certificate is not usable");
		t->n++;
		X509_free(x);
	}
	/* the end of the text counts as an error of its own */
	if (r == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = fail("a certificate cannot be read");
	ERR_clear_error();
	BIO_free(bio);
	return r;
}

int tls_trust_new(struct str pem, struct tls_trust **out, const char **why_out)
{
	struct tls_trust *t = mem_alloc(1, sizeof *t);
	int r;

	OPENSSL_init_ssl(0, NULL); /* reads its configuration now, before any sandbox */
	ERR_clear_error();
	t->ctx = SSL_CTX_new(TLS_client_method());
	r = t->ctx ? set_options(t->ctx) : fail("TLS library");
	if (r == 0)
		r = load(t, pem);
	if (r < 0) {
		*why_out = why_text;
		tls_trust_free(t);
		return r;
	}
	*out = t;
	return 0;
}

void tls_trust_free(struct tls_trust *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx); /* connections hold it until they end */
	free(t);
}

size_t tls_trust_count(const struct tls_trust *t)
{
	return t->n;
}

static bool expect_name(SSL *ssl, const char *host, bool literal, bool verify)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (!literal && SSL_set_tlsext_host_name(ssl, host) != 1)
		return false;
	if (!verify) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		return true;
	}
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return literal ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 : SSL_set1_host(ssl, host) == 1;
}

int tls_connect(struct tls_trust *trust, int fd, const char *host, bool literal, bool verify,
	struct tls **out)
{
	struct tls *t = mem_alloc(1, sizeof *t);

	t->ssl = SSL_new(trust->ctx);
	if (!t->ssl || !SSL_set_fd(t->ssl, fd) || !expect_name(t->ssl, host, literal, verify)) {
		ERR_clear_error();
		SSL_free(t->ssl);
		free(t);
		return E_TLS;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	*out = t;
	return 0;
}

const char *tls_refusal(const struct tls *t)
{
	long e = SSL_get_verify_mode(t->ssl) == SSL_VERIFY_NONE ? X509_V_OK : SSL_get_verify_result(t->ssl);

	return e == X509_V_OK ? tls_error(t) : X509_verify_cert_error_string(e);
}

int tls_peer_facts(const struct tls *t, struct cert_facts *out)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);

	return x ? cert_facts_of(x, out) : E_NOTFOUND;
}

bool tls_peer_is_for(const struct tls *t, const char *name)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);

	return x && X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}
