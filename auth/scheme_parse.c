/* SPDX-License-Identifier: ISC
 *
 * scheme_parse.c: text of a stored hash to a value, and what its verification takes. Nothing is computed here.
 *
 *   hash     = "{" name [ "." encoding ] "}" text / text
 *   encoding = "HEX" / "B64" / "BASE64"            (Dovecot; names in any case)
 *
 * One table tells what a name means. A text without a name tells its scheme by how it begins ("$6$", "$argon2id$",
 * "pbkdf2_sha256$"); one of 13 characters is the oldest crypt(3). Sums without an encoding are hex where they
 * have just that length, else base64: so {MD5}, {SHA} and the like are read as Dovecot, Courier and OpenLDAP
 * write them.
 */
#include "auth/scheme_private.h"

#include <argon2.h>

#include "auth/shacrypt.h"
#include "base/codec.h"
#include "base/cur.h"

typedef enum scheme_result parse_fn(struct str text, const char *digest, struct scheme_hash *h);

enum encoding { AS_IT_IS, HEX, BASE64, GUESS };

#define ROUNDS_MAX 4294967295u

/* --- pieces ----------------------------------------------------------------------- */

static bool bytes_set(struct scheme_bytes *to, struct str s)
{
	if (s.n > sizeof(to->p))
		return false;
	if (s.n > 0)
		memcpy(to->p, s.p, s.n);
	to->n = s.n;
	return true;
}

static bool is_hex(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
			return false;
	return s.n % 2 == 0;
}

/* Base64 with or without its padding, and with "." for "+" as passlib and OpenLDAP have it. */
static bool bytes_base64(struct scheme_bytes *to, struct str s)
{
	struct buf padded, raw;
	bool good;
	size_t i;

	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	buf_init(&padded, SCHEME_TEXT_MAX + 4);
	buf_init(&raw, SCHEME_BYTES_MAX);
	for (i = 0; i < s.n; i++)
		buf_c(&padded, s.p[i] == '.' ? '+' : s.p[i]);
	while (padded.n % 4 && !padded.err)
		buf_c(&padded, '=');
	good = !padded.err && base64_decode(buf_view(&padded), &raw) == 0 && bytes_set(to, buf_view(&raw));
	buf_wipe(&padded);
	buf_wipe(&raw);
	return good;
}

static bool bytes_hex(struct scheme_bytes *to, struct str s)
{
	struct buf raw;
	bool good;
	char low[2 * SCHEME_BYTES_MAX];
	size_t i;

	if (!is_hex(s) || s.n > sizeof(low))
		return false;
	for (i = 0; i < s.n; i++)
		low[i] = ascii_lower(s.p[i]);
	buf_init(&raw, SCHEME_BYTES_MAX);
	good = hex_decode(str_make(low, s.n), &raw) == 0 && bytes_set(to, buf_view(&raw));
	buf_wipe(&raw);
	return good;
}

static bool bytes_decode(struct scheme_bytes *to, struct str s, enum encoding e, size_t nsum)
{
	if (e == GUESS)
		e = s.n == 2 * nsum && is_hex(s) ? HEX : BASE64;
	return e == HEX ? bytes_hex(to, s) : e == BASE64 ? bytes_base64(to, s) : bytes_set(to, s);
}

/* A number and the character behind it. */
static bool number(struct str *rest, char end, uint64_t *out)
{
	return str_u64(str_cut(rest, end), ROUNDS_MAX, out) == 0;
}

static size_t sum_size(const char *digest)
{
	static const struct {
		const char *digest;
		size_t n;
	} sizes[] = { { "MD5", 16 }, { "SHA1", 20 }, { "SHA224", 28 }, { "SHA256", 32 }, { "SHA384", 48 }, { "SHA512", 64 } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++)
		if (strcmp(sizes[i].digest, digest) == 0)
			return sizes[i].n;
	return 0;
}

/* --- sums --------------------------------------------------------------------------- */

/* digest(password), or digest(password salt) salt */
static enum scheme_result sum_of(struct scheme_hash *h, const char *digest, struct str text, enum encoding e, bool salted)
{
	size_t n = sum_size(digest);

	h->kind = SCHEME_DIGEST;
	h->digest = digest;
	if (!bytes_decode(&h->sum, text, e, salted ? SIZE_MAX : n) || (salted ? h->sum.n <= n : h->sum.n != n))
		return SCHEME_BROKEN;
	if (!bytes_set(&h->salt, str_make(h->sum.p + n, h->sum.n - n)))
		return SCHEME_BROKEN;
	h->sum.n = n;
	return SCHEME_GOOD;
}

