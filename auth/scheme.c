/* SPDX-License-Identifier: ISC
 *
 * scheme.c: see scheme.h. A hash is parsed (scheme_parse.c), weighed, and only then computed. What a password
 * passed through is wiped. argon2 runs in this thread alone, whatever its lanes: the result is the same.
 */
#include "auth/scheme_private.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/password.h"
#include "base/codec.h"

const char *scheme_text(enum scheme_result r)
{
	switch (r) {
	case SCHEME_GOOD:
		return "good";
	case SCHEME_WRONG:
		return "wrong password";
	case SCHEME_UNKNOWN:
		return "the stored hash is of a scheme that is not known here";
	case SCHEME_BROKEN:
		return "the stored hash has not the form of its scheme";
	case SCHEME_COSTLY:
		return "the stored hash wants more memory or time than [auth] hash_memory and hash_work allow";
	}
	return "";
}

static enum scheme_result weigh(struct str hash, const struct scheme_limits *l, struct scheme_hash *h)
{
	enum scheme_result r = scheme_parse(hash, h);

	if (r == SCHEME_GOOD && (h->memory > l->memory || h->work > l->work))
		r = SCHEME_COSTLY;
	return r;
}

enum scheme_result scheme_inspect(struct str hash, const struct scheme_limits *l, struct scheme_limits *takes_out)
{
	struct scheme_hash h;
	enum scheme_result r = weigh(hash, l, &h);

	*takes_out = r == SCHEME_GOOD ? (struct scheme_limits){ h.memory, h.work } : (struct scheme_limits){ 0, 0 };
	OPENSSL_cleanse(&h, sizeof(h));
	return r;
}

static bool same(const struct scheme_hash *h, const unsigned char *made)
{
	return CRYPTO_memcmp(made, h->sum.p, h->sum.n) == 0;
}

/* Two sums are compared, not the passwords: so nothing is told about the length. */
static bool clear(const struct scheme_hash *h, struct str password)
{
	unsigned char a[32], b[32];

	return EVP_Digest(password.p, password.n, a, NULL, EVP_sha256(), NULL) == 1 &&
		EVP_Digest(h->sum.p, h->sum.n, b, NULL, EVP_sha256(), NULL) == 1 && CRYPTO_memcmp(a, b, sizeof(a)) == 0;
}

static bool digest(const struct scheme_hash *h, struct str password)
{
	const EVP_MD *md = EVP_get_digestbyname(h->digest);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char made[EVP_MAX_MD_SIZE];
	bool good;

	good = md && c && EVP_DigestInit_ex(c, md, NULL) == 1 &&
		(!h->salt_first || EVP_DigestUpdate(c, h->salt.p, h->salt.n) == 1) &&
		EVP_DigestUpdate(c, password.p, password.n) == 1 &&
		(h->salt_first || EVP_DigestUpdate(c, h->salt.p, h->salt.n) == 1) && EVP_DigestFinal_ex(c, made, NULL) == 1;
	EVP_MD_CTX_free(c);
	return good && same(h, made);
}

static bool crypt5(const struct scheme_hash *h, struct str password)
{
	unsigned char sum[32];
	struct buf hex;
	bool good;

	if (!h->hashed)
		return password_verify(password, h->text);
	buf_init(&hex, 64);
	EVP_Digest(password.p, password.n, sum, NULL, EVP_sha256(), NULL);
	hex_encode(str_make(sum, sizeof(sum)), &hex);
	good = password_verify(buf_view(&hex), h->text);
	buf_wipe(&hex);
	OPENSSL_cleanse(sum, sizeof(sum));
	return good;
}

static bool argon2(const struct scheme_hash *h, struct str password)
{
	unsigned char made[SCHEME_BYTES_MAX], salt[SCHEME_BYTES_MAX], phrase[PASSWORD_MAX];
	argon2_context c = { .out = made, .outlen = (uint32_t)h->sum.n, .pwd = phrase, .pwdlen = (uint32_t)password.n,
		.salt = salt, .saltlen = (uint32_t)h->salt.n, .t_cost = (uint32_t)h->rounds, .m_cost = (uint32_t)h->kib,
		.lanes = (uint32_t)h->lanes, .threads = 1, .version = (uint32_t)h->version, .flags = ARGON2_DEFAULT_FLAGS };
	bool good;

	memcpy(salt, h->salt.p, h->salt.n);
	memcpy(phrase, password.p, password.n);
	good = argon2_ctx(&c, (argon2_type)h->argon2) == ARGON2_OK && same(h, made);
	OPENSSL_cleanse(phrase, sizeof(phrase));
	return good;
}

