/* SPDX-License-Identifier: ISC
 *
 * rand.c: random bytes, SipHash-2-4 (Aumasson and Bernstein, 2012), CRC-32C
 * (RFC 3720 B.4).
 *
 * Random bytes are taken from the kernel each time: there is no state here
 * that a fork could copy. The key of hash_str is drawn once, at first use.
 */
#include "base/rand.h"

#include <sys/random.h>

void rand_bytes(void *out, size_t n)
{
	unsigned char *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		BUG_ON(got <= 0);
		p += got;
		n -= (size_t)got;
	}
}

uint64_t rand_u64(void)
{
	uint64_t v;

	rand_bytes(&v, sizeof v);
	return v;
}

void rand_id(char *out, size_t n)
{
	static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char bytes[64];
	size_t i = 0, j;

	while (i < n) {
		rand_bytes(bytes, sizeof bytes);
		for (j = 0; j < sizeof bytes && i < n; j++)
			if (bytes[j] < 252) /* 7 * 36: every character equally likely */
				out[i++] = set[bytes[j] % 36];
	}
	out[n] = '\0';
}

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static uint64_t load64(const unsigned char *p, size_t n)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[0] = rotl(v[0], 32);
		v[2] += v[3];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t siphash(const unsigned char key[16], struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint64_t k0 = load64(key, 8), k1 = load64(key + 8, 8), m;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t left = s.n;

	for (; left >= 8; left -= 8, p += 8) {
		m = load64(p, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	m = (left ? load64(p, left) : 0) | (uint64_t)s.n << 56;
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_str(struct str s)
{
	static unsigned char key[16];
	static bool drawn;

	if (!drawn) {
		rand_bytes(key, sizeof key);
		drawn = true;
	}
	return siphash(key, s);
}

static uint32_t crc_table(uint32_t crc, const unsigned char *p, size_t n)
{
	static uint32_t table[256];
	uint32_t i, c;
	int bit;

	if (!table[1])
		for (i = 0; i < 256; i++) {
			for (c = i, bit = 0; bit < 8; bit++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
			table[i] = c;
		}
	while (n--)
		crc = table[(crc ^ *p++) & 255] ^ crc >> 8;
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p,
	size_t n)
{
	uint64_t wide = crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, sizeof word);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	while (n--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	crc = ~crc;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(crc, p, n);
#endif
	return ~crc_table(crc, p, n);
}