/* Django's oldest: "salt$hex" of digest(salt password) */
static enum scheme_result salted_hex(struct str text, const char *digest, struct scheme_hash *h)
{
	h->kind = SCHEME_DIGEST;
	h->digest = digest;
	h->salt_first = true;
	if (!bytes_set(&h->salt, str_cut(&text, '$')) || !bytes_hex(&h->sum, text) || h->sum.n != sum_size(digest))
		return SCHEME_BROKEN;
	return SCHEME_GOOD;
}

/* --- PBKDF2, SCRAM ------------------------------------------------------------------- */

static enum scheme_result pbkdf2_done(struct scheme_hash *h, const char *digest)
{
	h->kind = SCHEME_PBKDF2;
	h->digest = digest;
	h->work = h->rounds;
	return h->rounds > 0 && h->sum.n == sum_size(digest) ? SCHEME_GOOD : SCHEME_BROKEN;
}

/* Dovecot: "$1$salt$rounds$hex" */
static enum scheme_result pbkdf2_dovecot(struct str text, struct scheme_hash *h)
{
	text = str_from(text, 3);
	if (!bytes_set(&h->salt, str_cut(&text, '$')) || !number(&text, '$', &h->rounds) || !bytes_hex(&h->sum, text))
		return SCHEME_BROKEN;
	return pbkdf2_done(h, "SHA1");
}

/* OpenLDAP and passlib: "rounds$salt$sum", both in base64 */
static enum scheme_result pbkdf2_ldap(struct str text, const char *digest, struct scheme_hash *h)
{
	if (str_starts(text, "$1$"))
		return pbkdf2_dovecot(text, h);
	if (!number(&text, '$', &h->rounds) || !bytes_base64(&h->salt, str_cut(&text, '$')) || !bytes_base64(&h->sum, text))
		return SCHEME_BROKEN;
	return pbkdf2_done(h, digest);
}

/* Django: "rounds$salt$sum", the salt as it is */
static enum scheme_result pbkdf2_django(struct str text, const char *digest, struct scheme_hash *h)
{
	if (!number(&text, '$', &h->rounds) || !bytes_set(&h->salt, str_cut(&text, '$')) || !bytes_base64(&h->sum, text))
		return SCHEME_BROKEN;
	return pbkdf2_done(h, digest);
}

/* RFC 5803 3 "iterations:salt$stored:server"; Dovecot "iterations,salt,stored,server" */
static enum scheme_result scram(struct str text, const char *digest, struct scheme_hash *h)
{
	bool commas = str_find(text, ',') >= 0;
	size_t n = sum_size(digest);

	h->kind = SCHEME_SCRAM;
	h->digest = digest;
	if (!number(&text, commas ? ',' : ':', &h->rounds) || !bytes_base64(&h->salt, str_cut(&text, commas ? ',' : '$')) ||
		!bytes_base64(&h->sum, str_cut(&text, commas ? ',' : ':')) || !bytes_base64(&h->server, text))
		return SCHEME_BROKEN;
	h->work = h->rounds;
	return h->rounds > 0 && h->sum.n == n && h->server.n == n ? SCHEME_GOOD : SCHEME_BROKEN;
}

/* --- memory-hard ones ------------------------------------------------------------------ */

static bool named_number(struct str *rest, const char *name, char end, uint64_t *out)
{
	if (!str_starts(*rest, name))
		return false;
	*rest = str_from(*rest, strlen(name));
	return number(rest, end, out);
}

/* PHC string: "argon2" type "$v=" version "$m=" KiB ",t=" passes ",p=" lanes "$" salt "$" sum */
static enum scheme_result argon2(struct str text, const char *digest, struct scheme_hash *h)
{
	struct str type = str_cut(&text, '$');

	(void)digest;
	h->kind = SCHEME_ARGON2;
	h->version = 0x10; /* before the field was invented */
	if (str_eqc(type, "argon2id"))
		h->argon2 = Argon2_id;
	else if (str_eqc(type, "argon2i"))
		h->argon2 = Argon2_i;
	else if (str_eqc(type, "argon2d"))
		h->argon2 = Argon2_d;
	else
		return SCHEME_UNKNOWN;
	if (str_starts(text, "v=") && !named_number(&text, "v=", '$', &h->version))
		return SCHEME_BROKEN;
	if (!named_number(&text, "m=", ',', &h->kib) || !named_number(&text, "t=", ',', &h->rounds) ||
		!named_number(&text, "p=", '$', &h->lanes) || !bytes_base64(&h->salt, str_cut(&text, '$')) ||
		!bytes_base64(&h->sum, text))
		return SCHEME_BROKEN;
	h->memory = h->kib * 1024;
	h->work = h->kib * h->rounds;
	return (h->version == 0x10 || h->version == 0x13) && h->rounds > 0 && h->lanes > 0 && h->lanes < 256 &&
		h->kib >= 8 * h->lanes && h->salt.n >= 8 && h->sum.n >= 16 ? SCHEME_GOOD : SCHEME_BROKEN;
}

