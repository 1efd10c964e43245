/* SPDX-License-Identifier: ISC
 *
 * secret.c: see secret.h.
 */
#include "auth/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/codec.h"
#include "base/rand.h"

static void hex(const void *p, size_t n, char *out)
{
	struct buf b;

	buf_init(&b, 2 * n);
	hex_encode(str_make(p, n), &b);
	memcpy(out, b.p, b.n);
	out[b.n] = '\0';
	buf_wipe(&b);
}

void secret_digest(struct str secret, char out[SECRET_HEX + 1])
{
	unsigned char md[32];

	BUG_ON(EVP_Digest(secret.p ? secret.p : "", secret.n, md, NULL, EVP_sha256(), NULL) != 1);
	hex(md, sizeof(md), out);
}

void secret_new(char text_out[SECRET_TEXT + 1], char digest_out[SECRET_HEX + 1])
{
	unsigned char random[SECRET_HEX / 2];

	rand_bytes(random, sizeof(random));
	rand_id(text_out, SECRET_ID);
	text_out[SECRET_ID] = '.';
	hex(random, sizeof(random), text_out + SECRET_ID + 1);
	secret_digest(str_make(text_out + SECRET_ID + 1, SECRET_HEX), digest_out);
	explicit_bzero(random, sizeof(random));
}

bool secret_split(struct str text, struct str *id_out, struct str *secret_out)
{
	if (text.n != SECRET_TEXT || text.p[SECRET_ID] != '.')
		return false;
	*id_out = str_sub(text, 0, SECRET_ID);
	*secret_out = str_from(text, SECRET_ID + 1);
	return true;
}

bool secret_typed(struct str typed, size_t n, char digest_out[SECRET_HEX + 1])
{
	char bare[SECRET_TYPED];
	size_t i, k = 0;

	BUG_ON(n > sizeof(bare));
	for (i = 0; i < typed.n; i++) {
		char c = ascii_lower(typed.p[i]);

		if (c == '-' || c == ' ')
			continue;
		if (k == n || c == '\0' || !strchr(SECRET_LETTERS, c))
			break;
		bare[k++] = c;
	}
	if (i == typed.n && k == n)
		secret_digest(str_make(bare, k), digest_out);
	explicit_bzero(bare, sizeof(bare));
	return i == typed.n && k == n;
}

bool secret_good(struct str secret, struct str digest)
{
	char have[SECRET_HEX + 1];

	secret_digest(secret, have);
	return digest.n == SECRET_HEX && CRYPTO_memcmp(have, digest.p, SECRET_HEX) == 0;
}
