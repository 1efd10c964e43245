/* SPDX-License-Identifier: ISC
 *
 * oldserver_tries.c: see oldserver_tries.h.
 *
 * A bucket is a point in time, `until`: when it is full again. Taking one moves it on by a period, giving one back moves it
 * back. What a network had is kept in the same way, a day each.
 *
 * Tables are sets of WAYS places; a digest, which nobody can foresee, has one set. In a full set that one gives way whose
 * `until` comes first: it has the least to be remembered.
 */
#include "auth/oldserver_tries.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/rand.h"

#define HOUR_MS 3600000
#define DAY_MS (24 * (int64_t)HOUR_MS)
#define DIGEST 16
#define WAYS 16
#define PASSWORDS 16 /* of an account that are remembered */
#define RESERVE 4 /* that part of a bucket is not for strangers */

struct password {
	unsigned char id[DIGEST];
	int64_t when; /* 0: none */
	bool refused; /* else the old server is asked about it, and it is paid */
};

struct account {
	unsigned char id[DIGEST];
	int64_t until;
	struct password password[PASSWORDS];
};

struct network {
	unsigned char id[DIGEST];
	int64_t until;
};

/* of: a name as well, or all */
struct oldserver_tries {
	struct oldserver_limits limits;
	unsigned char secret[32];
	int64_t until;
	size_t sets;
	struct account *account[2]; /* real ones, and names that nobody has */
	struct network *of_account[2], *network;
};

struct addr oldserver_network(const struct addr *peer)
{
	return addr_prefix(peer, peer->family == 4 ? 24 : 48);
}

struct oldserver_tries *oldserver_tries_new(const struct oldserver_limits *l)
{
	struct oldserver_tries *t = mem_alloc(1, sizeof(*t));
	size_t i, n;

	t->limits = *l;
	t->sets = MAX(l->accounts / WAYS, (size_t)1);
	n = t->sets * WAYS;
	for (i = 0; i < 2; i++) {
		t->account[i] = mem_alloc(n, sizeof(*t->account[i]));
		t->of_account[i] = mem_alloc(n, sizeof(*t->of_account[i]));
	}
	t->network = mem_alloc(n, sizeof(*t->network));
	rand_bytes(t->secret, sizeof(t->secret));
	return t;
}

void oldserver_tries_free(struct oldserver_tries *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < 2; i++) {
		free(t->account[i]);
		free(t->of_account[i]);
	}
	free(t->network);
	OPENSSL_cleanse(t->secret, sizeof(t->secret));
	free(t);
}

/* --- places --------------------------------------------------------------------------- */

/* kind: that a name is no password, nor a network */
static void digest(const struct oldserver_tries *t, unsigned char kind, struct str s, unsigned char out[DIGEST])
{
	unsigned char key[sizeof(t->secret) + 1], mac[32];

	memcpy(key, t->secret, sizeof(t->secret));
	key[sizeof(t->secret)] = kind;
	HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)(s.n ? s.p : ""), s.n, mac, NULL);
	memcpy(out, mac, DIGEST);
	OPENSSL_cleanse(key, sizeof(key));
}

static size_t set_of(const struct oldserver_tries *t, const unsigned char id[DIGEST])
{
	uint64_t v;

	memcpy(&v, id, sizeof(v));
	return (size_t)(v % t->sets) * WAYS;
}

static struct account *account_of(struct oldserver_tries *t, const struct oldserver_asker *who)
{
	struct account *a, *least = NULL;
	unsigned char id[DIGEST];
	size_t i;

	digest(t, 'n', who->name, id);
	a = t->account[who->nobody] + set_of(t, id);
	for (i = 0; i < WAYS; i++, a++) {
		if (memcmp(a->id, id, DIGEST) == 0)
			return a;
		if (!least || a->until < least->until)
			least = a;
	}
	*least = (struct account){ .until = 0 };
	memcpy(least->id, id, DIGEST);
	return least;
}

/* The network of who asks; with a name: for this account. */
static struct network *network_of(struct oldserver_tries *t, struct network *table, const struct oldserver_asker *who,
	struct str name)
{
	struct addr net = oldserver_network(&who->peer);
	unsigned char part[1 + sizeof(net.ip) + DIGEST] = { net.family }, id[DIGEST];
	struct network *n, *least = NULL;
	size_t i;

