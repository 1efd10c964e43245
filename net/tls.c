/* SPDX-License-Identifier: ISC
 *
 * tls.c: TLS for the door; with tls_client.c the only file that knows libssl.
 *
 * One struct tls_context holds an SSL_CTX for each certificate; a handshake
 * begins on the first and moves to the one whose names match the SNI (RFC
 * 6066 3). What is always true:
 *   1. TLS 1.2 or newer, forward secrecy and AEAD only (RFC 9325 4.2), no
 *      renegotiation, compression or early data; nothing is asked for at a
 *      terminal, no file is read.
 *   2. A resumed session belongs to the service it was made for: the session
 *      id context is the service's name. Ticket keys live in memory only,
 *      change daily, and open tickets for two more days; they are shared
 *      over a reload (struct ticket_keys, counted), and between processes that
 *      were given the same seed: it moves on by a hash each day, and the old
 *      one is forgotten.
 *   3. A peer that names foreign protocols only in ALPN gets the fatal alert
 *      no_application_protocol (RFC 7301 3.2; ALPACA, C19).
 *   4. A client's certificate is never verified here and never needed; it proves a key, and
 *      who asks for it judges it (tls_peer.c). A ticket carries it, so that a resumed session has the
 *      identity of the first; tickets of clients that were asked and of others are two kinds.
 *   5. After TLS_EOF or TLS_ERROR nothing is read or written any more: a
 *      close_notify ends the connection, whatever the state (C04).
 */
#include "net/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/rand.h"
#include "net/tls_private.h"

#define TICKET_KEYS 3
#define TICKET_DAY 86400
struct ticket_key {
	unsigned char name[16], aes[32], mac[32];
	int64_t made; /* 0: empty */
};

struct ticket_keys {
	unsigned refs;
	struct ticket_key key[TICKET_KEYS]; /* [0] is the one that seals */
	bool seeded;
	unsigned char seed[TLS_SEED]; /* of today, if seeded */
	int64_t day;
};

struct tls_context {
	unsigned refs;
	size_t n;
	SSL_CTX **ctx;
	struct ticket_keys *keys;
};

static char why_text[512];

/* ---- ticket keys */

static void keys_free(struct ticket_keys *k)
{
	if (--k->refs > 0)
		return;
	OPENSSL_cleanse(k, sizeof *k);
	free(k);
}

/* HMAC-SHA-512 (RFC 2104) of a label, cut to n bytes. */
static void derive(const unsigned char seed[TLS_SEED], const char *label, unsigned char *out, size_t n)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	BUG_ON(!HMAC(EVP_sha512(), seed, TLS_SEED, (const unsigned char *)label, strlen(label), md, &len));
	BUG_ON(len < n);
	memcpy(out, md, n);
	OPENSSL_cleanse(md, sizeof md);
}

/* The key of the day that the seed stands at comes in front. */
static void keys_push(struct ticket_keys *k)
{
	memmove(&k->key[1], &k->key[0], sizeof k->key[0] * (TICKET_KEYS - 1));
	derive(k->seed, "name", k->key[0].name, sizeof k->key[0].name);
	derive(k->seed, "aes", k->key[0].aes, sizeof k->key[0].aes);
	derive(k->seed, "mac", k->key[0].mac, sizeof k->key[0].mac);
	k->key[0].made = 1;
}

/* A clock that was set back keeps the key that it has. */
static void keys_follow(struct ticket_keys *k)
{
	int64_t today = clock_unix() / TICKET_DAY;

	while (k->day < today) {
		derive(k->seed, "next", k->seed, sizeof k->seed);
		k->day++;
		keys_push(k);
	}
}

static void keys_rotate(struct ticket_keys *k)
{
	int64_t now = clock_mono_ms() / 1000 + 1;
	size_t i;

	if (k->seeded) {
		keys_follow(k);
		return;
	}
	if (k->key[0].made && now - k->key[0].made < TICKET_DAY)
		return;
	memmove(&k->key[1], &k->key[0], sizeof k->key[0] * (TICKET_KEYS - 1));
	rand_bytes(&k->key[0], sizeof k->key[0]);
	k->key[0].made = now;
	for (i = 1; i < TICKET_KEYS; i++)
		if (k->key[i].made && now - k->key[i].made >= TICKET_KEYS * TICKET_DAY)
			OPENSSL_cleanse(&k->key[i], sizeof k->key[i]);
}

