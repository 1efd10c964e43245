/* SPDX-License-Identifier: ISC
 *
 * ban.c: see ban.h.
 *
 *   ask --> never? known pair? banned? too many tries? --> PASS, a try is counted
 *   PASS --> failed: counts near and wide --(limit)--> ban, twice as long as the last one ...
 *        --> good: the try is given back, the pair is known from now on
 *
 * Invariants:
 *   1. A near network adds at most `failures` to its wide one before it is banned itself, so a
 *      wide one is banned for what at least `wide` near ones did, and never for what an office did.
 *   2. A failure is written nowhere. What is saved: a ban when it begins or ends, a known pair at
 *      most once an hour.
 *   3. Both tables are bounded; the network that was not touched for the longest is forgotten, those
 *      that are banned or known last, those that were banned by hand never.
 *   4. Names are kept as digests, passwords not at all.
 */
#include "auth/ban.h"

#include <openssl/evp.h>
#include <sys/queue.h>

#include "base/table.h"

#define HOUR_MS 3600000
#define SAVE_MS HOUR_MS /* a pair that is used is saved no more often */
#define TELL_MS 60000
#define GOODS 16 /* accounts that are told apart in a network */
#define SPRAY_STRICTER 4 /* bans come so much sooner while a spray is on */
#define SPARE 16 /* networks looked at for one to forget */
#define NO_SLOT SIZE_MAX

enum { KIND_NONE, KIND_BAN, KIND_PAIR };

struct good {
	uint64_t who;
	int64_t when;
};

struct net {
	TAILQ_ENTRY(net) link;
	struct addr_net net;
	struct ring failed, tries;
	struct good *good; /* GOODS of them; NULL: none */
	int64_t touched, told;
	/* the ban */
	int64_t since, until; /* until 0: none was ever; INT64_MAX: by hand, without end */
	unsigned level, count;
	bool banned, manual;
	char *comment;
	size_t slot;
};

struct pair {
	TAILQ_ENTRY(pair) link;
	uint8_t key[34];
	struct addr peer;
	int64_t good, saved;
	size_t slot;
};

struct bans {
	struct ban_limits limits;
	struct ban_ops ops;
	struct table nets, pairs;
	TAILQ_HEAD(net_list, net) netlist; /* least recently touched first */
	TAILQ_HEAD(pair_list, pair) pairlist;
	unsigned manual[2][129]; /* bans by hand of so many bits */
	size_t *spare, nspare, cap, slots; /* slots that are free; all that there are */
	struct spray spray;
};

/* --- names, keys, slots -------------------------------------------------------- */

static void digest(struct str name, uint8_t out[16])
{
	unsigned char md[32];

	BUG_ON(EVP_Digest(name.p ? name.p : "", name.n, md, NULL, EVP_sha256(), NULL) != 1);
	memcpy(out, md, 16);
}

static uint64_t short_of(const uint8_t who[16])
{
	uint64_t v;

	memcpy(&v, who, sizeof(v));
	return v;
}

static void net_key(const struct addr *a, unsigned bits, uint8_t out[18])
{
	struct addr p = addr_prefix(a, bits);

	out[0] = p.family;
	out[1] = (uint8_t)bits;
	memcpy(out + 2, p.ip, 16);
}

static unsigned near_bits(const struct addr *a)
{
	return a->family == 4 ? 32 : 64;
}

static unsigned wide_bits(const struct addr *a)
{
	return a->family == 4 ? 24 : 48;
}

static size_t slot_new(struct bans *b)
{
	return b->nspare > 0 ? b->spare[--b->nspare] : b->slots++;
}

static void slot_spare(struct bans *b, size_t slot)
{
	if (b->nspare == b->cap)
		b->spare = mem_grow(b->spare, b->cap = 2 * b->cap + 64, sizeof(*b->spare));
	b->spare[b->nspare++] = slot;
}

