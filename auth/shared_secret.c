/* SPDX-License-Identifier: ISC
 *
 * shared_secret.c: see shared_secret.h. Sealed is, in base64: a byte for the form, a nonce of 12 bytes, the secret, a
 * tag of 16 (NIST SP 800-38D); the number of the account is authenticated beside it. The nonce is random: 2^32 of them
 * are safe, and there is one for each time that an administrator sets a secret.
 */
#include "auth/shared_secret.h"

#include <openssl/evp.h>

#include "base/codec.h"
#include "base/rand.h"

#define FORM 1 /* of what is sealed */
#define NONCE 12
#define TAG 16
#define AROUND (1 + NONCE + TAG)

struct shared_secret_key shared_secret_key_of(struct str hex)
{
	struct shared_secret_key k = { .there = false };
	struct buf b;

	buf_init(&b, SHARED_SECRET_KEY);
	k.there = hex_decode(hex, &b) == 0 && !b.err && b.n == SHARED_SECRET_KEY;
	if (k.there)
		memcpy(k.key, b.p, SHARED_SECRET_KEY);
	buf_wipe(&b);
	return k;
}

void shared_secret_new(char text_out[SHARED_SECRET_TEXT + 1])
{
	rand_id(text_out, SHARED_SECRET_TEXT);
}

/* What the seal is bound to. */
static int bind_to(EVP_CIPHER_CTX *c, int enc, const struct shared_secret_key *k, const unsigned char *nonce, uint64_t account)
{
	char aad[64];
	int n;

	snprintf(aad, sizeof(aad), "mansio shared secret %llu", (unsigned long long)account);
	return EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, k->key, nonce, enc) == 1 &&
		EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)aad, (int)strlen(aad)) == 1 ? 0 : E_DAMAGED;
}

int shared_secret_seal(const struct shared_secret_key *k, uint64_t account, struct str secret, struct buf *out)
{
	unsigned char raw[AROUND + SHARED_SECRET_MAX] = { FORM }, *at = raw + 1 + NONCE;
	EVP_CIPHER_CTX *c;
	int n, r;

	if (!k->there)
		return E_UNSUPPORTED;
	if (secret.n == 0 || secret.n > SHARED_SECRET_MAX)
		return E_LIMIT;
	rand_bytes(raw + 1, NONCE);
	c = EVP_CIPHER_CTX_new();
	BUG_ON(!c);
	r = bind_to(c, 1, k, raw + 1, account);
	if (r == 0 && (EVP_CipherUpdate(c, at, &n, (const unsigned char *)secret.p, (int)secret.n) != 1 ||
		EVP_CipherFinal_ex(c, at + n, &n) != 1 || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, at + secret.n) != 1))
		r = E_UNSUPPORTED;
	EVP_CIPHER_CTX_free(c);
	if (r == 0)
		base64_encode(str_make(raw, AROUND + secret.n), out);
	return r;
}

/* Of raw bytes; plain has room for what they hold. */
static int open_raw(const struct shared_secret_key *k, uint64_t account, struct str raw, unsigned char *plain)
{
	const unsigned char *p = (const unsigned char *)raw.p;
	int inside = (int)(raw.n - AROUND), n, r;
	unsigned char tag[TAG];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	BUG_ON(!c);
	memcpy(tag, p + raw.n - TAG, TAG);
	r = bind_to(c, 0, k, p + 1, account);
	if (r == 0 && (EVP_CipherUpdate(c, plain, &n, p + 1 + NONCE, inside) != 1 ||
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1 || EVP_CipherFinal_ex(c, plain + n, &n) != 1))
		r = E_DAMAGED;
	EVP_CIPHER_CTX_free(c);
	return r;
}

int shared_secret_open(const struct shared_secret_key *k, uint64_t account, struct str sealed, struct buf *out)
{
	unsigned char plain[SHARED_SECRET_MAX];
	struct buf raw;
	int r = k->there ? 0 : E_UNSUPPORTED;

	buf_init(&raw, AROUND + SHARED_SECRET_MAX);
	if (r == 0 && (base64_decode(sealed, &raw) < 0 || raw.err || raw.n <= AROUND || raw.p[0] != FORM))
		r = E_DAMAGED;
	if (r == 0)
		r = open_raw(k, account, buf_view(&raw), plain);
	if (r == 0)
		buf_add(out, plain, raw.n - AROUND);
	explicit_bzero(plain, sizeof(plain));
	buf_wipe(&raw);
	return r;
}