static void scrypt_takes(struct scheme_hash *h, uint64_t n, uint64_t r, uint64_t p)
{
	/* all of these come from fields of at most 32 bits; what overflows is too much anyway */
	if (!n || !r || !p || n > ROUNDS_MAX || r > ROUNDS_MAX / 128 || n * 128 > UINT64_MAX / r ||
		n * r / 4 + 1 > UINT64_MAX / p) {
		h->memory = h->work = UINT64_MAX;
		return;
	}
	h->memory = 128 * n * r;
	h->work = (n * r / 4 + 1) * p;
}

/* Django: "salt$N$r$p$sum" */
static enum scheme_result scrypt(struct str text, const char *digest, struct scheme_hash *h)
{
	(void)digest;
	h->kind = SCHEME_SCRYPT;
	if (!bytes_set(&h->salt, str_cut(&text, '$')) || !number(&text, '$', &h->rounds) || !number(&text, '$', &h->block) ||
		!number(&text, '$', &h->lanes) || !bytes_base64(&h->sum, text) || h->sum.n != 64)
		return SCHEME_BROKEN;
	scrypt_takes(h, h->rounds, h->block, h->lanes);
	return h->rounds > 1 && h->block > 0 && h->lanes > 0 ? SCHEME_GOOD : SCHEME_BROKEN;
}

/* --- crypt(5) ----------------------------------------------------------------------------- */

/* Value of a digit of crypt's own base 64, or above 63. */
static uint32_t digit(struct cur *c)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	int b = cur_next(c);
	const char *p = b > 0 ? strchr(digits, b) : NULL;

	return p ? (uint32_t)(p - digits) : 64;
}

/* n digits, at most 10, the lowest first; UINT64_MAX: they are not there. */
static uint64_t fixed(struct cur *c, unsigned n)
{
	uint64_t v = 0;
	uint32_t d;
	unsigned i;

	for (i = 0; i < n; i++) {
		d = digit(c);
		if (d > 63)
			return UINT64_MAX;
		v |= (uint64_t)d << (6 * i);
	}
	return v;
}

/* A number of yescrypt: short ones take one digit, longer ones say it in the first. */
static uint64_t varying(struct cur *c, uint64_t least)
{
	uint64_t start = 0, end = 47, chars = 1, v = least;
	unsigned bits = 0;
	uint32_t d = digit(c);

	if (d > 63)
		return UINT64_MAX;
	while (d > end) {
		v += (end + 1 - start) << bits;
		start = end + 1;
		end = start + (62 - end) / 2;
		chars++;
		bits += 6;
	}
	v += (d - start) << bits;
	while (--chars > 0) {
		d = digit(c);
		if (d > 63)
			return UINT64_MAX;
		bits -= 6;
		v += (uint64_t)d << bits;
	}
	return v;
}

/* "$y$" flavor N r [ which p t g NROM ] "$" */
static bool yescrypt_takes(struct cur *c, struct scheme_hash *h)
{
	uint64_t flavor = varying(c, 0), log2n = varying(c, 1), r = varying(c, 1), which = 0, p = 1, t = 0;

	if (flavor == UINT64_MAX || log2n > 40 || r == UINT64_MAX)
		return false;
	if (cur_peek(c) != '$') {
		which = varying(c, 1);
		p = which & 1 ? varying(c, 2) : 1;
		t = which & 2 ? varying(c, 1) : 0;
		if (which == UINT64_MAX || p == UINT64_MAX || t > 64)
			return false;
	}
	scrypt_takes(h, (uint64_t)1 << log2n, r, p);
	if (h->work < UINT64_MAX / 256)
		h->work *= 2 + 2 * t;
	return true;
}

/* "$7$" N r p: scrypt */
static bool scrypt7_takes(struct cur *c, struct scheme_hash *h)
{
	uint64_t log2n = fixed(c, 1), r = fixed(c, 5), p = fixed(c, 5);

	if (log2n > 40 || r == UINT64_MAX || p == UINT64_MAX)
		return false;
	scrypt_takes(h, (uint64_t)1 << log2n, r, p);
	return true;
}

