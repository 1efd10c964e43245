/* SPDX-License-Identifier: ISC
 *
 * key.c: keys for DKIM (see dkim.h). What an Ed25519 key signs is the SHA-256 of the text
 * (RFC 8463 3); its record holds the bare key (4.2), that of an RSA key a SubjectPublicKeyInfo
 * (RFC 6376 3.6.1; with a bare RSAPublicKey, which that RFC names too, readers cope as well).
 */
#include "smtp/verify/dkim.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/codec.h"

#define RSA_BITS 2048
#define RSA_LEAST 1024 /* RFC 8301 3.2: shorter ones do not count */
#define RSA_MOST 8192 /* ... and a longer one is there to cost time */
#define ED25519_SIZE 32

struct dkim_key {
	EVP_PKEY *key;
	enum dkim_algorithm algorithm;
};

static const char *const names[] = { [DKIM_RSA] = "rsa", [DKIM_ED25519] = "ed25519" };

const char *dkim_algorithm_name(enum dkim_algorithm a)
{
	return names[a];
}

int dkim_algorithm_parse(struct str s, enum dkim_algorithm *out)
{
	if (str_eqc(s, names[DKIM_RSA]))
		*out = DKIM_RSA;
	else if (str_eqc(s, names[DKIM_ED25519]))
		*out = DKIM_ED25519;
	else
		return E_UNSUPPORTED;
	return 0;
}

/* Takes the key over. */
static struct dkim_key *wrap(EVP_PKEY *key)
{
	int kind = key ? EVP_PKEY_get_base_id(key) : 0, bits = key ? EVP_PKEY_get_bits(key) : 0;
	struct dkim_key *k = NULL;

	if (kind == EVP_PKEY_ED25519 || (kind == EVP_PKEY_RSA && bits >= RSA_LEAST && bits <= RSA_MOST)) {
		k = mem_alloc(1, sizeof *k);
		*k = (struct dkim_key){ key, kind == EVP_PKEY_RSA ? DKIM_RSA : DKIM_ED25519 };
	} else {
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
	return k;
}

struct dkim_key *dkim_key_new(enum dkim_algorithm a)
{
	return wrap(a == DKIM_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

struct dkim_key *dkim_key_read(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)MIN(pem.n, (size_t)INT32_MAX));
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (char *)"") : NULL;

	BIO_free(bio);
	return wrap(key);
}

int dkim_key_print(const struct dkim_key *k, struct buf *pem_out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *p = NULL;
	long n;
	int r = E_TLS;

	if (bio && PEM_write_bio_PrivateKey(bio, k->key, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(bio, &p);
		if (n > 0)
			buf_add(pem_out, p, (size_t)n);
		r = pem_out->err;
	}
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

void dkim_key_free(struct dkim_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	free(k);
}

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *k)
{
	return k->algorithm;
}

void dkim_key_record(const struct dkim_key *k, struct buf *out)
{
	unsigned char raw[ED25519_SIZE], *der = NULL;
	size_t n = sizeof raw;
	int len;

	buf_fmt(out, "v=DKIM1; h=sha256; k=%s; p=", names[k->algorithm]);
	if (k->algorithm == DKIM_ED25519) {
		BUG_ON(EVP_PKEY_get_raw_public_key(k->key, raw, &n) != 1);
		base64_encode(str_make(raw, n), out);
		return;
	}
	len = i2d_PUBKEY(k->key, &der);
	BUG_ON(len <= 0);
	base64_encode(str_make(der, (size_t)len), out);
	OPENSSL_free(der);
}

/* --- records ------------------------------------------------------------------------ */

/* "sha1:sha256" has it; a tag that is not there allows everything. */
static bool list_has(struct str list, const char *word)
{
	while (list.p) {
		struct str x = str_trim(str_cut(&list, ':'));

		if (str_eqc(x, word) || str_eqc(x, "*"))
			return true;
	}
	return false;
}

static EVP_PKEY *public_rsa(struct str der)
{
	const unsigned char *p = (const unsigned char *)der.p, *q = p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);

	if (!key)
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &q, (long)der.n);
	return key;
}