static void slot_free(struct bans *b, size_t *slot)
{
	static const struct ban_record empty;

	if (*slot == NO_SLOT)
		return;
	b->ops.save(b->ops.arg, *slot, &empty);
	slot_spare(b, *slot);
	*slot = NO_SLOT;
}

/* --- networks ------------------------------------------------------------------- */

static unsigned *manual_of(struct bans *b, const struct addr_net *n)
{
	return &b->manual[n->net.family == 6][n->bits];
}

static void net_drop(struct bans *b, struct net *n)
{
	uint8_t key[18];

	if (n->banned && n->manual)
		--*manual_of(b, &n->net);
	net_key(&n->net.net, n->net.bits, key);
	table_remove(&b->nets, str_make(key, sizeof(key)));
	TAILQ_REMOVE(&b->netlist, n, link);
	free(n->good);
	free(n->comment);
	free(n);
}

static unsigned goods(const struct bans *b, const struct net *n, int64_t now)
{
	unsigned i, count = 0;

	for (i = 0; n && n->good && i < GOODS; i++)
		count += n->good[i].when != 0 && now - n->good[i].when <= b->limits.good_ms;
	return count;
}

static bool office(const struct bans *b, const struct net *n, int64_t now)
{
	return goods(b, n, now) >= b->limits.office;
}

/* Room for one more. */
static void forget_one(struct bans *b, int64_t now)
{
	struct net *n, *next;
	int i = 0, pass;

	for (pass = 0; pass < 2; pass++)
		for (n = TAILQ_FIRST(&b->netlist), i = 0; n && i < SPARE; n = next, i++) {
			next = TAILQ_NEXT(n, link);
			if ((n->banned && n->manual) || (pass == 0 && (n->banned || goods(b, n, now) > 0))) {
				TAILQ_REMOVE(&b->netlist, n, link);
				TAILQ_INSERT_TAIL(&b->netlist, n, link);
				continue;
			}
			slot_free(b, &n->slot);
			net_drop(b, n);
			return;
		}
}

static struct net *net_get(struct bans *b, const struct addr *a, unsigned bits)
{
	uint8_t key[18];

	net_key(a, bits, key);
	return table_get(&b->nets, str_make(key, sizeof(key)));
}

/* The network as it stands, on the young end of the list. */
static struct net *net_touch(struct bans *b, const struct addr *a, unsigned bits, int64_t now)
{
	struct net *n = net_get(b, a, bits);
	uint8_t key[18];

	if (n) {
		TAILQ_REMOVE(&b->netlist, n, link);
	} else {
		if (b->nets.n >= b->limits.entries)
			forget_one(b, now);
		n = mem_alloc(1, sizeof(*n));
		n->net = (struct addr_net){ .net = addr_prefix(a, bits), .bits = (uint8_t)bits };
		n->slot = NO_SLOT;
		n->told = -TELL_MS;
		net_key(a, bits, key);
		table_set(&b->nets, str_make(key, sizeof(key)), n);
	}
	TAILQ_INSERT_TAIL(&b->netlist, n, link);
	n->touched = now;
	return n;
}

static void net_good(struct bans *b, struct net *n, uint64_t who, int64_t when)
{
	struct good *at;
	size_t i;

	(void)b;
	if (!n->good)
		n->good = mem_alloc(GOODS, sizeof(*n->good));
	at = &n->good[0];
	for (i = 0; i < GOODS; i++) {
		if (n->good[i].when != 0 && n->good[i].who == who) {
			at = &n->good[i];
			break;
		}
		if (n->good[i].when < at->when)
			at = &n->good[i];
	}
	at->who = who;
	at->when = when != 0 ? when : 1;
}

/* --- bans ------------------------------------------------------------------------- */

/* Did nobody log in lately from there, nor from its wide network, in which known people get new addresses? */
static bool nobody_known(struct bans *b, const struct net *n, int64_t now)
{
	return goods(b, n, now) == 0 && goods(b, net_get(b, &n->net.net, wide_bits(&n->net.net)), now) == 0;
}

