/* SPDX-License-Identifier: ISC
 *
 * password.c: see password.h. Hashing is libxcrypt's (sha256-crypt and sha512-crypt: shacrypt.c), key derivation OpenSSL's;
 * work areas are wiped after use.
 */
#include "auth/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/prepare.h"
#include "auth/shacrypt.h"
#include "base/codec.h"
#include "base/rand.h"

_Static_assert(PASSWORD_MAX == CRYPT_MAX_PASSPHRASE_SIZE - 1, "crypt(3) has another limit");

static const char method[] = "$y$";
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
	struct buf form;
	int r = E_SYNTAX;

	buf_init(&form, PASSWORD_MAX + 1);
	if (password_valid(password)) {
		prepare_password(password, &form);
		r = phrase_of(buf_view(&form), phrase);
	}
	buf_wipe(&form);
	if (r < 0)
		return r;
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
	char setting[CRYPT_OUTPUT_SIZE], phrase[PASSWORD_MAX + 1] = "", sha[SHACRYPT_SIZE];
	const char *made = sha;
	bool good = phrase_of(password, phrase) == 0 && hash.n > 0 && hash.n < sizeof(setting);

	snprintf(setting, sizeof(setting), "%.*s", STRF(hash));
	if (!shacrypt(str_of(phrase), str_of(setting), sha))
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

/* --- SCRAM ------------------------------------------------------------------------ */

static const struct kind {
	const char *mech;
	const EVP_MD *(*md)(void);
	size_t n; /* bytes of its sums */
} kinds_of[SCRAM_KINDS] = {
	{ "SCRAM-SHA-1", EVP_sha1, 20 },
	{ "SCRAM-SHA-256", EVP_sha256, 32 },
	{ "SCRAM-SHA-512", EVP_sha512, 64 },
};

unsigned scram_kind(struct str mech)
{
	size_t i;

	if (str_ends(mech, "-PLUS"))
		mech.n -= 5;
	for (i = 0; i < SCRAM_KINDS; i++)
		if (str_eqc(mech, kinds_of[i].mech))
			return 1u << i;
	return 0;
}

unsigned scram_kinds(const struct str *mech, size_t n)
{
	unsigned kinds = 0;

	while (n > 0)
		kinds |= scram_kind(mech[--n]);
	return kinds;
}

const char *scram_mech(size_t i)
{
	BUG_ON(i >= SCRAM_KINDS);
	return kinds_of[i].mech;
}

static const struct kind *kind_of(unsigned kind)
{
	size_t i;

	for (i = 0; i < SCRAM_KINDS; i++)
		if (kind == 1u << i)
			return &kinds_of[i];
	BUG_ON(true);
}

static bool hmac(const EVP_MD *md, const void *key, size_t nkey, struct str data, unsigned char out[SCRAM_HASH_MAX])
{
	return HMAC(md, key, (int)nkey, (const unsigned char *)data.p, data.n, out, NULL) != NULL;
}

static int scram_print(const struct kind *k, unsigned iterations, const unsigned char salt[SCRAM_SALT],
	const unsigned char *stored, const unsigned char *server, struct buf *out)
{
	buf_fmt(out, "%s$%u:", k->mech, iterations);
	base64_encode(str_make(salt, SCRAM_SALT), out);
	buf_c(out, '$');
	base64_encode(str_make(stored, k->n), out);
	buf_c(out, ':');
	base64_encode(str_make(server, k->n), out);
	return out->err;
}

int scram_make(struct str password, unsigned kind, unsigned iterations, const unsigned char salt[SCRAM_SALT],
	struct buf *out)
{
	unsigned char salted[SCRAM_HASH_MAX], client[SCRAM_HASH_MAX], stored[SCRAM_HASH_MAX], server[SCRAM_HASH_MAX];
	const struct kind *k = kind_of(kind);
	const EVP_MD *md = k->md();
	struct buf form;
	bool good;

	if (!password_valid(password))
		return E_SYNTAX;
	buf_init(&form, PASSWORD_MAX + 1);
	prepare_password(password, &form);
	/* RFC 5802 3: SaltedPassword, ClientKey, StoredKey, ServerKey */
	good = PKCS5_PBKDF2_HMAC(buf_cstr(&form), (int)form.n, salt, SCRAM_SALT, (int)iterations, md, (int)k->n,
		       salted) == 1 &&
	       hmac(md, salted, k->n, STR("Client Key"), client) &&
	       EVP_Digest(client, k->n, stored, NULL, md, NULL) == 1 &&
	       hmac(md, salted, k->n, STR("Server Key"), server);
	buf_wipe(&form);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
	return good ? scram_print(k, iterations, salt, stored, server, out) : E_TEMP;
}

int scram_make_all(struct str password, unsigned kinds, unsigned iterations, struct buf *out)
{
	unsigned char salt[SCRAM_SALT];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < SCRAM_KINDS; i++) {
		if (!(kinds & 1u << i))
			continue;
		rand_bytes(salt, sizeof(salt));
		if (out->n > 0)
			buf_c(out, '\n');
		r = scram_make(password, 1u << i, iterations, salt, out);
	}
	return r < 0 ? r : out->err;
}

struct str scram_find(struct str keys, unsigned kind)
{
	const char *mech = kind_of(kind)->mech;
	size_t n = strlen(mech);
	struct str line;

	while (keys.n > 0) {
		line = str_cut(&keys, '\n');
		if (str_starts(line, mech) && line.n > n && line.p[n] == '$')
			return line;
	}
	return STR_NONE;
}

int scram_invent(const unsigned char *secret, size_t nsecret, struct str name, unsigned kind,
	unsigned iterations, struct buf *out)
{
	static const char *const use[3] = { "salt:", "stored:", "server:" };
	unsigned char made[3][SCRAM_HASH_MAX];
	const struct kind *k = kind_of(kind);
	struct buf b;
	bool good = true;
	size_t i;

	buf_init(&b, 64 * 1024);
	for (i = 0; i < 3; i++) {
		buf_reset(&b);
		/* each kind of keys has a salt of its own, as real ones have */
		if (kind != SCRAM_SHA_256)
			buf_puts(&b, k->mech);
		buf_puts(&b, use[i]);
		buf_str(&b, name);
		good = good && !b.err && hmac(k->md(), secret, nsecret, buf_view(&b), made[i]);
	}
	buf_done(&b);
	return good ? scram_print(k, iterations, made[0], made[1], made[2], out) : E_TEMP;
}

bool scram_outdated(struct str keys, unsigned kinds, unsigned iterations)
{
	char want[48];
	size_t i;

	for (i = 0; i < SCRAM_KINDS; i++) {
		if (!(kinds & 1u << i))
			continue;
		snprintf(want, sizeof(want), "%s$%u:", kinds_of[i].mech, iterations);
		if (!str_starts(scram_find(keys, 1u << i), want))
			return true;
	}
	return false;
}
