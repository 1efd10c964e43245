/* SPDX-License-Identifier: ISC
 *
 * password.c: see password.h. Hashing is libxcrypt's, key derivation OpenSSL's;
 * work areas are wiped after use.
 */
#include "auth/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"

_Static_assert(PASSWORD_MAX == CRYPT_MAX_PASSPHRASE_SIZE - 1, "crypt(3) has another limit");

static const char method[] = "$y$";
static const char scram_name[] = "SCRAM-SHA-256$";
/* 32 KiB: too much for the stack of a small process, and used one at a time */
static struct crypt_data work;

bool password_valid(struct str password)
{
	return password.n > 0 && password.n <= PASSWORD_MAX && str_find(password, '\0') < 0 &&
	       str_is_utf8(password);
}

static int phrase_of(struct str password, char out[PASSWORD_MAX + 1])
{
	if (password.n > PASSWORD_MAX || str_find(password, '\0') >= 0)
		return E_SYNTAX;
	if (password.n > 0)
		memcpy(out, password.p, password.n);
	out[password.n] = '\0';
	return 0;
}

int password_hash(struct str password, unsigned cost, struct buf *out)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE], phrase[PASSWORD_MAX + 1];
	const char *hash = NULL;

	if (!password_valid(password) || phrase_of(password, phrase) < 0)
		return E_SYNTAX;
	if (crypt_gensalt_rn(method, cost, NULL, 0, setting, sizeof(setting)))
		hash = crypt_rn(phrase, setting, &work, sizeof(work));
	if (hash)
		buf_puts(out, hash);
	OPENSSL_cleanse(phrase, sizeof(phrase));
	OPENSSL_cleanse(&work, sizeof(work));
	return hash ? out->err : E_TEMP;
}

bool password_verify(struct str password, struct str hash)
{
	char setting[CRYPT_OUTPUT_SIZE], phrase[PASSWORD_MAX + 1] = "";
	const char *made;
	bool good = phrase_of(password, phrase) == 0 && hash.n > 0 && hash.n < sizeof(setting);

	snprintf(setting, sizeof(setting), "%.*s", STRF(hash));
	made = crypt_rn(phrase, setting, &work, sizeof(work));
	/* a failed crypt() gives NULL or "*0": neither is a hash */
	good = good && made && made[0] != '*' && strlen(made) == hash.n &&
	       CRYPTO_memcmp(made, hash.p, hash.n) == 0;
	OPENSSL_cleanse(phrase, sizeof(phrase));
	OPENSSL_cleanse(&work, sizeof(work));
	return good;
}

bool password_outdated(struct str hash, unsigned cost)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	ssize_t end;

	/* "$y$PARAMETERS$salt": method and parameters must be today's */
	if (!crypt_gensalt_rn(method, cost, NULL, 0, setting, sizeof(setting)))
		return false;
	end = str_find(str_from(str_of(setting), sizeof(method) - 1), '$');
	BUG_ON(end < 0);
	end += (ssize_t)sizeof(method);
	return hash.n < (size_t)end || memcmp(hash.p, setting, (size_t)end) != 0;
}

static bool hmac(const void *key, size_t nkey, struct str data, unsigned char out[SCRAM_HASH])
{
	unsigned n = SCRAM_HASH;

	return HMAC(EVP_sha256(), key, (int)nkey, (const unsigned char *)data.p, data.n, out, &n) &&
	       n == SCRAM_HASH;
}

static int scram_print(unsigned iterations, const unsigned char salt[SCRAM_SALT],
	const unsigned char stored[SCRAM_HASH], const unsigned char server[SCRAM_HASH],
	struct buf *out)
{
	buf_fmt(out, "%s%u:", scram_name, iterations);
	base64_encode(str_make(salt, SCRAM_SALT), out);
	buf_c(out, '$');
	base64_encode(str_make(stored, SCRAM_HASH), out);
	buf_c(out, ':');
	base64_encode(str_make(server, SCRAM_HASH), out);
	return out->err;
}

int scram_make(struct str password, unsigned iterations, const unsigned char salt[SCRAM_SALT],
	struct buf *out)
{
	unsigned char salted[SCRAM_HASH], client[SCRAM_HASH], stored[SCRAM_HASH], server[SCRAM_HASH];
	bool good;

	if (!password_valid(password))
		return E_SYNTAX;
	/* RFC 5802 3: SaltedPassword, ClientKey, StoredKey, ServerKey */
	good = PKCS5_PBKDF2_HMAC(password.p, (int)password.n, salt, SCRAM_SALT, (int)iterations,
		       EVP_sha256(), SCRAM_HASH, salted) == 1 &&
	       hmac(salted, SCRAM_HASH, STR("Client Key"), client) &&
	       EVP_Digest(client, SCRAM_HASH, stored, NULL, EVP_sha256(), NULL) == 1 &&
	       hmac(salted, SCRAM_HASH, STR("Server Key"), server);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
	return good ? scram_print(iterations, salt, stored, server, out) : E_TEMP;
}

int scram_invent(const unsigned char *secret, size_t nsecret, struct str name,
	unsigned iterations, struct buf *out)
{
	static const char *const use[3] = { "salt:", "stored:", "server:" };
	unsigned char made[3][SCRAM_HASH];
	struct buf b;
	bool good = true;
	size_t i;

	buf_init(&b, 64 * 1024);
	for (i = 0; i < 3; i++) {
		buf_reset(&b);
		buf_puts(&b, use[i]);
		buf_str(&b, name);
		good = good && !b.err && hmac(secret, nsecret, buf_view(&b), made[i]);
	}
	buf_done(&b);
	return good ? scram_print(iterations, made[0], made[1], made[2], out) : E_TEMP;
}

bool scram_outdated(struct str keys, unsigned iterations)
{
	char want[48];

	snprintf(want, sizeof(want), "%s%u:", scram_name, iterations);
	return !str_starts(keys, want);
}