static int ticket_init(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const struct ticket_key *k,
	unsigned char *iv, int enc)
{
	OSSL_PARAM p[3];

	p[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)k->mac, sizeof k->mac);
	p[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
	p[2] = OSSL_PARAM_construct_end();
	if (!EVP_MAC_CTX_set_params(mac, p))
		return -1;
	if (!EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, enc))
		return -1;
	return 1;
}

/* OpenSSL's contract: 1 good, 2 good and a new ticket should be sent, 0 no
 * ticket (full handshake), negative: fail the handshake. */
static int ticket_key_cb(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int enc)
{
	struct tls *t = SSL_get_app_data(ssl);
	struct ticket_keys *k = t->ctx->keys;
	size_t i;

	keys_rotate(k);
	if (enc) {
		memcpy(name, k->key[0].name, sizeof k->key[0].name);
		rand_bytes(iv, EVP_MAX_IV_LENGTH);
		return ticket_init(cipher, mac, &k->key[0], iv, 1);
	}
	for (i = 0; i < TICKET_KEYS; i++) {
		if (!k->key[i].made || memcmp(name, k->key[i].name, sizeof k->key[i].name) != 0)
			continue;
		if (ticket_init(cipher, mac, &k->key[i], iv, 0) < 0)
			return -1;
		return i == 0 ? 1 : 2;
	}
	return 0;
}

/* ---- contexts */

/* Never ask anybody for a pass phrase: an encrypted key is an error. */
static int no_passphrase(char *out, int size, int rw, void *arg)
{
	(void)out, (void)size, (void)rw, (void)arg;
	return -1;
}

static int sni_cb(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_context *ctx = arg;
	size_t i;

	(void)alert;
	if (tls_answered_challenge(SSL_get_app_data(ssl)))
		return SSL_TLSEXT_ERR_OK; /* it has its certificate already */
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	for (i = 0; i < ctx->n; i++)
		if (X509_check_host(SSL_CTX_get0_certificate(ctx->ctx[i]), name, 0,
			    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, ctx->ctx[i]);
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_NOACK; /* unknown name: the default certificate */
}

static int alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned int in_len, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);
	const char *want = t->acme ? TLS_ACME : strcmp(t->service, "http") == 0 ? "http/1.1" : t->service;
	size_t n = strlen(want), at = 0;

	(void)arg;
	while (at < in_len) {
		size_t len = in[at];

		if (len == n && at + 1 + len <= in_len && memcmp(in + at + 1, want, n) == 0) {
			*out = in + at + 1;
			*out_len = (unsigned char)len;
			return SSL_TLSEXT_ERR_OK;
		}
		at += 1 + len;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* For those that were asked (tls_ask_certificate): no chain is built, nothing is verified but
 * that the client has the key, which the handshake itself proves. */
static int any_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)store, (void)arg;
	return 1;
}

