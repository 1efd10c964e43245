/* SPDX-License-Identifier: ISC
 *
 * srs.c: the Sender Rewriting Scheme (see srs.h).
 *
 *     srs0  =  "SRS0" sep hash "=" day "=" domain "=" local          sep = "=" / "+" / "-"
 *     srs1  =  "SRS1" sep hash "=" domain "=" rest                    rest = what followed "SRS0", sep and all
 *
 * The hash covers the kind as well ("0" or "1", before the text): what an SRS1 carries is a stranger's to choose, and could
 * read like the text of an SRS0. Addresses whose hash was made without it are not taken: nobody can tell those that we made
 * from those that a stranger had us make.
 */
#include "auth/srs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"
#include "base/rand.h"
#include "mail/address.h"
#include "net/dns.h"

#define HASH 6 /* characters: 36 bits, about 31 without case */
#define DAY 86400
#define SLOTS 1024 /* days until a time stamp comes again */
#define KEY_BLOB (8 + SRS_SECRET)
#define TEXT_MAX 4096

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* --- secrets ---------------------------------------------------------------------- */

int srs_keys_parse(struct str blob, struct srs_keys *out)
{
	size_t i, j;

	*out = (struct srs_keys){ .n = blob.n / KEY_BLOB };
	if (!blob.n || blob.n % KEY_BLOB || out->n > SRS_SECRETS)
		return E_DAMAGED;
	for (i = 0; i < out->n; i++) {
		const unsigned char *p = (const unsigned char *)blob.p + i * KEY_BLOB;
		uint64_t since = 0;

		for (j = 0; j < 8; j++)
			since = since << 8 | p[j];
		out->key[i].since = (int64_t)(since & INT64_MAX);
		memcpy(out->key[i].secret, p + 8, SRS_SECRET);
	}
	return 0;
}

void srs_keys_print(const struct srs_keys *k, struct buf *out)
{
	size_t i;
	int j;

	for (i = 0; i < k->n; i++) {
		for (j = 56; j >= 0; j -= 8)
			buf_c(out, (char)((uint64_t)k->key[i].since >> j & 255));
		buf_add(out, k->key[i].secret, SRS_SECRET);
	}
}

/* Addresses of a key are made until the next one is in force, and are valid for `days` after that. */
static bool in_force(const struct srs_keys *k, size_t i, int64_t now, int64_t days)
{
	return i == 0 || now - k->key[i - 1].since <= (days + 1) * DAY;
}

void srs_keys_rotate(struct srs_keys *k, int64_t now, int64_t days)
{
	size_t keep;

	for (keep = 0; keep < k->n && keep < SRS_SECRETS - 1 && in_force(k, keep, now, days); keep++)
		;
	memmove(k->key + 1, k->key, keep * sizeof k->key[0]);
	k->n = keep + 1;
	k->key[0].since = now;
	rand_bytes(k->key[0].secret, SRS_SECRET);
}

/* --- the parts --------------------------------------------------------------------- */

/* kind: '0' or '1', the last letter of the tag. */
static void hash_of(const struct srs_key *k, char kind, struct str text, char out[HASH])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	char *lower = mem_alloc(text.n + 1, 1);
	unsigned n = 0;
	struct buf b;
	size_t i;

	lower[0] = kind;
	for (i = 0; i < text.n; i++)
		lower[i + 1] = ascii_lower(text.p[i]);
	BUG_ON(!HMAC(EVP_sha256(), k->secret, SRS_SECRET, (const unsigned char *)lower, text.n + 1, md, &n) || n < HASH);
	buf_init(&b, 128);
	base64_encode(str_make(md, n), &b);
	memcpy(out, b.p, HASH);
	buf_done(&b);
	free(lower);
}

/* In a time that does not depend on where they differ. */
static bool hash_good(const struct srs_key *k, char kind, struct str text, struct str given)
{
	char want[HASH], have[HASH];
	size_t i;

	if (given.n != HASH)
		return false;
	hash_of(k, kind, text, want);
	for (i = 0; i < HASH; i++) {
		want[i] = ascii_lower(want[i]);
		have[i] = ascii_lower(given.p[i]);
	}
	return CRYPTO_memcmp(want, have, HASH) == 0;
}

static bool any_good(const struct srs_keys *k, char kind, struct str text, struct str given, int64_t now, int64_t days)
{
	bool good = false;
	size_t i;

	for (i = 0; i < k->n; i++)
		good |= in_force(k, i, now, days) && hash_good(&k->key[i], kind, text, given);
	return good;
}