static bool pbkdf2(const struct scheme_hash *h, struct str password, size_t n, unsigned char *out)
{
	const EVP_MD *md = EVP_get_digestbyname(h->digest);

	return md && h->rounds <= INT32_MAX && PKCS5_PBKDF2_HMAC(password.p, (int)password.n, h->salt.p, (int)h->salt.n,
		(int)h->rounds, md, (int)n, out) == 1;
}

static bool scrypt(const struct scheme_hash *h, struct str password)
{
	unsigned char made[SCHEME_BYTES_MAX];

	return EVP_PBE_scrypt(password.p, password.n, h->salt.p, h->salt.n, h->rounds, h->block, h->lanes,
		2 * h->memory + (1 << 20), made, h->sum.n) == 1 && same(h, made);
}

/* RFC 5802 3: does StoredKey follow from the password? */
static bool scram(const struct scheme_hash *h, struct str password)
{
	const EVP_MD *md = EVP_get_digestbyname(h->digest);
	unsigned char salted[EVP_MAX_MD_SIZE], client[EVP_MAX_MD_SIZE], stored[EVP_MAX_MD_SIZE];
	bool good;

	good = md && pbkdf2(h, password, h->sum.n, salted) &&
		HMAC(md, salted, (int)h->sum.n, (const unsigned char *)"Client Key", 10, client, NULL) &&
		EVP_Digest(client, h->sum.n, stored, NULL, md, NULL) == 1 && same(h, stored);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
	return good;
}

static bool compute(const struct scheme_hash *h, struct str password)
{
	unsigned char made[SCHEME_BYTES_MAX];

	switch (h->kind) {
	case SCHEME_CLEAR:
		return clear(h, password);
	case SCHEME_DIGEST:
		return digest(h, password);
	case SCHEME_CRYPT:
		return crypt5(h, password);
	case SCHEME_ARGON2:
		return argon2(h, password);
	case SCHEME_PBKDF2:
		return pbkdf2(h, password, h->sum.n, made) && same(h, made);
	case SCHEME_SCRYPT:
		return scrypt(h, password);
	case SCHEME_SCRAM:
		return scram(h, password);
	}
	return false;
}

enum scheme_result scheme_check(struct str password, struct str hash, const struct scheme_limits *l)
{
	struct scheme_hash h;
	enum scheme_result r = weigh(hash, l, &h);

	if (r == SCHEME_GOOD && (password.n == 0 || password.n > PASSWORD_MAX || str_find(password, '\0') >= 0 ||
		!compute(&h, password)))
		r = SCHEME_WRONG;
	OPENSSL_cleanse(&h, sizeof(h));
	return r;
}

bool scheme_scram_keys(struct str hash, struct buf *out)
{
	struct scheme_hash h;
	bool good = scheme_parse(hash, &h) == SCHEME_GOOD && h.kind == SCHEME_SCRAM;

	if (good) {
		buf_fmt(out, "SCRAM-SHA-%s$%llu:", strcmp(h.digest, "SHA1") == 0 ? "1" : h.digest + 3,
			(unsigned long long)h.rounds);
		base64_encode(str_make(h.salt.p, h.salt.n), out);
		buf_c(out, '$');
		base64_encode(str_make(h.sum.p, h.sum.n), out);
		buf_c(out, ':');
		base64_encode(str_make(h.server.p, h.server.n), out);
	}
	OPENSSL_cleanse(&h, sizeof(h));
	return good && !out->err;
}

bool scheme_clear(struct str hash, struct buf *out)
{
	struct scheme_hash h;
	bool good = scheme_parse(hash, &h) == SCHEME_GOOD && h.kind == SCHEME_CLEAR;

	if (good)
		buf_add(out, h.sum.p, h.sum.n);
	OPENSSL_cleanse(&h, sizeof(h));
	return good && !out->err;
}
