/* SPDX-License-Identifier: ISC
 *
 * challenge.c: see challenge.h.
 */
#include "auth/challenge.h"

#include <sys/queue.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"
#include "base/rand.h"
#include "base/table.h"

#define KEY 32
#define RANDOM 16
#define BODY (RANDOM + 8)
#define MAC 16
#define BYTES (BODY + MAC)
#define USED_MAX 65536 /* who fills that is stopped by the guard long before: each is a failed login */

struct used {
	STAILQ_ENTRY(used) link;
	char random[RANDOM];
	int64_t end_ms;
};

struct challenges {
	unsigned char key[KEY];
	struct table used; /* by their random bytes */
	STAILQ_HEAD(used_list, used) list; /* the same, in the order in which they came back */
};

struct challenges *challenges_new(void)
{
	struct challenges *c = mem_alloc(1, sizeof(*c));

	rand_bytes(c->key, sizeof(c->key));
	table_init(&c->used);
	STAILQ_INIT(&c->list);
	return c;
}

/* Those whose time is over anyway. */
static void forget(struct challenges *c, int64_t now_ms)
{
	struct used *u;

	while ((u = STAILQ_FIRST(&c->list)) != NULL && u->end_ms < now_ms) {
		STAILQ_REMOVE_HEAD(&c->list, link);
		table_remove(&c->used, str_make(u->random, RANDOM));
		free(u);
	}
}

void challenges_free(struct challenges *c)
{
	forget(c, INT64_MAX);
	table_done(&c->used);
	explicit_bzero(c->key, sizeof(c->key));
	free(c);
}

static void mac(const struct challenges *c, const struct challenge_for *f, const unsigned char body[BODY], unsigned char out[MAC])
{
	unsigned char full[EVP_MAX_MD_SIZE];
	struct buf b;

	buf_init(&b, 1024 * 1024);
	buf_str(&b, str_make(body, BODY));
	/* with their lengths: no two callers mean the same bytes */
	buf_fmt(&b, "%zu:%s%zu:%.*s%zu:%.*s", strlen(f->purpose), f->purpose, f->who.n, STRF(f->who), f->origin.n, STRF(f->origin));
	BUG_ON(!HMAC(EVP_sha256(), c->key, KEY, (const unsigned char *)b.p, b.n, full, NULL));
	memcpy(out, full, MAC);
	buf_done(&b);
}

void challenge_make(struct challenges *c, const struct challenge_for *f, int64_t now_ms, int64_t life_ms, char out[CHALLENGE_TEXT + 1])
{
	unsigned char bytes[BYTES];
	uint64_t end = (uint64_t)(now_ms + life_ms);
	struct buf text;
	size_t i;

	rand_bytes(bytes, RANDOM);
	for (i = 0; i < 8; i++)
		bytes[RANDOM + i] = (unsigned char)(end >> (56 - 8 * i));
	mac(c, f, bytes, bytes + BODY);
	buf_init(&text, CHALLENGE_TEXT + 2); /* padding, for a moment */
	base64url_encode(str_make(bytes, BYTES), &text);
	BUG_ON(text.n != CHALLENGE_TEXT);
	snprintf(out, CHALLENGE_TEXT + 1, "%s", buf_cstr(&text));
	buf_done(&text);
}

/* Is it ours, for that? end_out: until when. */
static bool made_here(const struct challenges *c, const struct challenge_for *f, const unsigned char bytes[BYTES], int64_t *end_out)
{
	unsigned char right[MAC];
	uint64_t end = 0;
	size_t i;

	mac(c, f, bytes, right);
	for (i = 0; i < 8; i++)
		end = end << 8 | bytes[RANDOM + i];
	*end_out = (int64_t)end;
	return CRYPTO_memcmp(right, bytes + BODY, MAC) == 0;
}

bool challenge_take(struct challenges *c, const struct challenge_for *f, struct str text, int64_t now_ms)
{
	struct buf b;
	struct used *u;
	int64_t end = 0;
	bool good;

	forget(c, now_ms);
	buf_init(&b, BYTES);
	good = text.n == CHALLENGE_TEXT && base64url_decode(text, &b) == 0 && b.n == BYTES &&
		made_here(c, f, (const unsigned char *)b.p, &end) && end >= now_ms && c->used.n < USED_MAX &&
		!table_get(&c->used, str_make(b.p, RANDOM));
	if (good) {
		u = mem_alloc(1, sizeof(*u));
		memcpy(u->random, b.p, RANDOM);
		u->end_ms = end;
		table_set(&c->used, str_make(u->random, RANDOM), u);
		STAILQ_INSERT_TAIL(&c->list, u, link);
	}
	buf_done(&b);
	return good;
}