static struct ban_row row_of(struct bans *b, const struct net *n, int64_t now)
{
	return (struct ban_row){ .net = n->net, .since_ms = now - n->since, .count = n->count, .level = n->level,
		.left_ms = !n->banned ? -1 : n->until == INT64_MAX ? 0 : MAX(n->until - now, 1), .manual = n->manual,
		.door = n->manual || nobody_known(b, n, now), .comment = n->comment ? n->comment : "" };
}

static void net_save(struct bans *b, struct net *n)
{
	struct ban_record r = { .kind = KIND_BAN, .net = n->net, .level = n->level, .count = n->count,
		.until = n->until, .since = n->since };

	if (n->slot == NO_SLOT)
		n->slot = slot_new(b);
	/* a ban by hand that has ended makes none longer: it is not kept */
	if (n->manual)
		r.level = 0;
	snprintf(r.comment, sizeof(r.comment), "%s", n->comment ? n->comment : "");
	b->ops.save(b->ops.arg, n->slot, &r);
}

static void tell(struct bans *b, const struct net *n, int64_t now)
{
	struct ban_row row = row_of(b, n, now);

	b->ops.banned(b->ops.arg, &row);
}

static bool in_force(const struct net *n, int64_t now)
{
	return n && n->banned && n->until > now;
}

static void ban_begin(struct bans *b, struct net *n, unsigned count, int64_t now)
{
	const struct ban_limits *l = &b->limits;
	int64_t ms = l->first_ms;
	unsigned i;

	n->level = n->until != 0 && now - n->until <= l->memory_ms ? n->level + 1 : 1;
	for (i = 1; i < n->level && ms < l->longest_ms; i++)
		ms *= MAX(l->growth, 1);
	n->since = now;
	n->until = now + MAX(MIN(ms, l->longest_ms), 1);
	n->count = count;
	n->banned = true;
	n->failed = (struct ring){ 0 };
	net_save(b, n);
	tell(b, n, now);
}

/* It is over; of its own accord its length is remembered for the next one. */
static void ban_end(struct bans *b, struct net *n, bool forgiven, int64_t now)
{
	if (n->manual)
		--*manual_of(b, &n->net);
	n->banned = false;
	if (forgiven || n->manual) {
		n->until = n->level = 0;
		n->failed = (struct ring){ 0 };
		slot_free(b, &n->slot);
	} else {
		net_save(b, n);
	}
	tell(b, n, now);
	n->manual = false;
	free(n->comment);
	n->comment = NULL;
}

/* The ban that this address is under; NULL: none. */
static struct net *ban_of(struct bans *b, const struct addr *peer, int64_t now, bool manual)
{
	const unsigned *bits = b->manual[peer->family == 6];
	unsigned i, most = peer->family == 6 ? 128 : 32;
	struct net *n;

	if (!manual && in_force(n = net_get(b, peer, near_bits(peer)), now))
		return n;
	if (!manual && in_force(n = net_get(b, peer, wide_bits(peer)), now))
		return n;
	for (i = 0; manual && i <= most; i++)
		if (bits[i] > 0 && in_force(n = net_get(b, peer, i), now) && n->manual)
			return n;
	return NULL;
}

/* --- pairs ------------------------------------------------------------------------- */

static void pair_key(const uint8_t who[16], const struct addr *peer, uint8_t out[34])
{
	net_key(peer, peer->family == 4 ? 24 : 64, out);
	memcpy(out + 18, who, 16);
}

static struct pair *pair_get(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t now)
{
	uint8_t key[34];
	struct pair *p;

	pair_key(who, peer, key);
	p = table_get(&b->pairs, str_make(key, sizeof(key)));
	return p && now - p->good <= b->limits.good_ms ? p : NULL;
}

