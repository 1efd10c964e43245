/* SPDX-License-Identifier: ISC
 *
 * oldserver_tries.c: see oldserver_tries.h.
 */
#include "auth/oldserver_tries.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/rand.h"

#define HOUR_MS 3600000
#define DIGEST 16

struct account {
	unsigned char name[DIGEST];
	int64_t since; /* of its hour; 0: free */
	unsigned refused;
	unsigned char password[OLDSERVER_PASSWORDS][DIGEST];
};

struct oldserver_tries {
	struct oldserver_limits limits;
	unsigned char secret[32];
	int64_t since;
	unsigned refused;
	struct account account[];
};

struct oldserver_tries *oldserver_tries_new(const struct oldserver_limits *l)
{
	struct oldserver_tries *t = mem_alloc(1, sizeof(*t) + l->accounts * sizeof(t->account[0]));

	t->limits = *l;
	rand_bytes(t->secret, sizeof(t->secret));
	return t;
}

void oldserver_tries_free(struct oldserver_tries *t)
{
	if (t)
		OPENSSL_cleanse(t->secret, sizeof(t->secret));
	free(t);
}

/* kind: that a name is no password */
static void digest(const struct oldserver_tries *t, unsigned char kind, struct str s, unsigned char out[DIGEST])
{
	unsigned char key[sizeof(t->secret) + 1], mac[32];

	memcpy(key, t->secret, sizeof(t->secret));
	key[sizeof(t->secret)] = kind;
	HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)(s.n ? s.p : ""), s.n, mac, NULL);
	memcpy(out, mac, DIGEST);
	OPENSSL_cleanse(key, sizeof(key));
}

static bool over(int64_t since, int64_t now_ms)
{
	return now_ms >= since + HOUR_MS;
}

static struct account *find(struct oldserver_tries *t, struct str name, int64_t now_ms)
{
	unsigned char d[DIGEST];
	size_t i;

	digest(t, 'n', name, d);
	for (i = 0; i < t->limits.accounts; i++)
		if (t->account[i].since && !over(t->account[i].since, now_ms) && memcmp(t->account[i].name, d, DIGEST) == 0)
			return &t->account[i];
	return NULL;
}

enum oldserver_try oldserver_tries_ask(struct oldserver_tries *t, struct str name, struct str password, int64_t now_ms)
{
	struct account *a = find(t, name, now_ms);
	unsigned char d[DIGEST];
	unsigned i;

	digest(t, 'p', password, d);
	for (i = 0; a && i < a->refused; i++)
		if (CRYPTO_memcmp(a->password[i], d, DIGEST) == 0)
			return OLDSERVER_REFUSED_BEFORE;
	if (a && a->refused >= t->limits.account)
		return OLDSERVER_ENOUGH;
	return !over(t->since, now_ms) && t->refused >= t->limits.all ? OLDSERVER_ENOUGH : OLDSERVER_ASK;
}

/* A place for a name that has none: an empty one, else that of the one that was first. */
static struct account *place(struct oldserver_tries *t, int64_t now_ms)
{
	struct account *best = NULL;
	size_t i;

	for (i = 0; i < t->limits.accounts; i++) {
		struct account *a = &t->account[i];

		if (a->since && over(a->since, now_ms))
			a->since = 0;
		if (!best || a->since < best->since)
			best = a;
	}
	return best;
}

void oldserver_tries_refused(struct oldserver_tries *t, struct str name, struct str password, bool shown, int64_t now_ms)
{
	struct account *a = find(t, name, now_ms);

	if (!a && (a = place(t, now_ms)) != NULL) {
		digest(t, 'n', name, a->name);
		a->since = MAX(now_ms, (int64_t)1);
		a->refused = 0;
	}
	if (a && a->refused < OLDSERVER_PASSWORDS)
		digest(t, 'p', password, a->password[a->refused++]);
	if (!shown)
		return;
	if (over(t->since, now_ms) || !t->refused) {
		t->since = now_ms;
		t->refused = 0;
	}
	t->refused++;
}