static int ctx_options(SSL_CTX *c, const char *min_version)
{
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
			SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
			SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* tickets only */
	SSL_CTX_set_max_early_data(c, 0);
	SSL_CTX_set_read_ahead(c, 1); /* header and body of a record in one read(2) */
	SSL_CTX_set_timeout(c, TICKET_DAY);
	SSL_CTX_set_default_passwd_cb(c, no_passphrase);
	SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(c, any_certificate, NULL);
	SSL_CTX_set_alpn_select_cb(c, alpn_cb, NULL);
	SSL_CTX_set_client_hello_cb(c, tls_alpn_hello, NULL);
	SSL_CTX_set_session_ticket_cb(c, tls_peer_sealed, tls_peer_opened, NULL);
	if (!SSL_CTX_set_min_proto_version(c,
		    strcmp(min_version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION) ||
		!SSL_CTX_set_cipher_list(c, TLS_CIPHERS12) ||
		!SSL_CTX_set1_groups_list(c, "X25519:P-256") ||
		!SSL_CTX_set_tlsext_ticket_key_evp_cb(c, ticket_key_cb))
		return E_TLS;
	return 0;
}

static int fail(struct str label, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	snprintf(why_text, sizeof why_text, "%.*s: %s%s%s", STRF(label), what, reason ? ": " : "",
		reason ? reason : "");
	ERR_clear_error();
	return E_TLS;
}

static int load_chain(SSL_CTX *c, const struct tls_certificate *cert)
{
	BIO *bio = BIO_new_mem_buf(cert->chain_pem.p, (int)MIN(cert->chain_pem.n, (size_t)INT32_MAX));
	X509 *x;
	int n = 0, r = 0;

	while (bio && r == 0 && (x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
		if (n++ == 0 ? SSL_CTX_use_certificate(c, x) != 1 : SSL_CTX_add1_chain_cert(c, x) != 1)
			r = fail(cert->label, "certificate is not usable");
		X509_free(x);
	}
	BIO_free(bio);
	if (r == 0 && n == 0)
		r = fail(cert->label, "no certificate in PEM form");
	ERR_clear_error(); /* the end of the file counts as an error */
	return r;
}

static int load_key(SSL_CTX *c, const struct tls_certificate *cert)
{
	BIO *bio = BIO_new_mem_buf(cert->key_pem.p, (int)MIN(cert->key_pem.n, (size_t)INT32_MAX));
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	int r = 0;

	if (!key)
		r = fail(cert->label, "no private key in PEM form (without pass phrase)");
	else if (SSL_CTX_use_PrivateKey(c, key) != 1 || SSL_CTX_check_private_key(c) != 1)
		r = fail(cert->label, "private key does not fit the certificate");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

static int load_one(const struct tls_certificate *cert, const char *min_version,
	struct tls_context *ctx, SSL_CTX **out)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	int r;

	if (!c || ctx_options(c, min_version) < 0)
		r = fail(cert->label, "TLS library refuses the options");
	else if ((r = load_chain(c, cert)) == 0)
		r = load_key(c, cert);
	if (r < 0) {
		SSL_CTX_free(c);
		return r;
	}
	SSL_CTX_set_tlsext_servername_callback(c, sni_cb);
	SSL_CTX_set_tlsext_servername_arg(c, ctx);
	*out = c;
	return 0;
}

int tls_load_certificate(const struct tls_certificate *cert, SSL_CTX **out)
{
	return load_one(cert, "1.2", NULL, out);
}

int tls_context_new(const struct tls_certificate *certs, size_t n, const char *min_version,
	const struct tls_context *old, struct tls_context **out, const char **why_out)
{
	struct tls_context *ctx;
	size_t i;
	int r;

	OPENSSL_init_ssl(0, NULL); /* reads its configuration now, before any sandbox */
	if (n == 0) {
		*why_out = "no certificate";
		return E_NOTFOUND;
	}
	ctx = mem_alloc(1, sizeof *ctx);
	ctx->refs = 1;
	ctx->ctx = mem_alloc(n, sizeof(SSL_CTX *));
	ctx->keys = old ? old->keys : mem_alloc(1, sizeof *ctx->keys);
	ctx->keys->refs++;
	for (i = 0; i < n; i++) {
		r = load_one(&certs[i], min_version, ctx, &ctx->ctx[i]);
		if (r < 0) {
			*why_out = why_text;
			tls_context_free(ctx);
			return r;
		}
		ctx->n++;
	}
	*out = ctx;
	return 0;
}

void tls_context_seed(struct tls_context *ctx, const unsigned char seed[TLS_SEED], int64_t day)
{
	struct ticket_keys *k = ctx->keys;

	if (k->seeded)
		return;
	memcpy(k->seed, seed, TLS_SEED);
	k->day = day;
	k->seeded = true;
	keys_push(k);
	keys_follow(k);
}

void tls_context_ref(struct tls_context *ctx)
{
	ctx->refs++;
}

void tls_context_free(struct tls_context *ctx)
{
	size_t i;

	if (!ctx || --ctx->refs > 0)
		return;
	for (i = 0; i < ctx->n; i++)
		SSL_CTX_free(ctx->ctx[i]);
	free(ctx->ctx);
	keys_free(ctx->keys);
	free(ctx);
}

/* ---- connections */

int tls_new(struct tls_context *ctx, int fd, const char *service, struct tls **out)
{
	struct tls *t = mem_alloc(1, sizeof *t);

	snprintf(t->service, sizeof t->service, "%s", service);
	t->ssl = SSL_new(ctx->ctx[0]);
	if (!t->ssl || !SSL_set_fd(t->ssl, fd) ||
		!SSL_set_session_id_context(t->ssl, (const unsigned char *)t->service,
			(unsigned)strlen(t->service))) {
		ERR_clear_error();
		SSL_free(t->ssl);
		free(t);
		return E_TLS;
	}
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	tls_context_ref(ctx);
	t->ctx = ctx;
	*out = t;
	return 0;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_context_free(t->ctx);
	free(t);
}

static enum tls_want dead(struct tls *t, enum tls_want w, const char *text)
{
	t->dead = true;
	snprintf(t->error, sizeof t->error, "%s", text);
	ERR_clear_error();
	return w;
}

/* What a call that returned r <= 0 means. */
static enum tls_want verdict(struct tls *t, int r)
{
	int sys = errno;
	unsigned long e;
	const char *reason;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return dead(t, TLS_EOF, "closed");
	case SSL_ERROR_SYSCALL:
		return dead(t, TLS_ERROR, sys ? err_text(-sys) : "connection cut");
	default:
		e = ERR_peek_error();
		reason = e ? ERR_reason_error_string(e) : NULL;
		return dead(t, TLS_ERROR, reason ? reason : "protocol error");
	}
}

enum tls_want tls_handshake(struct tls *t)
{
	int r;

	if (t->dead)
		return TLS_ERROR;
	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(t->ssl); /* as server or client: tls_new, tls_connect */
	return r == 1 ? TLS_DONE : verdict(t, r);
}

ssize_t tls_read(struct tls *t, void *p, size_t n)
{
	int r;

	if (t->dead)
		return TLS_ERROR;
	ERR_clear_error();
	errno = 0;
	r = SSL_read(t->ssl, p, (int)MIN(n, (size_t)INT32_MAX));
	return r > 0 ? r : (ssize_t)verdict(t, r);
}

ssize_t tls_write(struct tls *t, const void *p, size_t n)
{
	int r;

	if (t->dead)
		return TLS_ERROR;
	if (n == 0)
		return 0;
	ERR_clear_error();
	errno = 0;
	r = SSL_write(t->ssl, p, (int)MIN(n, (size_t)INT32_MAX));
	return r > 0 ? r : (ssize_t)verdict(t, r);
}

size_t tls_pending(const struct tls *t)
{
	int n = SSL_pending(t->ssl);

	if (n > 0)
		return (size_t)n;
	return SSL_has_pending(t->ssl) ? 1 : 0; /* a record read ahead, not yet opened */
}

void tls_shutdown(struct tls *t)
{
	if (t->dead || !SSL_is_init_finished(t->ssl))
		return;
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}

const char *tls_error(const struct tls *t)
{
	return t->error[0] ? t->error : "no error";
}

/* ---- facts */

const char *tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

unsigned tls_bits(const struct tls *t)
{
	int n = SSL_get_cipher_bits(t->ssl, NULL);

	return n > 0 ? (unsigned)n : 0;
}

const char *tls_sni(const struct tls *t)
{
	const char *s = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return s ? s : "";
}

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl);
}