static void pair_drop(struct bans *b, struct pair *p)
{
	slot_free(b, &p->slot);
	table_remove(&b->pairs, str_make(p->key, sizeof(p->key)));
	TAILQ_REMOVE(&b->pairlist, p, link);
	free(p);
}

static struct pair *pair_put(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t when)
{
	uint8_t key[34];
	struct pair *p;

	pair_key(who, peer, key);
	p = table_get(&b->pairs, str_make(key, sizeof(key)));
	if (p) {
		TAILQ_REMOVE(&b->pairlist, p, link);
	} else {
		if (b->pairs.n >= b->limits.entries)
			pair_drop(b, TAILQ_FIRST(&b->pairlist));
		p = mem_alloc(1, sizeof(*p));
		memcpy(p->key, key, sizeof(key));
		p->slot = NO_SLOT;
		p->saved = INT64_MIN / 2;
		table_set(&b->pairs, str_make(key, sizeof(key)), p);
	}
	TAILQ_INSERT_TAIL(&b->pairlist, p, link);
	p->peer = *peer;
	p->good = when;
	return p;
}

static void known_now(struct bans *b, struct str name, const struct addr *peer, int64_t now)
{
	struct ban_record r = { .kind = KIND_PAIR, .net = { *peer, 0 }, .since = now };
	struct pair *p;

	digest(name, r.who);
	p = pair_put(b, r.who, peer, now);
	net_good(b, net_touch(b, peer, near_bits(peer), now), short_of(r.who), now);
	net_good(b, net_touch(b, peer, wide_bits(peer), now), short_of(r.who), now);
	if (now - p->saved < SAVE_MS)
		return;
	p->saved = now;
	if (p->slot == NO_SLOT)
		p->slot = slot_new(b);
	b->ops.save(b->ops.arg, p->slot, &r);
}

/* --- logins ------------------------------------------------------------------------ */

static bool never(const struct bans *b, const struct addr *peer)
{
	size_t i;

	for (i = 0; i < b->limits.nnever; i++)
		if (addr_net_has(&b->limits.never[i], peer))
			return true;
	return peer->family != 4 && peer->family != 6;
}

/* An office may have so many for each of its accounts. */
static unsigned tries_allowed(const struct bans *b, const struct net *wide, int64_t now)
{
	return b->limits.tries * (office(b, wide, now) ? goods(b, wide, now) : 1);
}

enum ban_answer bans_ask(struct bans *b, struct str name, const struct addr *peer, int64_t now)
{
	struct net *wide, *n;
	uint8_t who[16];

	if (peer->family != 4 && peer->family != 6)
		return BAN_FREE;
	if (ban_of(b, peer, now, true))
		return BAN_BANNED;
	if (never(b, peer))
		return BAN_FREE;
	digest(name, who);
	if (pair_get(b, who, peer, now))
		return BAN_KNOWN;
	n = ban_of(b, peer, now, false);
	if (n) {
		n->count += n->count < UINT32_MAX;
		return BAN_BANNED;
	}
	wide = net_touch(b, peer, wide_bits(peer), now);
	if (b->limits.tries > 0 && ring_sum(&wide->tries, now, HOUR_MS) >= tries_allowed(b, wide, now))
		return BAN_TRIES;
	ring_add(&wide->tries, now, HOUR_MS);
	return BAN_PASS;
}

static void count_near(struct bans *b, const struct addr *peer, int64_t now)
{
	unsigned limit = b->limits.failures, sum;
	struct net *near = net_touch(b, peer, near_bits(peer), now), *wide;

	if (b->spray.on)
		limit = MAX(limit / SPRAY_STRICTER, 2);
	if (office(b, near, now) || in_force(near, now))
		return;
	ring_add(&near->failed, now, b->limits.window_ms);
	sum = ring_sum(&near->failed, now, b->limits.window_ms);
	wide = net_touch(b, peer, wide_bits(peer), now);
	if (!office(b, wide, now) && !in_force(wide, now))
		ring_add(&wide->failed, now, b->limits.window_ms);
	if (sum >= limit)
		ban_begin(b, near, sum, now);
	sum = ring_sum(&wide->failed, now, b->limits.window_ms);
	if (sum >= (uint64_t)b->limits.failures * b->limits.wide && !in_force(wide, now))
		ban_begin(b, wide, sum, now);
}

