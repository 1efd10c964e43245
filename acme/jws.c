/* SPDX-License-Identifier: ISC
 *
 * jws.c: signed JSON (see jws.h). An ES256 signature is r and s, 32 bytes each
 * (RFC 7518 3.4), where OpenSSL gives ASN.1.
 */
#include "acme/jws.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/codec.h"
#include "net/cert.h"

#define HALF 32 /* bytes of a coordinate, of r, of s */

struct jws_key {
	EVP_PKEY *key;
	unsigned char x[HALF], y[HALF];
};

static bool coordinate(EVP_PKEY *key, const char *name, unsigned char out[HALF])
{
	BIGNUM *n = NULL;
	bool good = EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_bn2binpad(n, out, HALF) == HALF;

	BN_free(n);
	return good;
}

struct jws_key *jws_key_new(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)MIN(pem.n, (size_t)INT32_MAX));
	struct jws_key *k = mem_alloc(1, sizeof *k);

	k->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (char *)"") : NULL;
	BIO_free(bio);
	if (!k->key || EVP_PKEY_get_bits(k->key) != 256 ||
		!coordinate(k->key, OSSL_PKEY_PARAM_EC_PUB_X, k->x) ||
		!coordinate(k->key, OSSL_PKEY_PARAM_EC_PUB_Y, k->y)) {
		jws_key_free(k);
		k = NULL;
	}
	ERR_clear_error();
	return k;
}

void jws_key_free(struct jws_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

void jws_jwk(const struct jws_key *k, struct buf *out)
{
	buf_puts(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	base64url_encode(str_make(k->x, HALF), out);
	buf_puts(out, "\",\"y\":\"");
	base64url_encode(str_make(k->y, HALF), out);
	buf_puts(out, "\"}");
}

void jws_sha256(struct str s, unsigned char out[32])
{
	BUG_ON(EVP_Digest(s.p, s.n, out, NULL, EVP_sha256(), NULL) != 1);
}

void jws_thumbprint(const struct jws_key *k, struct buf *out)
{
	unsigned char digest[32];
	struct buf jwk;

	buf_init(&jwk, 512);
	jws_jwk(k, &jwk);
	jws_sha256(buf_view(&jwk), digest);
	base64url_encode(str_make(digest, sizeof digest), out);
	buf_done(&jwk);
}

void jws_key_authorization(const struct jws_key *k, struct str token, struct buf *out)
{
	buf_str(out, token);
	buf_c(out, '.');
	jws_thumbprint(k, out);
}

/* r || s out of a DER signature. */
static int raw_signature(const unsigned char *der, size_t n, unsigned char out[2 * HALF])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, HALF) == HALF &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + HALF, HALF) == HALF;

	ECDSA_SIG_free(sig);
	return good ? 0 : E_TLS;
}

static int es256(const struct jws_key *k, struct str input, unsigned char out[2 * HALF])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[128];
	size_t n = sizeof der;
	int r = E_TLS;

	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->key) == 1 &&
		EVP_DigestSign(ctx, der, &n, (const unsigned char *)input.p, input.n) == 1)
		r = raw_signature(der, n, out);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return r;
}

/* Header and payload, encoded, with the dot between them: what is signed. */
static size_t signing_input(struct str protected_json, struct str payload, struct buf *out)
{
	size_t dot;

	base64url_encode(protected_json, out);
	dot = out->n;
	buf_c(out, '.');
	base64url_encode(payload, out);
	return dot;
}

static int object(const struct buf *input, size_t dot, struct str signature, struct buf *out)
{
	buf_fmt(out, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"", (int)dot, input->p,
		(int)(input->n - dot - 1), input->p + dot + 1);
	base64url_encode(signature, out);
	buf_puts(out, "\"}");
	return out->err;
}

int jws_sign(const struct jws_key *k, struct str protected_json, struct str payload, struct buf *out)
{
	unsigned char raw[2 * HALF];
	struct buf input;
	size_t dot;
	int r;

	buf_init(&input, 1 << 20);
	dot = signing_input(protected_json, payload, &input);
	r = input.err ? input.err : es256(k, buf_view(&input), raw);
	if (r == 0)
		r = object(&input, dot, str_make(raw, sizeof raw), out);
	buf_done(&input);
	return r;
}

int jws_mac(struct str secret, struct str protected_json, struct str payload, struct buf *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	struct buf input;
	unsigned n = 0;
	size_t dot;
	int r;

	buf_init(&input, 1 << 20);
	dot = signing_input(protected_json, payload, &input);
	r = input.err;
	if (r == 0 && !HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)input.p, input.n, md, &n))
		r = E_TLS;
	if (r == 0)
		r = object(&input, dot, str_make(md, n), out);
	buf_done(&input);
	return r;
}
