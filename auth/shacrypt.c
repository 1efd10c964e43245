/* SPDX-License-Identifier: ISC
 *
 * shacrypt.c: see shacrypt.h. Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"; the step numbers are his.
 *
 * Nearly all the time goes into the rounds (step 21). What a round digests is the sum of the round before and two texts
 * that never change, P and S; their order depends on whether its number is odd, and divides by 3, and by 7. So there
 * are eight orders: each is laid out once as the digest wants it, padded, and a round writes its sum into its place and
 * compresses the blocks.
 *
 * All of that is secret: a sum of a middle round is worth the password. It stands in one place, which is wiped.
 */
#include "auth/shacrypt.h"

#include "base/base.h"

#ifdef HAVE_SHA_TRANSFORM

/* One round is one or two blocks: OpenSSL's EVP needs a third of that time again to begin and end each digest. What it
 * calls deprecated since 3.0 is in all of 3. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "auth/password.h"
#include "base/cur.h"

enum { SALT_MAX = 16, ROUNDS = 5000, ROUNDS_MIN = 1000, ROUNDS_MAX = 999999999, SUM_MAX = 64, BLOCK_MAX = 128,
	PADDING_MAX = 17, /* 0x80 and the length */
	LAID_MAX = (SUM_MAX + 2 * PASSWORD_MAX + SALT_MAX + PADDING_MAX + BLOCK_MAX - 1) / BLOCK_MAX * BLOCK_MAX };

/* What a round digests. */
struct laid {
	unsigned char bytes[LAID_MAX];
	size_t n; /* with the padding: whole blocks */
	size_t at; /* where the sum of the round before goes */
};

static struct {
	unsigned char p[PASSWORD_MAX], s[SUM_MAX], sum[SUM_MAX];
	struct laid laid[8]; /* ODD | NOT_THIRD | NOT_SEVENTH */
	union {
		SHA256_CTX sha256;
		SHA512_CTX sha512;
	} c;
} work;

enum { ODD = 1, NOT_THIRD = 2, NOT_SEVENTH = 4 };

struct kind {
	const char *prefix;
	const EVP_MD *(*md)(void);
	void (*compress)(const struct laid *in, unsigned char *out);
	size_t sum, block;
	/* of three bytes that are printed together: their places, how the next ones follow, and which stand last */
	unsigned char places[3], next[3], last[3], last_digits;
	unsigned cheaper; /* than a round of crypt(3)'s sha512-crypt, times */
};

/* --- the digests ---------------------------------------------------------------------- */