static uint64_t near_hash(const struct addr *peer)
{
	uint8_t key[18], who[16];

	net_key(peer, near_bits(peer), key);
	digest(str_make(key, sizeof(key)), who);
	return short_of(who);
}

void bans_failed(struct bans *b, struct str name, const struct addr *peer, enum ban_answer was, int64_t now)
{
	struct spray_news news;
	uint8_t who[16];

	if (was != BAN_PASS)
		return;
	digest(name, who);
	if (spray_failed(&b->spray, &b->limits.spray, near_hash(peer), short_of(who), now, &news))
		b->ops.spray(b->ops.arg, &news);
	if (b->limits.failures > 0)
		count_near(b, peer, now);
}

void bans_undecided(struct bans *b, const struct addr *peer, enum ban_answer was, int64_t now)
{
	struct net *wide = was == BAN_PASS ? net_get(b, peer, wide_bits(peer)) : NULL;

	if (wide)
		ring_take(&wide->tries, now, HOUR_MS);
}

void bans_good(struct bans *b, struct str name, const struct addr *peer, enum ban_answer was, int64_t now)
{
	bans_undecided(b, peer, was, now);
	if (was == BAN_PASS || was == BAN_KNOWN)
		known_now(b, name, peer, now);
}

int64_t bans_strange(struct bans *b, const struct addr *peer, enum ban_answer was, int64_t now)
{
	if (!b->spray.on || was != BAN_PASS)
		return 0;
	if (goods(b, net_get(b, peer, near_bits(peer)), now) > 0 || goods(b, net_get(b, peer, wide_bits(peer)), now) > 0)
		return 0;
	return b->limits.spray.delay_ms;
}

bool bans_tell(struct bans *b, const struct addr *peer, int64_t now)
{
	struct net *n = peer->family == 4 || peer->family == 6 ? net_touch(b, peer, wide_bits(peer), now) : NULL;

	if (n && now - n->told < TELL_MS)
		return false;
	if (n)
		n->told = now;
	return true;
}

/* --- by hand, and by the clock --------------------------------------------------------- */

void bans_add(struct bans *b, const struct addr_net *net, int64_t ms, const char *comment, int64_t now)
{
	struct net *n = net_touch(b, &net->net, net->bits, now);

	if (!(n->banned && n->manual))
		++*manual_of(b, &n->net);
	free(n->comment);
	n->comment = mem_strdup(comment);
	n->banned = n->manual = true;
	n->since = now;
	n->until = ms > 0 ? now + ms : INT64_MAX;
	n->level = n->count = 0;
	net_save(b, n);
	tell(b, n, now);
}

bool bans_remove(struct bans *b, const struct addr_net *net, int64_t now)
{
	struct net *n = net_get(b, &net->net, net->bits);

	if (!in_force(n, now))
		return false;
	ban_end(b, n, true, now);
	return true;
}

void bans_each(struct bans *b, int64_t now, void (*fn)(void *arg, const struct ban_row *row), void *arg)
{
	struct ban_row row;
	struct net *n;

	TAILQ_FOREACH(n, &b->netlist, link)
		if (in_force(n, now)) {
			row = row_of(b, n, now);
			fn(arg, &row);
		}
}

