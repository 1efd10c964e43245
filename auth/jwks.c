/* SPDX-License-Identifier: ISC
 *
 * jwks.c: see jwks.h.
 *
 * What the algorithm of a token is allowed to be is decided by the key, not by the token (RFC 8725 3.1): there is no
 * algorithm here without a public key, so neither "none" nor an HMAC keyed with a public key can be asked for.
 */
#include "auth/jwks.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/auth.h"
#include "base/codec.h"

#define RSA_BITS_MIN 2048 /* RFC 7518 3.3 */
#define RSA_BITS_MAX 8192
#define FIELD_MAX 2048 /* bytes of a number in a key */
#define DER_MAX 160

enum kind { KIND_RSA, KIND_P256, KIND_P384, KIND_ED25519 };

static const struct algorithm {
	const char *name;
	enum kind kind;
	const EVP_MD *(*md)(void);
	bool pss;
	size_t half; /* bytes of each number of an ECDSA signature */
} algorithms[] = {
	{ "RS256", KIND_RSA, EVP_sha256, false, 0 },
	{ "RS384", KIND_RSA, EVP_sha384, false, 0 },
	{ "RS512", KIND_RSA, EVP_sha512, false, 0 },
	{ "PS256", KIND_RSA, EVP_sha256, true, 0 },
	{ "ES256", KIND_P256, EVP_sha256, false, 32 },
	{ "ES384", KIND_P384, EVP_sha384, false, 48 },
	{ "EdDSA", KIND_ED25519, NULL, false, 0 },
};

struct key {
	enum kind kind;
	char *kid, *alg; /* NULL: none said */
	EVP_PKEY *key;
};

struct jwks {
	struct key key[JWKS_KEYS_MAX];
	size_t n;
};

/* --- making keys ------------------------------------------------------------------- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *key = NULL;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A member of a key in base64url. */
static bool member(const json_t *o, const char *name, struct buf *out)
{
	const char *text = json_string_value(json_object_get(o, name));

	buf_init(out, FIELD_MAX);
	return text && base64url_decode(str_of(text), out) == 0 && out->n > 0;
}

/* RFC 7518 6.3.1 */
static EVP_PKEY *make_rsa(const json_t *o)
{
	struct buf n, e;
	bool good_n = member(o, "n", &n), good = member(o, "e", &e) && good_n;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *bn = NULL, *be = NULL;
	EVP_PKEY *key = NULL;

	if (good && bld) {
		bn = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
		be = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
		if (bn && be && BN_is_odd(bn) && BN_is_odd(be) && BN_num_bits(be) > 1 && BN_num_bits(be) <= 64 &&
			OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
			OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1)
			key = from_params("RSA", bld);
	}
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn);
	BN_free(be);
	buf_done(&n);
	buf_done(&e);
	return key;
}

/* RFC 7518 6.2.1: coordinates of just the curve's length; the point must be on it. */
static EVP_PKEY *make_ec(const json_t *o, const char *group, size_t half)
{
	struct buf x, y, point;
	bool good_x = member(o, "x", &x), good = member(o, "y", &y) && good_x;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	buf_init(&point, 2 * FIELD_MAX);
	buf_c(&point, 4); /* not compressed */
	buf_str(&point, buf_view(&x));
	buf_str(&point, buf_view(&y));
	if (good && bld && x.n == half && y.n == half &&
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1)
		key = from_params("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	buf_done(&x);
	buf_done(&y);
	buf_done(&point);
	return key;
}

/* RFC 8037 2 */
static EVP_PKEY *make_ed25519(const json_t *o)
{
	EVP_PKEY *key = NULL;
	struct buf x;

	if (member(o, "x", &x) && x.n == 32)
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p, x.n);
	buf_done(&x);
	return key;
}

/* Which of our kinds; false: none of them. */
static bool kind_of(EVP_PKEY *key, enum kind *out)
{
	char group[32] = "";
	size_t n;

	if (EVP_PKEY_is_a(key, "RSA")) {
		*out = KIND_RSA;
	} else if (EVP_PKEY_is_a(key, "ED25519")) {
		*out = KIND_ED25519;
	} else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
		   (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0)) {
		*out = strcmp(group, "prime256v1") == 0 ? KIND_P256 : KIND_P384;
	} else {
		return false;
	}
	return true;
}

