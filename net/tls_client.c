/* SPDX-License-Identifier: ISC
 *
 * tls_client.c: TLS for connections that we open (see tls_client.h).
 *
 * The certificates are in memory before the sandbox falls: nothing is looked up in
 * folders later. A name is checked by OpenSSL's own matcher, without partial
 * wildcards; SNI (RFC 6066 3) goes out for names, never for addresses. DANE is OpenSSL's own
 * too (RFC 7671, digest agility included); which usages SMTP may have is RFC 7672 3.1.
 */
#include "net/tls_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/tls_private.h"
#include "net/tlsa.h"

struct tls_trust {
	SSL_CTX *ctx;
	size_t n;
	unsigned refs; /* beside the first */
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
	if (SSL_CTX_dane_enable(c) != 1)
		return fail("TLS library has no DANE");
	SSL_CTX_dane_set_flags(c, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7672 3.1.1 */
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
	if (!t || t->refs-- > 0)
		return;
	SSL_CTX_free(t->ctx); /* connections hold it until they end */
	free(t);
}

struct tls_trust *tls_trust_ref(struct tls_trust *t)
{
	t->refs++;
	return t;
}

size_t tls_trust_count(const struct tls_trust *t)
{
	return t->n;
}

enum check { CHECK_NOT, CHECK_TRY, CHECK_MUST };

static bool expect_name(SSL *ssl, const char *host, bool literal, enum check check)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (!literal && SSL_set_tlsext_host_name(ssl, host) != 1)
		return false;
	SSL_set_verify(ssl, check == CHECK_MUST ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (check == CHECK_NOT)
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return literal ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 : SSL_set1_host(ssl, host) == 1;
}

static struct tls *client_new(struct tls_trust *trust, int fd)
{
	struct tls *t = mem_alloc(1, sizeof *t);

	t->ssl = SSL_new(trust->ctx);
	if (t->ssl && SSL_set_fd(t->ssl, fd)) {
		SSL_set_app_data(t->ssl, t);
		SSL_set_connect_state(t->ssl);
		return t;
	}
	ERR_clear_error();
	SSL_free(t->ssl);
	free(t);
	return NULL;
}

static int refuse(struct tls *t, int err)
{
	ERR_clear_error();
	tls_free(t);
	return err;
}

static int client_connect(struct tls_trust *trust, int fd, const char *host, bool literal, enum check check, struct tls **out)
{
	struct tls *t = client_new(trust, fd);

	if (!t)
		return E_TLS;
	if (!expect_name(t->ssl, host, literal, check))
		return refuse(t, E_TLS);
	t->checked = check != CHECK_NOT;
	*out = t;
	return 0;
}

int tls_connect(struct tls_trust *trust, int fd, const char *host, bool literal, bool verify, struct tls **out)
{
	return client_connect(trust, fd, host, literal, verify ? CHECK_MUST : CHECK_NOT, out);
}

int tls_connect_try(struct tls_trust *trust, int fd, const char *host, struct tls **out)
{
	return client_connect(trust, fd, host, false, CHECK_TRY, out);
}

/* --- DANE ----------------------------------------------------------------------- */

/* True: the library takes it. What it cannot read (a full key that is none) is as if it were not there. */
static bool add_record(SSL *ssl, struct str text)
{
	struct tlsa r;
	bool good;

	if (!tlsa_usable(text) || tlsa_parse(text, &r) < 0)
		return false;
	good = SSL_dane_tlsa_add(ssl, r.usage, r.selector, r.mtype, (const unsigned char *)r.data.p, r.data.n) == 1;
	buf_done(&r.data);
	ERR_clear_error();
	return good;
}

int tls_connect_dane(struct tls_trust *trust, int fd, const char *const *names, size_t nnames, const struct str *tlsa, size_t ntlsa,
	struct tls **out)
{
	struct tls *t = client_new(trust, fd);
	size_t i, usable = 0;

	if (!t)
		return E_TLS;
	/* the first name is SNI and reference name both, the others are further ones (RFC 7672 3.2.2) */
	if (nnames == 0 || SSL_dane_enable(t->ssl, names[0]) != 1)
		return refuse(t, E_TLS);
	for (i = 1; i < nnames; i++)
		if (SSL_add1_host(t->ssl, names[i]) != 1)
			return refuse(t, E_TLS);
	for (i = 0; i < ntlsa; i++)
		usable += add_record(t->ssl, tlsa[i]);
	if (usable == 0)
		return refuse(t, E_UNSUPPORTED);
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	t->checked = true;
	*out = t;
	return 0;
}

bool tls_dane_matched(const struct tls *t, char *out, size_t n)
{
	uint8_t usage, selector, mtype;
	int depth = SSL_get0_dane_authority(t->ssl, NULL, NULL);

	if (depth < 0 || SSL_get0_dane_tlsa(t->ssl, &usage, &selector, &mtype, NULL, NULL) < 0)
		return false;
	if (depth == 0)
		snprintf(out, n, "TLSA %u %u %u (certificate)", usage, selector, mtype);
	else
		snprintf(out, n, "TLSA %u %u %u (issuer %d)", usage, selector, mtype, depth);
	return true;
}

bool tls_verified(const struct tls *t)
{
	return t->checked && SSL_get0_peer_certificate(t->ssl) && SSL_get_verify_result(t->ssl) == X509_V_OK;
}

const char *tls_refusal(const struct tls *t)
{
	long e = t->checked ? SSL_get_verify_result(t->ssl) : X509_V_OK;

	return e == X509_V_OK ? tls_error(t) : X509_verify_cert_error_string(e);
}

const char *tls_result_type(const struct tls *t)
{
	switch (t->checked ? SSL_get_verify_result(t->ssl) : X509_V_OK) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "certificate-host-mismatch";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "certificate-expired";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return "certificate-not-trusted";
	default:
		return "validation-failure";
	}
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