/* Days since it was made, at most SLOTS - 1; -1: not a time stamp. */
static int64_t age_of(struct str day, int64_t now)
{
	int64_t slot = 0;
	size_t i;

	if (day.n != 2)
		return -1;
	for (i = 0; i < 2; i++) {
		const char *at = memchr(base32, ascii_upper(day.p[i]), 32);

		if (!at)
			return -1;
		slot = slot << 5 | (at - base32);
	}
	return (now / DAY + SLOTS - slot) % SLOTS;
}

static bool separated(struct str s)
{
	return s.n && memchr("=+-", s.p[0], 3);
}

/* "SRS0" or "SRS1" and one of the separators; the rest begins with that. */
static bool tagged(struct str local, const char *tag, struct str *rest_out)
{
	*rest_out = str_from(local, 4);
	return str_istarts(local, tag) && separated(*rest_out);
}

/* What an SRS1 carries: the domain that its SRS0 belongs to, and the rest of that. */
static bool carries_srs0(struct str rest, struct str *host_out, struct str *inner_out)
{
	struct str body = str_from(rest, 1);

	str_cut(&body, '=');
	*host_out = str_cut(&body, '=');
	*inner_out = body;
	return dns_is_hostname(*host_out) && separated(body);
}

/* --- there ------------------------------------------------------------------------------ */

static int finish(const struct srs_keys *k, const char *tag, const char *text, struct arena *a, struct str *out)
{
	char hash[HASH];
	struct str v;

	hash_of(&k->key[0], tag[3], str_of(text), hash);
	v = str_of(arena_fmt(a, "%s=%.*s=%s", tag, HASH, hash, text));
	if (v.n > ADDRESS_LOCAL_MAX)
		return E_LIMIT;
	*out = v;
	return 0;
}

int srs_forward(const struct srs_keys *k, struct str local, struct str domain, int64_t now, struct arena *a,
	struct str *out)
{
	int64_t day = now / DAY;
	struct str rest, host, inner;

	if (local.n > TEXT_MAX || domain.n > TEXT_MAX || memchr(local.p, '\0', local.n) || memchr(domain.p, '\0', domain.n) ||
		memchr(domain.p, '=', domain.n))
		return E_LIMIT;
	/* it keeps the way to the first forwarder, the others in between go */
	if (tagged(local, "SRS1", &rest) && carries_srs0(rest, &host, &inner))
		return finish(k, "SRS1", arena_fmt(a, "%.*s=%.*s", STRF(host), STRF(inner)), a, out);
	if (tagged(local, "SRS0", &rest))
		return finish(k, "SRS1", arena_fmt(a, "%.*s=%.*s", STRF(domain), STRF(rest)), a, out);
	return finish(k, "SRS0", arena_fmt(a, "%c%c=%.*s=%.*s", base32[day >> 5 & 31], base32[day & 31], STRF(domain),
		STRF(local)), a, out);
}

/* --- and back ------------------------------------------------------------------------------- */

static enum srs_result back0(const struct srs_keys *k, struct str rest, int64_t now, int64_t days,
	struct arena *a, struct str *local_out, struct str *domain_out)
{
	struct str text = str_from(rest, 1), hash = str_cut(&text, '='), local = text, day = str_cut(&local, '='),
		domain = str_cut(&local, '=');
	int64_t age = age_of(day, now);

	if (!local.n || !domain.n || age < 0 || !any_good(k, '0', text, hash, now, days))
		return SRS_BAD;
	if (age > days)
		return SRS_EXPIRED;
	*local_out = arena_str(a, local);
	*domain_out = arena_str(a, domain);
	return SRS_GOOD;
}

static enum srs_result back1(const struct srs_keys *k, struct str rest, int64_t now, int64_t days,
	struct arena *a, struct str *local_out, struct str *domain_out)
{
	struct str text = str_from(rest, 1), hash = str_cut(&text, '='), inner = text, domain = str_cut(&inner, '=');

	if (!domain.n || !separated(inner) || !any_good(k, '1', text, hash, now, days))
		return SRS_BAD;
	*local_out = str_of(arena_fmt(a, "SRS0%.*s", STRF(inner)));
	*domain_out = arena_str(a, domain);
	return SRS_GOOD;
}

enum srs_result srs_back(const struct srs_keys *k, struct str local, int64_t now, int64_t days, struct arena *a,
	struct str *local_out, struct str *domain_out)
{
	struct str rest;

	if (local.n > TEXT_MAX || str_find(local, '\0') >= 0)
		return SRS_NONE;
	if (tagged(local, "SRS0", &rest))
		return back0(k, rest, now, days, a, local_out, domain_out);
	if (tagged(local, "SRS1", &rest))
		return back1(k, rest, now, days, a, local_out, domain_out);
	return SRS_NONE;
}