/* Takes key. NULL, or what is wrong. */
static const char *add(struct jwks *k, EVP_PKEY *key, const char *kid, const char *alg)
{
	const char *why = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	enum kind kind;

	if (!key)
		return "is not well made";
	if (!kind_of(key, &kind)) {
		why = "is of a kind that signs no tokens here";
	} else if (kind == KIND_RSA && (EVP_PKEY_get_bits(key) < RSA_BITS_MIN || EVP_PKEY_get_bits(key) > RSA_BITS_MAX)) {
		why = "is an RSA key of fewer than 2048 or more than 8192 bits";
	} else if (k->n == JWKS_KEYS_MAX) {
		why = "is one too many";
	} else if (kind != KIND_ED25519) {
		ctx = EVP_PKEY_CTX_new(key, NULL);
		if (!ctx || EVP_PKEY_public_check(ctx) != 1)
			why = "is not well made";
		EVP_PKEY_CTX_free(ctx);
	}
	if (why) {
		EVP_PKEY_free(key);
		return why;
	}
	k->key[k->n++] = (struct key){ kind, kid ? mem_strdup(kid) : NULL, alg ? mem_strdup(alg) : NULL, key };
	return NULL;
}

/* --- a JWK Set --------------------------------------------------------------------- */

/* Is it for signatures (RFC 7517 4.2, 4.3)? */
static bool for_signatures(const json_t *o)
{
	const char *use = json_string_value(json_object_get(o, "use"));
	const json_t *ops = json_object_get(o, "key_ops"), *op;
	size_t i;

	if (use && strcmp(use, "sig") != 0)
		return false;
	if (!json_is_array(ops))
		return true;
	json_array_foreach (ops, i, op)
		if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0)
			return true;
	return false;
}

/* NULL: taken, or left out as of an unknown kind. */
static const char *add_jwk(struct jwks *k, const json_t *o)
{
	const char *kty = json_string_value(json_object_get(o, "kty"));
	const char *crv = json_string_value(json_object_get(o, "crv"));
	const char *kid = json_string_value(json_object_get(o, "kid"));
	const char *alg = json_string_value(json_object_get(o, "alg"));

	if (!kty)
		return "has no \"kty\"";
	if (json_object_get(o, "d") || strcmp(kty, "oct") == 0)
		return "is a secret key: only public ones belong here";
	if (!for_signatures(o))
		return NULL;
	if (strcmp(kty, "RSA") == 0)
		return add(k, make_rsa(o), kid, alg);
	if (strcmp(kty, "EC") == 0 && crv && strcmp(crv, "P-256") == 0)
		return add(k, make_ec(o, "P-256", 32), kid, alg);
	if (strcmp(kty, "EC") == 0 && crv && strcmp(crv, "P-384") == 0)
		return add(k, make_ec(o, "P-384", 48), kid, alg);
	if (strcmp(kty, "OKP") == 0 && crv && strcmp(crv, "Ed25519") == 0)
		return add(k, make_ed25519(o), kid, alg);
	return NULL;
}

static void read_set(struct jwks *k, struct str text, enum jwks_rule rule, struct buf *why)
{
	json_error_t error;
	json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	const json_t *list = json_object_get(root, "keys"), *o;
	const char *wrong = NULL;
	size_t i;

	if (!root)
		buf_fmt(why, "line %d: %s", error.line, error.text);
	else if (!json_is_array(list))
		buf_puts(why, "has no list \"keys\" (RFC 7517)");
	json_array_foreach (list, i, o) {
		wrong = json_is_object(o) ? add_jwk(k, o) : "is none";
		if (wrong && rule == JWKS_STRICT) {
			buf_fmt(why, "key %zu %s", i + 1, wrong);
			break;
		}
	}
	json_decref(root);
}

/* --- PEM --------------------------------------------------------------------------- */

static bool next_pem(struct str *rest)
{
	const struct str begin = STR("-----BEGIN PUBLIC KEY-----");
	ssize_t at = str_search(*rest, begin);

	*rest = at < 0 ? STR("") : str_from(*rest, (size_t)at + begin.n);
	return at >= 0;
}