/* RFC 9266 2: label, zero-length context, 32 bytes; below TLS 1.3 only with
 * the extended master secret (RFC 7627), else the value is not unique. */
int tls_binding_exporter(struct tls *t, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char b[32];

	if (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
		return E_UNSUPPORTED;
	if (SSL_export_keying_material(t->ssl, b, sizeof b, label, sizeof label - 1,
		    (const unsigned char *)"", 0, 1) != 1) {
		ERR_clear_error();
		return E_UNSUPPORTED;
	}
	buf_add(out, b, sizeof b);
	OPENSSL_cleanse(b, sizeof b);
	return 0;
}

/* RFC 5929 3: the first Finished message of the connection's handshake: ours if the session was resumed, else the
 * client's. Not in TLS 1.3 (RFC 9266 3), nor without the extended master secret: two connections may share it. */
int tls_binding_unique(struct tls *t, struct buf *out)
{
	unsigned char b[EVP_MAX_MD_SIZE];
	size_t n;

	if (SSL_version(t->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(t->ssl) != 1)
		return E_UNSUPPORTED;
	n = SSL_session_reused(t->ssl) ? SSL_get_finished(t->ssl, b, sizeof b) : SSL_get_peer_finished(t->ssl, b, sizeof b);
	if (n == 0 || n > sizeof b)
		return E_UNSUPPORTED;
	buf_add(out, b, n);
	return 0;
}

/* RFC 5929 4.1: hash of our certificate by its signature's hash; MD5 and
 * SHA-1 become SHA-256; a signature without a hash of its own has none. */
int tls_binding_server_end_point(struct tls *t, struct buf *out)
{
	X509 *cert = SSL_get_certificate(t->ssl);
	unsigned char digest[EVP_MAX_MD_SIZE];
	const EVP_MD *md;
	unsigned n;
	int nid;

	if (!cert || !X509_get_signature_info(cert, &nid, NULL, NULL, NULL) || nid == NID_undef)
		return E_UNSUPPORTED;
	md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
	if (!md || !X509_digest(cert, md, digest, &n)) {
		ERR_clear_error();
		return E_UNSUPPORTED;
	}
	buf_add(out, digest, n);
	return 0;
}