	memcpy(part + 1, net.ip, sizeof(net.ip));
	digest(t, 'n', name, part + 1 + sizeof(net.ip));
	digest(t, 'w', str_make(part, sizeof(part)), id);
	n = table + set_of(t, id);
	for (i = 0; i < WAYS; i++, n++) {
		if (memcmp(n->id, id, DIGEST) == 0)
			return n;
		if (!least || n->until < least->until)
			least = n;
	}
	*least = (struct network){ .until = 0 };
	memcpy(least->id, id, DIGEST);
	return least;
}

/* --- buckets ---------------------------------------------------------------------------- */

static unsigned holds(unsigned an_hour)
{
	return MAX(an_hour / 2, 1u);
}

static void pay(int64_t *until, int64_t period, int64_t now)
{
	*until = MAX(*until, now) + period;
}

static void pay_back(int64_t *until, int64_t period)
{
	*until -= period;
}

/* Rules 1 to 3. */
static bool may_take(unsigned an_hour, int64_t until, const struct network *n, const struct oldserver_asker *who, int64_t now)
{
	int64_t most = holds(an_hour), period = HOUR_MS / most, reserve = who->from == OLDSERVER_STRANGER ? most / RESERVE : 0;
	int64_t left = (most * period - MAX(until - now, (int64_t)0)) / period - reserve;
	int64_t had = (MAX(n->until - now, (int64_t)0) + DAY_MS - 1) / DAY_MS;

	if (who->from == OLDSERVER_KNOWN)
		had = 0;
	return left > MIN(had, most - reserve - 1);
}

static struct password *password_of(struct oldserver_tries *t, struct account *a, struct str password, int64_t now)
{
	unsigned char id[DIGEST];
	size_t i;

	digest(t, 'p', password, id);
	for (i = 0; i < PASSWORDS; i++)
		if (a->password[i].when && now < a->password[i].when + HOUR_MS && CRYPTO_memcmp(a->password[i].id, id, DIGEST) == 0)
			return &a->password[i];
	return NULL;
}

static void password_add(struct oldserver_tries *t, struct account *a, struct str password, bool refused, int64_t now)
{
	struct password *p = a->password;
	size_t i;

	for (i = 1; i < PASSWORDS; i++)
		if (a->password[i].when < p->when)
			p = &a->password[i];
	digest(t, 'p', password, p->id);
	p->when = MAX(now, (int64_t)1);
	p->refused = refused;
}

/* take: else what was taken is given back. */
static void settle(struct oldserver_tries *t, struct account *a, const struct oldserver_asker *who, bool take, int64_t now)
{
	struct network *of_account = network_of(t, t->of_account[who->nobody], who, who->name);
	struct network *network = network_of(t, t->network, who, STR(""));
	const int64_t one = HOUR_MS / holds(t->limits.account), one_of_all = HOUR_MS / holds(t->limits.all);

	if (take) {
		pay(&a->until, one, now);
		pay(&of_account->until, DAY_MS, now);
	} else {
		pay_back(&a->until, one);
		pay_back(&of_account->until, DAY_MS);
	}
	if (who->nobody)
		return;
	if (take) {
		pay(&t->until, one_of_all, now);
		pay(&network->until, DAY_MS, now);
	} else {
		pay_back(&t->until, one_of_all);
		pay_back(&network->until, DAY_MS);
	}
}

enum oldserver_try oldserver_tries_ask(struct oldserver_tries *t, const struct oldserver_asker *who, int64_t now_ms)
{
	struct account *a = account_of(t, who);
	struct password *p = password_of(t, a, who->password, now_ms);

	if (p)
		return p->refused ? OLDSERVER_REFUSED_BEFORE : OLDSERVER_ASK;
	if (!may_take(t->limits.account, a->until, network_of(t, t->of_account[who->nobody], who, who->name), who, now_ms) ||
		!may_take(t->limits.all, t->until, network_of(t, t->network, who, STR("")), who, now_ms))
		return OLDSERVER_ENOUGH;
	settle(t, a, who, true, now_ms);
	password_add(t, a, who->password, false, now_ms);
	return OLDSERVER_ASK;
}

void oldserver_tries_end(struct oldserver_tries *t, const struct oldserver_asker *who, bool refused, int64_t now_ms)
{
	struct account *a = account_of(t, who);
	struct password *p = password_of(t, a, who->password, now_ms);

	if (p && p->refused)
		return;
	if (p && refused) {
		p->refused = true;
		p->when = MAX(now_ms, (int64_t)1);
	} else if (p) {
		settle(t, a, who, false, now_ms);
		*p = (struct password){ .when = 0 };
	} else if (refused) { /* one of several at once, of which another came to nothing */
		settle(t, a, who, true, now_ms);
		password_add(t, a, who->password, true, now_ms);
	}
}