static void read_pem(struct jwks *k, struct str text, struct buf *why)
{
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	const char *wrong = NULL;
	struct str rest = text;
	EVP_PKEY *key;

	if (str_search(text, STR("PRIVATE KEY-----")) >= 0)
		wrong = "is a secret key: only public ones belong here";
	while (!wrong && next_pem(&rest)) {
		key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
		wrong = add(k, key, NULL, NULL);
	}
	if (wrong)
		buf_fmt(why, "key %zu %s", k->n + 1, wrong);
	BIO_free(bio);
}

int jwks_read(struct str text, enum jwks_rule rule, struct buf *why, struct jwks **out)
{
	struct jwks *k = mem_alloc(1, sizeof(*k));
	size_t before = why->n;

	if (text.n > JWKS_FILE_MAX)
		buf_puts(why, "is too large");
	else if (str_starts(str_trim(text), "-----BEGIN "))
		read_pem(k, text, why);
	else
		read_set(k, text, rule, why);
	if (why->n == before && k->n == 0)
		buf_puts(why, "has no key that signs tokens: RSA, P-256, P-384 or Ed25519");
	ERR_clear_error();
	if (why->n > before) {
		jwks_free(k);
		return E_SYNTAX;
	}
	*out = k;
	return 0;
}

void jwks_free(struct jwks *k)
{
	if (!k)
		return;
	while (k->n > 0) {
		k->n--;
		free(k->key[k->n].kid);
		free(k->key[k->n].alg);
		EVP_PKEY_free(k->key[k->n].key);
	}
	free(k);
}

size_t jwks_count(const struct jwks *k)
{
	return k->n;
}

int auth_keys_check(struct str text, struct buf *why)
{
	struct jwks *k = NULL;
	int r = jwks_read(text, JWKS_STRICT, why, &k);

	jwks_free(k);
	return r;
}

/* --- signatures -------------------------------------------------------------------- */

/* RFC 7518 3.4: r and s beside each other; OpenSSL wants them as DER. 0: it is none. */
static size_t ecdsa_der(struct str raw, size_t half, unsigned char der[DER_MAX])
{
	const unsigned char *p = (const unsigned char *)raw.p;
	ECDSA_SIG *sig = raw.n == 2 * half ? ECDSA_SIG_new() : NULL;
	BIGNUM *r = sig ? BN_bin2bn(p, (int)half, NULL) : NULL;
	BIGNUM *s = sig ? BN_bin2bn(p + half, (int)half, NULL) : NULL;
	unsigned char *end = der;
	int n = 0;

	if (r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		if (i2d_ECDSA_SIG(sig, NULL) <= DER_MAX)
			n = i2d_ECDSA_SIG(sig, &end);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

static bool verify(EVP_PKEY *key, const struct algorithm *alg, struct str text, struct str signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	unsigned char der[DER_MAX];
	bool good = ctx && EVP_DigestVerifyInit(ctx, &pctx, alg->md ? alg->md() : NULL, NULL, key) == 1;

	if (good && alg->kind == KIND_RSA)
		good = EVP_PKEY_CTX_set_rsa_padding(pctx, alg->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
	if (good && alg->pss) /* RFC 7518 3.5: salt and MGF1 of the same hash */
		good = EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, alg->md()) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	if (good && alg->half) {
		signature = str_make(der, ecdsa_der(signature, alg->half, der));
		good = signature.n > 0;
	}
	good = good && EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n,
			       (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

bool jwks_verify(const struct jwks *k, struct str alg, struct str kid, struct str text, struct str signature)
{
	const struct algorithm *al = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(algorithms); i++)
		if (str_eqc(alg, algorithms[i].name))
			al = &algorithms[i];
	for (i = 0; al && i < k->n; i++) {
		const struct key *key = &k->key[i];

		if (key->kind == al->kind && (!key->alg || str_eqc(alg, key->alg)) &&
			(!key->kid || !kid.p || str_eqc(kid, key->kid)) && verify(key->key, al, text, signature))
			return true;
	}
	return false;
}

bool jwks_has(const struct jwks *k, struct str kid)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (k->key[i].kid && str_eqc(kid, k->key[i].kid))
			return true;
	return false;
}
