/* SPDX-License-Identifier: ISC
 *
 * verified.c: see verified.h.
 */
#include "auth/verified.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/mman.h>

#include "base/rand.h"

#define WAYS 4
#define WORDS (VERIFIED_KEY / 8)

struct place {
	uint64_t seq; /* odd: somebody writes */
	uint64_t key[WORDS];
	int64_t until; /* 0: empty */
};

struct verified {
	unsigned char secret[32];
	size_t size; /* of the mapping */
	size_t sets;
	struct place place[];
};

struct verified *verified_new(size_t entries)
{
	size_t sets = (entries + WAYS - 1) / WAYS, size = sizeof(struct verified) + sets * WAYS * sizeof(struct place);
	struct verified *v = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (v == MAP_FAILED)
		return NULL;
	rand_bytes(v->secret, sizeof(v->secret));
	v->size = size;
	v->sets = sets;
	return v;
}

void verified_free(struct verified *v)
{
	if (v) {
		explicit_bzero(v->secret, sizeof(v->secret));
		munmap(v, v->size);
	}
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
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	BUG_ON(!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1);
	EVP_DigestUpdate(c, &l->account, sizeof(l->account));
	part(c, l->service);
	part(c, l->name);
	part(c, l->hash);
	part(c, l->password);
	EVP_DigestFinal_ex(c, sum, NULL);
	EVP_MD_CTX_free(c);
	HMAC(EVP_sha256(), v->secret, sizeof(v->secret), sum, sizeof(sum), out, NULL);
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