/* Two digits: rounds are a power of two. */
static bool bcrypt_takes(struct cur *c, struct scheme_hash *h)
{
	uint64_t cost;

	/* "$2" one letter "$" */
	if (!strchr("abxy", cur_next(c)) || !cur_take(c, '$') || cur_u64(c, 31, &cost) != 1 || cost < 4)
		return false;
	h->work = (uint64_t)128 << cost;
	return true;
}

/* "rounds=" number, or what it is without */
static bool rounds_take(struct cur *c, const char *word, uint64_t otherwise, struct scheme_hash *h)
{
	h->work = otherwise;
	return !cur_word(c, word) || cur_u64(c, ROUNDS_MAX, &h->work) == 1;
}

static bool sha_takes(struct str text, struct cur *c, struct scheme_hash *h)
{
	bool good = rounds_take(c, "rounds=", 5000, h);

	h->work = shacrypt_work(text, h->work);
	return good;
}

/* What a method of crypt(5) takes; false: no method that we know, or not its form. */
static bool crypt_takes(struct str text, struct scheme_hash *h)
{
	struct cur c = cur_of(text);

	h->work = 25;
	if (cur_take(&c, '_'))
		h->work = fixed(&c, 4);
	else if (cur_word(&c, "$y$") || cur_word(&c, "$gy$"))
		return yescrypt_takes(&c, h);
	else if (cur_word(&c, "$7$"))
		return scrypt7_takes(&c, h);
	else if (cur_word(&c, "$2"))
		return bcrypt_takes(&c, h);
	else if (cur_word(&c, "$5$") || cur_word(&c, "$6$"))
		return sha_takes(text, &c, h);
	else if (cur_word(&c, "$1$"))
		h->work = 1000;
	else if (cur_word(&c, "$sha1$"))
		return cur_u64(&c, ROUNDS_MAX, &h->work) == 1;
	else if (cur_word(&c, "$md5"))
		return rounds_take(&c, ",rounds=", 4096, h);
	else if (cur_word(&c, "$3$"))
		h->work = 1;
	else
		return text.n == 13 && fixed(&c, 7) != UINT64_MAX && fixed(&c, 6) != UINT64_MAX;
	return h->work != UINT64_MAX;
}

static enum scheme_result crypt5(struct str text, const char *digest, struct scheme_hash *h)
{
	(void)digest;
	h->kind = SCHEME_CRYPT;
	h->text = text;
	return crypt_takes(text, h) ? SCHEME_GOOD : SCHEME_BROKEN;
}

/* Django: bcrypt of the password's SHA-256 */
static enum scheme_result bcrypt_of_sum(struct str text, const char *digest, struct scheme_hash *h)
{
	h->hashed = true;
	return crypt5(text, digest, h);
}

/* --- names ------------------------------------------------------------------------------- */

static enum scheme_result without_name(struct str text, struct scheme_hash *h)
{
	static const struct {
		const char *prefix;
		size_t keep; /* of the prefix */
		const char *digest;
		parse_fn *parse;
	} forms[] = {
		{ "$argon2", 6, NULL, argon2 }, { "argon2$argon2", 6, NULL, argon2 },
		{ "$pbkdf2-sha256$", 0, "SHA256", pbkdf2_ldap }, { "$pbkdf2-sha512$", 0, "SHA512", pbkdf2_ldap },
		{ "$pbkdf2$", 0, "SHA1", pbkdf2_ldap },
		{ "pbkdf2_sha256$", 0, "SHA256", pbkdf2_django }, { "pbkdf2_sha1$", 0, "SHA1", pbkdf2_django },
		{ "bcrypt_sha256$$", 1, NULL, bcrypt_of_sum }, { "bcrypt$$", 1, NULL, crypt5 },
		{ "scrypt$", 0, NULL, scrypt },
		{ "sha1$", 0, "SHA1", salted_hex }, { "md5$", 0, "MD5", salted_hex },
		{ "SCRAM-SHA-1$", 0, "SHA1", scram }, { "SCRAM-SHA-256$", 0, "SHA256", scram },
		{ "SCRAM-SHA-512$", 0, "SHA512", scram },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(forms); i++)
		if (str_starts(text, forms[i].prefix))
			return forms[i].parse(str_from(text, strlen(forms[i].prefix) - forms[i].keep), forms[i].digest, h);
	return crypt5(text, NULL, h) == SCHEME_GOOD ? SCHEME_GOOD : text.n > 0 && text.p[0] == '$' ? SCHEME_BROKEN : SCHEME_UNKNOWN;
}

