/* SPDX-License-Identifier: ISC
 *
 * totp.c: see totp.h.
 */
#include "auth/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/rand.h"

#define KEY (TOTP_SECRET * 5 / 8)
#define RECOVERY_LETTERS 10

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char letters[] = SECRET_LETTERS;

void totp_new(char secret_out[TOTP_SECRET + 1])
{
	unsigned char byte[TOTP_SECRET];
	size_t i;

	rand_bytes(byte, sizeof(byte));
	for (i = 0; i < TOTP_SECRET; i++)
		secret_out[i] = base32[byte[i] % 32];
	secret_out[i] = '\0';
	explicit_bzero(byte, sizeof(byte));
}

static int key_of(struct str secret, unsigned char out[KEY])
{
	unsigned bits = 0;
	uint32_t value = 0;
	const char *p;
	size_t i, n = 0;

	if (secret.n != TOTP_SECRET)
		return E_SYNTAX;
	for (i = 0; i < secret.n; i++) {
		p = secret.p[i] ? strchr(base32, secret.p[i]) : NULL;
		if (!p)
			return E_SYNTAX;
		value = value << 5 | (uint32_t)(p - base32);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(value >> bits);
		}
	}
	return 0;
}

/* RFC 4226 5.3: four bytes of the HMAC, from where its last one says. */
int totp_code(struct str secret, uint64_t step, char out[TOTP_DIGITS + 1])
{
	unsigned char key[KEY], counter[8], mac[20];
	uint32_t number;
	size_t i, at;

	if (key_of(secret, key) < 0)
		return E_SYNTAX;
	for (i = 0; i < sizeof(counter); i++)
		counter[i] = (unsigned char)(step >> (56 - 8 * i));
	BUG_ON(!HMAC(EVP_sha1(), key, sizeof(key), counter, sizeof(counter), mac, NULL));
	at = mac[19] & 15;
	number = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	snprintf(out, TOTP_DIGITS + 1, "%06u", (unsigned)(number % 1000000));
	explicit_bzero(key, sizeof(key));
	return 0;
}

bool totp_check(struct str secret, struct str typed, int64_t now, uint64_t *step_out)
{
	uint64_t at = (uint64_t)MAX(now, 0) / TOTP_STEP, step;
	char bare[TOTP_DIGITS + 1] = "", code[TOTP_DIGITS + 1];
	bool good = false;
	size_t i, n = 0;

	for (i = 0; i < typed.n; i++) { /* "123 456", as telephones show it */
		if (typed.p[i] == ' ')
			continue;
		if (n == TOTP_DIGITS)
			return false;
		bare[n++] = typed.p[i];
	}
	if (n != TOTP_DIGITS)
		return false;
	for (step = at > 0 ? at - 1 : 0; step <= at + 1; step++)
		if (totp_code(secret, step, code) == 0 && CRYPTO_memcmp(code, bare, TOTP_DIGITS) == 0) {
			*step_out = step;
			good = true;
		}
	return good;
}

void totp_recovery_new(char text_out[TOTP_RECOVERY_TEXT + 1], char digest_out[SECRET_HEX + 1])
{
	size_t i;

	for (i = 0; i < TOTP_RECOVERY_TEXT; i++)
		text_out[i] = i == 5 ? '-' : letters[rand_u64() % (sizeof(letters) - 1)];
	text_out[i] = '\0';
	BUG_ON(!totp_recovery_digest(str_of(text_out), digest_out));
}

bool totp_recovery_digest(struct str typed, char digest_out[SECRET_HEX + 1])
{
	return secret_typed(typed, RECOVERY_LETTERS, digest_out);
}