static void compress256(const struct laid *in, unsigned char *out)
{
	SHA256_CTX *c = &work.c.sha256;
	uint32_t word;
	size_t i;

	SHA256_Init(c);
	for (i = 0; i < in->n; i += SHA256_CBLOCK)
		SHA256_Transform(c, in->bytes + i);
	for (i = 0; i < 8; i++) {
		word = htobe32(c->h[i]);
		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
}

static void compress512(const struct laid *in, unsigned char *out)
{
	SHA512_CTX *c = &work.c.sha512;
	uint64_t word;
	size_t i;

	SHA512_Init(c);
	for (i = 0; i < in->n; i += SHA512_CBLOCK)
		SHA512_Transform(c, in->bytes + i);
	for (i = 0; i < 8; i++) {
		word = htobe64(c->h[i]);
		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
}

static const struct kind kinds[] = {
	{ "$5$", EVP_sha256, compress256, SHA256_DIGEST_LENGTH, SHA256_CBLOCK, { 0, 10, 20 }, { 2, 0, 1 }, { 32, 31, 30 }, 3, 5 },
	{ "$6$", EVP_sha512, compress512, SHA512_DIGEST_LENGTH, SHA512_CBLOCK, { 0, 21, 42 }, { 1, 2, 0 }, { 64, 64, 63 }, 2, 2 },
};

/* --- what comes before the rounds ----------------------------------------------------------- */

/* A text over and over, n bytes of it: steps 9-10, 16, 20. */
static bool add_repeated(EVP_MD_CTX *c, const void *text, size_t size, size_t n)
{
	for (; n > size; n -= size)
		if (EVP_DigestUpdate(c, text, size) != 1)
			return false;
	return EVP_DigestUpdate(c, text, n) == 1;
}

static void fill(unsigned char *to, size_t n, const unsigned char *sum, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = sum[i % size];
}

/* Steps 1-12 and 13-20: the first sum, P and S. */
static bool begin(EVP_MD_CTX *c, const struct kind *k, struct str phrase, struct str salt)
{
	unsigned char *sum = work.sum;
	bool good = EVP_DigestInit_ex(c, k->md(), NULL) == 1 && EVP_DigestUpdate(c, phrase.p, phrase.n) == 1 &&
		EVP_DigestUpdate(c, salt.p, salt.n) == 1 && EVP_DigestUpdate(c, phrase.p, phrase.n) == 1 &&
		EVP_DigestFinal_ex(c, sum, NULL) == 1 && EVP_DigestInit_ex(c, k->md(), NULL) == 1 &&
		EVP_DigestUpdate(c, phrase.p, phrase.n) == 1 && EVP_DigestUpdate(c, salt.p, salt.n) == 1 &&
		add_repeated(c, sum, k->sum, phrase.n);
	size_t n;

	for (n = phrase.n; n > 0; n >>= 1)
		good = good && (n & 1 ? EVP_DigestUpdate(c, sum, k->sum) : EVP_DigestUpdate(c, phrase.p, phrase.n)) == 1;
	good = good && EVP_DigestFinal_ex(c, sum, NULL) == 1 && EVP_DigestInit_ex(c, k->md(), NULL) == 1 &&
		add_repeated(c, phrase.p, phrase.n, phrase.n * phrase.n) && EVP_DigestFinal_ex(c, work.s, NULL) == 1;
	fill(work.p, phrase.n, work.s, k->sum);
	return good && EVP_DigestInit_ex(c, k->md(), NULL) == 1 &&
		add_repeated(c, salt.p, salt.n, salt.n * (16u + sum[0])) && EVP_DigestFinal_ex(c, work.s, NULL) == 1;
}

/* --- the rounds ----------------------------------------------------------------------- */

static void put(struct laid *l, const void *from, size_t n)
{
	memcpy(l->bytes + l->n, from, n);
	l->n += n;
}

static void leave_place(struct laid *l, size_t n)
{
	l->at = l->n;
	l->n += n;
}

/* Step 21, the order of one kind of rounds, padded as FIPS 180-4 5.1 has it. */
static void lay(const struct kind *k, unsigned order, size_t phrase, size_t salt)
{
	struct laid *l = &work.laid[order];
	size_t bits;

	memset(l, 0, sizeof(*l));
	if (order & ODD)
		put(l, work.p, phrase);
	else
		leave_place(l, k->sum);
	if (order & NOT_THIRD)
		put(l, work.s, salt);
	if (order & NOT_SEVENTH)
		put(l, work.p, phrase);
	if (order & ODD)
		leave_place(l, k->sum);
	else
		put(l, work.p, phrase);
	bits = l->n * 8;
	l->bytes[l->n] = 0x80;
	l->n += 1 + k->block / 8;
	l->n = (l->n + k->block - 1) / k->block * k->block;
	l->bytes[l->n - 1] = (unsigned char)bits;
	l->bytes[l->n - 2] = (unsigned char)(bits >> 8);
}

static struct laid *laid_for(uint64_t round)
{
	return &work.laid[(round & 1 ? ODD : 0) | (round % 3 ? NOT_THIRD : 0) | (round % 7 ? NOT_SEVENTH : 0)];
}

/* Each sum is written where the next round reads it. */
static void run(const struct kind *k, uint64_t rounds)
{
	struct laid *l = laid_for(0), *next;
	uint64_t i;

	memcpy(l->bytes + l->at, work.sum, k->sum);
	for (i = 1; i < rounds; i++, l = next) {
		next = laid_for(i);
		k->compress(l, next->bytes + next->at);
	}
	k->compress(l, work.sum);
}

/* --- text ------------------------------------------------------------------------ */

static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static char *print_three(char *to, const unsigned char *sum, const unsigned char places[3], size_t n)
{
	uint32_t v = (uint32_t)sum[places[0]] << 16 | (uint32_t)sum[places[1]] << 8 | sum[places[2]];

	for (; n > 0; n--, v >>= 6)
		*to++ = digits[v & 63];
	return to;
}

/* Step 22: three bytes in four digits, the bytes of each group one further than those of the group before. */
static void print_sum(const struct kind *k, char *to)
{
	unsigned char at[3], was[3], sum[SUM_MAX + 1] = { 0 };
	size_t i, j;

	memcpy(sum, work.sum, k->sum); /* and a zero behind it */
	memcpy(at, k->places, sizeof(at));
	for (i = 0; i < k->sum / 3; i++) {
		to = print_three(to, sum, at, 4);
		memcpy(was, at, sizeof(was));
		for (j = 0; j < 3; j++)
			at[j] = (unsigned char)(was[k->next[j]] + 1);
	}
	*print_three(to, sum, k->last, k->last_digits) = '\0';
}

static bool only_digits(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(digits, s.p[i]))
			return false;
	return true;
}

/* [ "rounds=" NUMBER "$" ] salt [ "$" ... ] */
static bool parse(struct str text, struct str *salt_out, uint64_t *rounds_out)
{
	struct cur c = cur_of(text);
	uint64_t rounds = ROUNDS;
	struct str salt, rest;

	if (cur_word(&c, "rounds=") &&
		(cur_peek(&c) == '0' || cur_u64(&c, ROUNDS_MAX, &rounds) != 1 || rounds < ROUNDS_MIN || !cur_take(&c, '$')))
		return false;
	rest = cur_rest(&c);
	salt = str_cut(&rest, '$');
	if (salt.n > SALT_MAX || !only_digits(salt) || !only_digits(rest))
		return false;
	*salt_out = salt;
	*rounds_out = rounds;
	return true;
}

static const struct kind *kind_of(struct str text)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_starts(text, kinds[i].prefix))
			return &kinds[i];
	return NULL;
}