static enum scheme_result as_crypt(struct str text, const char *digest, struct scheme_hash *h)
{
	enum scheme_result r = without_name(text, h);

	(void)digest;
	return r == SCHEME_UNKNOWN ? SCHEME_BROKEN : r;
}

static const struct scheme {
	const char *name;
	parse_fn *parse; /* NULL: a sum, or the password itself */
	const char *digest; /* NULL: the password itself */
	bool salted;
} schemes[] = {
	{ "PLAIN", NULL, NULL, false }, { "CLEARTEXT", NULL, NULL, false }, { "CLEAR", NULL, NULL, false },
	{ "MD5", NULL, "MD5", false }, { "PLAIN-MD5", NULL, "MD5", false }, { "LDAP-MD5", NULL, "MD5", false },
	{ "MD5RAW", NULL, "MD5", false }, { "SMD5", NULL, "MD5", true },
	{ "SHA", NULL, "SHA1", false }, { "SHA1", NULL, "SHA1", false }, { "SSHA", NULL, "SHA1", true },
	{ "SHA224", NULL, "SHA224", false }, { "SSHA224", NULL, "SHA224", true },
	{ "SHA256", NULL, "SHA256", false }, { "SSHA256", NULL, "SHA256", true },
	{ "SHA384", NULL, "SHA384", false }, { "SSHA384", NULL, "SHA384", true },
	{ "SHA512", NULL, "SHA512", false }, { "SSHA512", NULL, "SHA512", true },
	{ "CRYPT", as_crypt, NULL, false }, { "DES-CRYPT", as_crypt, NULL, false }, { "MD5-CRYPT", as_crypt, NULL, false },
	{ "BLF-CRYPT", as_crypt, NULL, false }, { "BCRYPT", as_crypt, NULL, false },
	{ "SHA256-CRYPT", as_crypt, NULL, false }, { "SHA512-CRYPT", as_crypt, NULL, false },
	{ "ARGON2", as_crypt, NULL, false }, { "ARGON2I", as_crypt, NULL, false }, { "ARGON2ID", as_crypt, NULL, false },
	{ "PBKDF2", pbkdf2_ldap, "SHA1", false }, { "PBKDF2-SHA1", pbkdf2_ldap, "SHA1", false },
	{ "PBKDF2-SHA256", pbkdf2_ldap, "SHA256", false }, { "PBKDF2-SHA512", pbkdf2_ldap, "SHA512", false },
	{ "SCRAM-SHA-1", scram, "SHA1", false }, { "SCRAM-SHA-256", scram, "SHA256", false },
	{ "SCRAM-SHA-512", scram, "SHA512", false },
};

static enum scheme_result clear(struct str text, enum encoding e, struct scheme_hash *h)
{
	h->kind = SCHEME_CLEAR;
	return bytes_decode(&h->sum, text, e == GUESS ? AS_IT_IS : e, 0) && h->sum.n > 0 ? SCHEME_GOOD : SCHEME_BROKEN;
}

static enum scheme_result with_name(const struct scheme *s, enum encoding e, struct str text, struct scheme_hash *h)
{
	/* Dovecot's {MD5} may be either */
	if (str_eqc(str_of(s->name), "MD5") && str_starts(text, "$1$"))
		return as_crypt(text, NULL, h);
	if (!s->parse && !s->digest)
		return clear(text, e, h);
	if (!s->parse)
		return sum_of(h, s->digest, text, e, s->salted);
	return e == GUESS ? s->parse(text, s->digest, h) : SCHEME_UNKNOWN;
}

enum scheme_result scheme_parse(struct str text, struct scheme_hash *out)
{
	struct str full, name;
	enum encoding e = GUESS;
	ssize_t end;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (text.n == 0 || text.n > SCHEME_TEXT_MAX || str_find(text, '\0') >= 0)
		return SCHEME_BROKEN;
	if (text.p[0] != '{')
		return without_name(text, out);
	end = str_find(text, '}');
	if (end < 0)
		return SCHEME_BROKEN;
	full = str_sub(text, 1, (size_t)end);
	name = str_cut(&full, '.');
	if (full.p && str_ieqc(full, "HEX"))
		e = HEX;
	else if (full.p && (str_ieqc(full, "B64") || str_ieqc(full, "BASE64")))
		e = BASE64;
	else if (full.p)
		return SCHEME_UNKNOWN;
	for (i = 0; i < ARRAY_LEN(schemes); i++)
		if (str_ieqc(name, schemes[i].name))
			return with_name(&schemes[i], e, str_from(text, (size_t)end + 1), out);
	return SCHEME_UNKNOWN;
}
