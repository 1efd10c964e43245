/* SPDX-License-Identifier: ISC
 *
 * verified.c: see verified.h.
 */
#include "auth/verified.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#include "base/rand.h"

#define WAYS 4
#define WORDS (VERIFIED_KEY / 8)
#define BLOCK 64 /* bytes of SHA-256's */

struct place {
	uint64_t seq; /* odd: somebody writes */
	uint64_t key[WORDS];
	int64_t until; /* 0: empty */
};

/* Of each process its own, but for the places: those are shared memory. */
struct verified {
	EVP_MD_CTX *inner, *outer; /* HMAC (RFC 2104) with the key in it: what begins each digest */
	EVP_MD_CTX *work;
	size_t size; /* of the mapping */
	size_t sets;
	struct place *place;
};

/* A digest that has taken the key, each byte of it with `pad`. */
static EVP_MD_CTX *keyed(const unsigned char key[BLOCK], unsigned char pad)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char block[BLOCK];
	size_t i;

	for (i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	BUG_ON(!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(c, block, BLOCK) != 1);
	OPENSSL_cleanse(block, sizeof(block));
	return c;
}

struct verified *verified_new(size_t entries)
{
	struct verified *v = mem_alloc(1, sizeof(*v));
	unsigned char key[BLOCK] = { 0 };

	v->sets = (entries + WAYS - 1) / WAYS;
	v->size = MAX(v->sets, (size_t)1) * WAYS * sizeof(struct place);
	v->place = mmap(NULL, v->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (v->place == MAP_FAILED) {
		free(v);
		return NULL;
	}
	rand_bytes(key, VERIFIED_KEY);
	v->inner = keyed(key, 0x36);
	v->outer = keyed(key, 0x5c);
	v->work = EVP_MD_CTX_new();
	BUG_ON(!v->work);
	OPENSSL_cleanse(key, sizeof(key));
	return v;
}

void verified_free(struct verified *v)
{
	if (!v)
		return;
	EVP_MD_CTX_free(v->inner); /* which wipes it */
	EVP_MD_CTX_free(v->outer);
	EVP_MD_CTX_free(v->work);
	munmap(v->place, v->size);
	free(v);
}

static void part(EVP_MD_CTX *c, struct str s)
{
	uint64_t n = s.n; /* where one part ends and the next begins */

	EVP_DigestUpdate(c, &n, sizeof(n));
	if (s.n > 0)
		EVP_DigestUpdate(c, s.p, s.n);
}

void verified_key(const struct verified *v, const struct verified_login *l, unsigned char out[VERIFIED_KEY])
{
	unsigned char sum[VERIFIED_KEY];
	EVP_MD_CTX *c = v->work;

	BUG_ON(EVP_MD_CTX_copy_ex(c, v->inner) != 1);
	EVP_DigestUpdate(c, &l->account, sizeof(l->account));
	part(c, l->service);
	part(c, l->name);
	part(c, l->hash);
	part(c, l->password);
	EVP_DigestFinal_ex(c, sum, NULL);
	BUG_ON(EVP_MD_CTX_copy_ex(c, v->outer) != 1);
	EVP_DigestUpdate(c, sum, sizeof(sum));
	BUG_ON(EVP_DigestFinal_ex(c, out, NULL) != 1);
	OPENSSL_cleanse(sum, sizeof(sum));
}

static void words_of(const unsigned char key[VERIFIED_KEY], uint64_t out[WORDS])
{
	memcpy(out, key, VERIFIED_KEY);
}

/* One place as it was at one moment; false: it is being written. */
static bool read_place(const struct place *p, uint64_t key[WORDS], int64_t *until)
{
	uint64_t seq = __atomic_load_n(&p->seq, __ATOMIC_ACQUIRE);
	size_t i;

	for (i = 0; i < WORDS; i++)
		key[i] = __atomic_load_n(&p->key[i], __ATOMIC_RELAXED);
	*until = __atomic_load_n(&p->until, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return seq % 2 == 0 && __atomic_load_n(&p->seq, __ATOMIC_RELAXED) == seq;
}

/* Who comes while another one writes leaves it: the next login is verified once more, no harm. */
static void write_place(struct place *p, const uint64_t key[WORDS], int64_t until)
{
	uint64_t seq = __atomic_load_n(&p->seq, __ATOMIC_RELAXED);
	size_t i;

	if (seq % 2 || !__atomic_compare_exchange_n(&p->seq, &seq, seq + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (i = 0; i < WORDS; i++)
		__atomic_store_n(&p->key[i], key[i], __ATOMIC_RELAXED);
	__atomic_store_n(&p->until, until, __ATOMIC_RELAXED);
	__atomic_store_n(&p->seq, seq + 2, __ATOMIC_RELEASE);
}

bool verified_has(const struct verified *v, const unsigned char key[VERIFIED_KEY], int64_t now_ms)
{
	uint64_t want[WORDS], is[WORDS];
	bool found = false;
	int64_t until;
	size_t i;

	words_of(key, want);
	for (i = 0; v->sets && i < WAYS; i++)
		if (read_place(&v->place[want[0] % v->sets * WAYS + i], is, &until) && now_ms < until &&
			CRYPTO_memcmp(is, want, sizeof(is)) == 0)
			found = true;
	return found;
}

void verified_add(struct verified *v, const unsigned char key[VERIFIED_KEY], int64_t now_ms, int64_t life_ms)
{
	struct place *first = NULL, *p;
	uint64_t want[WORDS], is[WORDS];
	int64_t until, least = INT64_MAX;
	size_t i;

	words_of(key, want);
	for (i = 0; v->sets && life_ms > 0 && i < WAYS; i++) {
		p = &v->place[want[0] % v->sets * WAYS + i];
		if (!read_place(p, is, &until))
			continue;
		if (memcmp(is, want, sizeof(is)) == 0)
			until = 0; /* its own place */
		if (until < least) {
			least = until;
			first = p;
		}
	}
	if (first)
		write_place(first, want, now_ms + life_ms);
}
