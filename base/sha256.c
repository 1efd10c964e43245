/* SPDX-License-Identifier: ISC
 *
 * sha256.c: see sha256.h. The constants and the round are those of FIPS 180-4,
 * 4.1.2, 4.2.2 and 6.2.
 */
#include "base/sha256.h"

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t ror(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static uint32_t load(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One round; the caller turns the eight names instead of moving the values. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                       \
	do {                                                                   \
		uint32_t t = (h) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) +     \
			((g) ^ ((e) & ((f) ^ (g)))) + k[i] + w[i];             \
		(d) += t;                                                      \
		(h) = t + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) +              \
			(((a) & (b)) | ((c) & ((a) | (b))));                   \
	} while (0)

static void block(uint32_t h[8], const unsigned char *p)
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7], w[64];
	unsigned i;

	for (i = 0; i < 16; i++)
		w[i] = load(p + 4 * i);
	for (; i < 64; i++)
		w[i] = w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
			(ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (i = 0; i < 64; i += 8) {
		ROUND(a, b, c, d, e, f, g, x, i);
		ROUND(x, a, b, c, d, e, f, g, i + 1);
		ROUND(g, x, a, b, c, d, e, f, i + 2);
		ROUND(f, g, x, a, b, c, d, e, i + 3);
		ROUND(e, f, g, x, a, b, c, d, i + 4);
		ROUND(d, e, f, g, x, a, b, c, i + 5);
		ROUND(c, d, e, f, g, x, a, b, i + 6);
		ROUND(b, c, d, e, f, g, x, a, i + 7);
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
	h[5] += f;
	h[6] += g;
	h[7] += x;
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 };

	memcpy(s->h, start, sizeof(start));
	s->bytes = 0;
}

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
	const unsigned char *from = p;
	size_t have = s->bytes % sizeof(s->block), part;

	s->bytes += n;
	if (have) {
		part = MIN(n, sizeof(s->block) - have);
		memcpy(s->block + have, from, part);
		from += part;
		n -= part;
		if (have + part < sizeof(s->block))
			return;
		block(s->h, s->block);
	}
	for (; n >= sizeof(s->block); n -= sizeof(s->block), from += sizeof(s->block))
		block(s->h, from);
	if (n)
		memcpy(s->block, from, n);
}

void sha256_end(struct sha256 *s, unsigned char out[SHA256_SIZE])
{
	static const unsigned char pad[64] = { 0x80 };
	uint64_t bits = s->bytes * 8;
	unsigned char length[8];
	unsigned i;

	for (i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_add(s, pad, 1 + (119 - s->bytes % 64) % 64);
	sha256_add(s, length, 8);
	for (i = 0; i < SHA256_SIZE; i++)
		out[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_of(struct str data, unsigned char out[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data.p ? data.p : "", data.n);
	sha256_end(&s, out);
}

void sha256_print(const unsigned char sha[SHA256_SIZE], char out[SHA256_HEX + 1])
{
	static const char digit[] = "0123456789abcdef";
	unsigned i;

	for (i = 0; i < SHA256_SIZE; i++) {
		out[2 * i] = digit[sha[i] >> 4];
		out[2 * i + 1] = digit[sha[i] & 15];
	}
	out[SHA256_HEX] = '\0';
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sha256_read(struct str hex, unsigned char out[SHA256_SIZE])
{
	unsigned char sha[SHA256_SIZE];
	unsigned i;

	if (hex.n != SHA256_HEX)
		return E_SYNTAX;
	for (i = 0; i < SHA256_SIZE; i++) {
		int a = nibble(hex.p[2 * i]), b = nibble(hex.p[2 * i + 1]);

		if (a < 0 || b < 0)
			return E_SYNTAX;
		sha[i] = (unsigned char)(a << 4 | b);
	}
	memcpy(out, sha, sizeof(sha));
	return 0;
}
