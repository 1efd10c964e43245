/* SPDX-License-Identifier: ISC
 *
 * cram.c: see cram.h.
 */
#include "auth/cram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"
#include "base/rand.h"

#define RANDOM 26 /* characters of rand_id: 134 bits */

void cram_challenge(struct str host, struct buf *out)
{
	char random[RANDOM + 1];

	rand_id(random, RANDOM);
	buf_fmt(out, "<%s@%.*s>", random, STRF(host));
}

/* 32 digits of hex; RFC 2195 2 has them in lower case, some clients do not. */
static int digest_read(struct str hex, unsigned char out[CRAM_DIGEST])
{
	struct buf b;
	int r = E_SYNTAX;

	buf_init(&b, CRAM_DIGEST);
	if (hex.n == 2 * CRAM_DIGEST && hex_decode(hex, &b) == 0 && b.n == CRAM_DIGEST) {
		memcpy(out, b.p, CRAM_DIGEST);
		r = 0;
	}
	buf_done(&b);
	return r;
}

int cram_read(struct str data, struct cram *out)
{
	struct cram c = { .challenge = STR("") };
	size_t at = data.n;

	/* a name may hold spaces, a digest does not */
	while (at > 0 && data.p[at - 1] != ' ')
		at--;
	if (at < 2)
		return E_SYNTAX;
	c.user = str_sub(data, 0, at - 1);
	if (str_find(c.user, '\0') >= 0 || digest_read(str_from(data, at), c.digest) < 0)
		return E_SYNTAX;
	*out = c;
	return 0;
}

int apop_read(struct str data, struct cram *out)
{
	struct str rest = data;
	struct cram c;

	c.challenge = str_cut(&rest, '\0');
	c.user = str_cut(&rest, '\0');
	if (c.challenge.n == 0 || c.user.n == 0 || digest_read(rest, c.digest) < 0)
		return E_SYNTAX;
	*out = c;
	return 0;
}

bool cram_good(const struct cram *c, struct str challenge, struct str secret)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return HMAC(EVP_md5(), secret.p, (int)secret.n, (const unsigned char *)challenge.p, challenge.n, md, &n) && n == CRAM_DIGEST &&
		CRYPTO_memcmp(md, c->digest, CRAM_DIGEST) == 0;
}

bool apop_good(const struct cram *c, struct str secret)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned n = 0;
	bool good;

	good = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1 && EVP_DigestUpdate(ctx, c->challenge.p, c->challenge.n) == 1 &&
		EVP_DigestUpdate(ctx, secret.p, secret.n) == 1 && EVP_DigestFinal_ex(ctx, md, &n) == 1 && n == CRAM_DIGEST &&
		CRYPTO_memcmp(md, c->digest, CRAM_DIGEST) == 0;
	EVP_MD_CTX_free(ctx);
	return good;
}