bool shacrypt(struct str phrase, struct str setting, char out[SHACRYPT_SIZE])
{
	const struct kind *k = kind_of(setting);
	EVP_MD_CTX *c;
	struct str salt;
	uint64_t rounds;
	unsigned order;
	size_t front;
	bool good;

	if (!k || phrase.n > PASSWORD_MAX || !parse(str_from(setting, 3), &salt, &rounds))
		return false;
	c = EVP_MD_CTX_new();
	good = c && begin(c, k, phrase, salt);
	EVP_MD_CTX_free(c);
	if (good) {
		for (order = 0; order < ARRAY_LEN(work.laid); order++)
			lay(k, order, phrase.n, salt.n);
		run(k, rounds);
		front = (size_t)(salt.p - setting.p) + salt.n;
		memcpy(out, setting.p, front);
		out[front] = '$';
		print_sum(k, out + front + 1);
	}
	OPENSSL_cleanse(&work, sizeof(work));
	return good;
}

uint64_t shacrypt_work(struct str text, uint64_t rounds)
{
	const struct kind *k = kind_of(text);

	BUG_ON(!k);
	return rounds / k->cheaper;
}

#else

bool shacrypt(struct str phrase, struct str setting, char out[SHACRYPT_SIZE])
{
	(void)phrase;
	(void)setting;
	(void)out;
	return false;
}

uint64_t shacrypt_work(struct str text, uint64_t rounds)
{
	(void)text;
	return rounds;
}

#endif