static int public_key(struct str bytes, enum dkim_algorithm a, struct dkim_key **out)
{
	EVP_PKEY *key = NULL;
	struct dkim_key *k;

	if (a == DKIM_RSA)
		key = public_rsa(bytes);
	else if (bytes.n == ED25519_SIZE)
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.p, bytes.n);
	ERR_clear_error();
	if (!key)
		return E_SYNTAX;
	k = wrap(key);
	if (!k)
		return E_UNSUPPORTED;
	if (k->algorithm != a) {
		dkim_key_free(k);
		return E_SYNTAX;
	}
	*out = k;
	return 0;
}

static int record_kind(const struct dkim_tags *t, enum dkim_algorithm *out)
{
	struct str v = dkim_tag(t, "v"), k = dkim_tag(t, "k"), h = dkim_tag(t, "h"), s = dkim_tag(t, "s");

	if (v.p && (!str_eqc(v, "DKIM1") || !str_eqc(t->v[0].name, "v")))
		return E_SYNTAX;
	if ((h.p && !list_has(h, "sha256")) || (s.p && !list_has(s, "email")))
		return E_UNSUPPORTED;
	*out = DKIM_RSA;
	return k.p ? dkim_algorithm_parse(k, out) : 0;
}

int dkim_key_parse(struct str record, struct dkim_key **out)
{
	enum dkim_algorithm kind = DKIM_RSA;
	struct dkim_tags t;
	struct arena a;
	struct buf b;
	int r = dkim_tags_parse(record, &t);

	if (r == 0)
		r = record_kind(&t, &kind);
	if (r)
		return r;
	if (!dkim_tag(&t, "p").p)
		return E_SYNTAX;
	if (!dkim_tag(&t, "p").n)
		return E_NOTFOUND;
	arena_init(&a);
	buf_init(&b, 8192);
	r = base64_decode(dkim_compact(dkim_tag(&t, "p"), &a), &b);
	if (r == 0)
		r = public_key(buf_view(&b), kind, out);
	buf_done(&b);
	arena_done(&a);
	return r;
}

/* --- signatures ------------------------------------------------------------------------ */

/* What is given to the key's own function: an RSA key hashes, an Ed25519 key gets the hash. */
static struct str input(const struct dkim_key *k, struct str data, unsigned char hash[DKIM_HASH])
{
	if (k->algorithm == DKIM_RSA)
		return data;
	BUG_ON(EVP_Digest(data.p, data.n, hash, NULL, EVP_sha256(), NULL) != 1);
	return str_make(hash, DKIM_HASH);
}

static const EVP_MD *digest(const struct dkim_key *k)
{
	return k->algorithm == DKIM_RSA ? EVP_sha256() : NULL;
}

int dkim_key_sign(const struct dkim_key *k, struct str data, struct buf *out)
{
	unsigned char hash[DKIM_HASH], sig[RSA_MOST / 8];
	struct str in = input(k, data, hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = sizeof sig;
	int r = E_TLS;

	if (ctx && EVP_DigestSignInit(ctx, NULL, digest(k), NULL, k->key) == 1 &&
		EVP_DigestSign(ctx, sig, &n, (const unsigned char *)in.p, in.n) == 1) {
		buf_add(out, sig, n);
		r = out->err;
	}
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return r;
}

bool dkim_key_fits_hash(const struct dkim_key *k, const unsigned char hash[DKIM_HASH], struct str signature)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key, NULL);
	const unsigned char *sig = (const unsigned char *)signature.p;
	bool good;

	if (k->algorithm == DKIM_RSA)
		good = ctx && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
			EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
			EVP_PKEY_verify(ctx, sig, signature.n, hash, DKIM_HASH) == 1;
	else
		good = md && EVP_DigestVerifyInit(md, NULL, NULL, NULL, k->key) == 1 &&
			EVP_DigestVerify(md, sig, signature.n, hash, DKIM_HASH) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return good;
}

bool dkim_key_fits(const struct dkim_key *k, struct str data, struct str signature)
{
	unsigned char hash[DKIM_HASH];
	struct str in = input(k, data, hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, digest(k), NULL, k->key) == 1 &&
		EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, (const unsigned char *)in.p, in.n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}