void bans_sweep(struct bans *b, int64_t now)
{
	struct spray_news news;
	struct net *n, *next;
	struct pair *p;

	for (n = TAILQ_FIRST(&b->netlist); n; n = next) {
		next = TAILQ_NEXT(n, link);
		if (n->banned && n->until <= now)
			ban_end(b, n, false, now);
		if (!n->banned && now - n->touched > HOUR_MS && (n->until == 0 || now - n->until > b->limits.memory_ms) &&
			goods(b, n, now) == 0) {
			slot_free(b, &n->slot);
			net_drop(b, n);
		}
	}
	while ((p = TAILQ_FIRST(&b->pairlist)) != NULL && now - p->good > b->limits.good_ms)
		pair_drop(b, p);
	if (spray_sweep(&b->spray, &b->limits.spray, now, &news))
		b->ops.spray(b->ops.arg, &news);
}

/* --- life ------------------------------------------------------------------------------- */

static bool load_pair(struct bans *b, size_t slot, const struct ban_record *r, int64_t now)
{
	int64_t good = MIN(r->since, now);
	struct pair *p;

	if (now - good > b->limits.good_ms || b->pairs.n >= b->limits.entries)
		return false;
	p = pair_put(b, r->who, &r->net.net, good);
	slot_free(b, &p->slot); /* no pair is there twice */
	p->slot = slot;
	p->saved = good;
	net_good(b, net_touch(b, &r->net.net, near_bits(&r->net.net), now), short_of(r->who), good);
	net_good(b, net_touch(b, &r->net.net, wide_bits(&r->net.net), now), short_of(r->who), good);
	return true;
}

static bool load_ban(struct bans *b, size_t slot, const struct ban_record *r, int64_t now)
{
	bool over = r->until <= now;
	struct net *n;

	if ((over && (r->level == 0 || now - r->until > b->limits.memory_ms)) || b->nets.n >= b->limits.entries)
		return false;
	n = net_touch(b, &r->net.net, r->net.bits, now);
	if (n->slot != NO_SLOT)
		return false;
	n->slot = slot;
	n->level = r->level;
	n->count = r->count;
	n->manual = !over && r->level == 0;
	n->banned = !over;
	n->until = r->until;
	/* the clock was put back: no ban grows by that */
	if (n->banned && !n->manual)
		n->until = MIN(n->until, now + b->limits.longest_ms);
	n->since = MIN(r->since, now);
	if (n->manual) {
		++*manual_of(b, &n->net);
		n->comment = mem_strdup(r->comment);
	}
	return true;
}

bool bans_load(struct bans *b, size_t slot, const struct ban_record *r, int64_t now)
{
	const struct addr *a = &r->net.net;
	bool good = false;

	b->slots = MAX(b->slots, slot + 1);
	if (r->kind == KIND_NONE) {
		slot_spare(b, slot);
		return false;
	}
	if ((a->family == 4 && r->net.bits <= 32) || (a->family == 6 && r->net.bits <= 128))
		good = r->kind == KIND_PAIR ? load_pair(b, slot, r, now) :
			r->kind == KIND_BAN ? load_ban(b, slot, r, now) : false;
	if (!good)
		slot_free(b, &slot);
	return good;
}

struct bans *bans_new(const struct ban_limits *l, const struct ban_ops *ops)
{
	struct bans *b = mem_alloc(1, sizeof(*b));

	b->limits = *l;
	b->ops = *ops;
	table_init(&b->nets);
	table_init(&b->pairs);
	TAILQ_INIT(&b->netlist);
	TAILQ_INIT(&b->pairlist);
	return b;
}

void bans_set(struct bans *b, const struct ban_limits *l)
{
	b->limits = *l;
}

void bans_free(struct bans *b)
{
	struct pair *p;

	while (!TAILQ_EMPTY(&b->netlist))
		net_drop(b, TAILQ_FIRST(&b->netlist));
	while ((p = TAILQ_FIRST(&b->pairlist)) != NULL) {
		p->slot = NO_SLOT; /* what is saved stays */
		pair_drop(b, p);
	}
	table_done(&b->nets);
	table_done(&b->pairs);
	free(b->spare);
	free(b);
}

size_t bans_networks(const struct bans *b)
{
	return b->nets.n;
}

size_t bans_pairs(const struct bans *b)
{
	return b->pairs.n;
}
