/* SPDX-License-Identifier: ISC
 *
 * ban.c: see ban.h.
 *
 *   ask --> never? known pair? banned? too many tries? --> PASS, a try is counted
 *   PASS --> failed: counts near and wide --(limit)--> ban, twice as long as the last one ...
 *        --> good: the try is given back, the pair is known from now on
 *
 * Invariants (ban_table.c has those of the tables):
 *   1. A near network adds at most `failures` to its wide one before it is banned itself, so a
 *      wide one is banned for what at least `wide` near ones did, and never for what an office did.
 *   2. A failure is written nowhere. What is saved: a ban when it begins or ends, a known pair at
 *      most once an hour.
 */
#include "auth/ban_private.h"

#define HOUR_MS 3600000
#define SAVE_MS HOUR_MS /* a pair that is used is saved no more often */
#define SPRAY_STRICTER 4 /* bans come so much sooner while a spray is on */

/* --- bans ------------------------------------------------------------------------- */

/* Did nobody log in lately from there, nor from its wide network, in which known people get new addresses? */
static bool nobody_known(struct bans *b, const struct ban_net *n, int64_t now)
{
	return ban_goods(b, n, now) == 0 && ban_goods(b, ban_net_get(b, &n->net.net, ban_wide_bits(&n->net.net)), now) == 0;
}

bool bans_friend(struct bans *b, const struct addr *peer, int64_t now)
{
	return ban_goods(b, ban_net_get(b, peer, ban_near_bits(peer)), now) > 0 ||
		ban_goods(b, ban_net_get(b, peer, ban_wide_bits(peer)), now) > 0;
}

static struct ban_row row_of(struct bans *b, const struct ban_net *n, int64_t now)
{
	return (struct ban_row){ .net = n->net, .since_ms = now - n->since, .count = n->count, .level = n->level,
		.left_ms = !n->banned ? -1 : n->until == INT64_MAX ? 0 : MAX(n->until - now, 1), .manual = n->manual,
		.door = n->manual || nobody_known(b, n, now), .comment = n->comment ? n->comment : "" };
}

static void net_save(struct bans *b, struct ban_net *n)
{
	struct ban_record r = { .kind = KIND_BAN, .net = n->net, .level = n->level, .count = n->count,
		.until = n->until, .since = n->since };

	if (n->slot == NO_SLOT)
		n->slot = ban_slot_new(b);
	/* a ban by hand that has ended makes none longer: it is not kept */
	if (n->manual)
		r.level = 0;
	snprintf(r.comment, sizeof(r.comment), "%s", n->comment ? n->comment : "");
	b->ops.save(b->ops.arg, n->slot, &r);
}

static void tell(struct bans *b, const struct ban_net *n, int64_t now)
{
	struct ban_row row = row_of(b, n, now);

	b->ops.banned(b->ops.arg, &row);
}

static bool in_force(const struct ban_net *n, int64_t now)
{
	return n && n->banned && n->until > now;
}

static void ban_begin(struct bans *b, struct ban_net *n, unsigned count, int64_t now)
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
static void ban_end(struct bans *b, struct ban_net *n, bool forgiven, int64_t now)
{
	if (n->manual)
		--*ban_manual_of(b, &n->net);
	n->banned = false;
	if (forgiven || n->manual) {
		n->until = n->level = 0;
		n->failed = (struct ring){ 0 };
		ban_slot_free(b, &n->slot);
	} else {
		net_save(b, n);
	}
	tell(b, n, now);
	n->manual = false;
	free(n->comment);
	n->comment = NULL;
}

/* The ban that this address is under; NULL: none. */
static struct ban_net *ban_of(struct bans *b, const struct addr *peer, int64_t now, bool manual)
{
	const unsigned *bits = b->manual[peer->family == 6];
	unsigned i, most = peer->family == 6 ? 128 : 32;
	struct ban_net *n;

	if (!manual && in_force(n = ban_net_get(b, peer, ban_near_bits(peer)), now))
		return n;
	if (!manual && in_force(n = ban_net_get(b, peer, ban_wide_bits(peer)), now))
		return n;
	for (i = 0; manual && i <= most; i++)
		if (bits[i] > 0 && in_force(n = ban_net_get(b, peer, i), now) && n->manual)
			return n;
	return NULL;
}

/* --- logins ------------------------------------------------------------------------ */

static void known_now(struct bans *b, struct str name, const struct addr *peer, int64_t now)
{
	struct ban_record r = { .kind = KIND_PAIR, .net = { *peer, 0 }, .since = now };
	struct ban_pair *p;

	ban_digest(name, r.who);
	p = ban_pair_put(b, r.who, peer, now);
	ban_net_good(ban_net_touch(b, peer, ban_near_bits(peer), now), ban_short(r.who), now);
	ban_net_good(ban_net_touch(b, peer, ban_wide_bits(peer), now), ban_short(r.who), now);
	if (now - p->saved < SAVE_MS)
		return;
	p->saved = now;
	if (p->slot == NO_SLOT)
		p->slot = ban_slot_new(b);
	b->ops.save(b->ops.arg, p->slot, &r);
}

static bool never(const struct bans *b, const struct addr *peer)
{
	size_t i;

	for (i = 0; i < b->limits.nnever; i++)
		if (addr_net_has(&b->limits.never[i], peer))
			return true;
	return peer->family != 4 && peer->family != 6;
}

/* An office may have so many for each of its accounts. */
static unsigned tries_allowed(const struct bans *b, const struct ban_net *wide, int64_t now)
{
	return b->limits.tries * (ban_office(b, wide, now) ? ban_goods(b, wide, now) : 1);
}

enum ban_answer bans_ask(struct bans *b, struct str name, const struct addr *peer, int64_t now)
{
	struct ban_net *wide, *n;
	uint8_t who[16];

	if (peer->family != 4 && peer->family != 6)
		return BAN_FREE;
	if (ban_of(b, peer, now, true))
		return BAN_BANNED;
	if (never(b, peer))
		return BAN_FREE;
	ban_digest(name, who);
	if (ban_pair_get(b, who, peer, now))
		return BAN_KNOWN;
	n = ban_of(b, peer, now, false);
	if (n) {
		n->count += n->count < UINT32_MAX;
		return BAN_BANNED;
	}
	wide = ban_net_touch(b, peer, ban_wide_bits(peer), now);
	if (b->limits.tries > 0 && ring_sum(&wide->tries, now, HOUR_MS) >= tries_allowed(b, wide, now))
		return BAN_TRIES;
	ring_add(&wide->tries, now, HOUR_MS);
	return BAN_PASS;
}

static void count_near(struct bans *b, const struct addr *peer, int64_t now)
{
	unsigned limit = b->limits.failures, sum;
	struct ban_net *near = ban_net_touch(b, peer, ban_near_bits(peer), now), *wide;

	if (b->spray.on)
		limit = MAX(limit / SPRAY_STRICTER, 2);
	if (ban_office(b, near, now) || in_force(near, now))
		return;
	ring_add(&near->failed, now, b->limits.window_ms);
	sum = ring_sum(&near->failed, now, b->limits.window_ms);
	wide = ban_net_touch(b, peer, ban_wide_bits(peer), now);
	if (!ban_office(b, wide, now) && !in_force(wide, now))
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

	ban_net_key(peer, ban_near_bits(peer), key);
	ban_digest(str_make(key, sizeof(key)), who);
	return ban_short(who);
}

void bans_failed(struct bans *b, struct str name, const struct addr *peer, enum ban_answer was, int64_t now)
{
	struct spray_news news;
	uint8_t who[16];

	if (was != BAN_PASS)
		return;
	ban_digest(name, who);
	if (spray_failed(&b->spray, &b->limits.spray, near_hash(peer), ban_short(who), now, &news))
		b->ops.spray(b->ops.arg, &news);
	if (b->limits.failures > 0)
		count_near(b, peer, now);
}

void bans_undecided(struct bans *b, const struct addr *peer, enum ban_answer was, int64_t now)
{
	struct ban_net *wide = was == BAN_PASS ? ban_net_get(b, peer, ban_wide_bits(peer)) : NULL;

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
	return b->spray.on && was == BAN_PASS && !bans_friend(b, peer, now) ? b->limits.spray.delay_ms : 0;
}

bool bans_tell(struct bans *b, const struct addr *peer, int64_t now)
{
	struct ban_net *n = peer->family == 4 || peer->family == 6 ? ban_net_touch(b, peer, ban_wide_bits(peer), now) : NULL;

	if (n && now - n->told < TELL_MS)
		return false;
	if (n)
		n->told = now;
	return true;
}

/* --- by hand, and by the clock --------------------------------------------------------- */

void bans_add(struct bans *b, const struct addr_net *net, int64_t ms, const char *comment, int64_t now)
{
	struct ban_net *n = ban_net_touch(b, &net->net, net->bits, now);

	if (!(n->banned && n->manual))
		++*ban_manual_of(b, &n->net);
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
	struct ban_net *n = ban_net_get(b, &net->net, net->bits);

	if (!in_force(n, now))
		return false;
	ban_end(b, n, true, now);
	return true;
}

void bans_each(struct bans *b, int64_t now, void (*fn)(void *arg, const struct ban_row *row), void *arg)
{
	struct ban_row row;
	struct ban_net *n;

	TAILQ_FOREACH(n, &b->netlist, link)
		if (in_force(n, now)) {
			row = row_of(b, n, now);
			fn(arg, &row);
		}
}

void bans_sweep(struct bans *b, int64_t now)
{
	struct spray_news news;
	struct ban_net *n, *next;
	struct ban_pair *p;

	for (n = TAILQ_FIRST(&b->netlist); n; n = next) {
		next = TAILQ_NEXT(n, link);
		if (n->banned && n->until <= now)
			ban_end(b, n, false, now);
		if (!n->banned && now - n->touched > HOUR_MS && (n->until == 0 || now - n->until > b->limits.memory_ms) &&
			ban_goods(b, n, now) == 0) {
			ban_slot_free(b, &n->slot);
			ban_net_drop(b, n);
		}
	}
	while ((p = TAILQ_FIRST(&b->pairlist)) != NULL && now - p->good > b->limits.good_ms)
		ban_pair_drop(b, p);
	if (spray_sweep(&b->spray, &b->limits.spray, now, &news))
		b->ops.spray(b->ops.arg, &news);
}

/* --- life ------------------------------------------------------------------------------- */

static bool load_pair(struct bans *b, size_t slot, const struct ban_record *r, int64_t now)
{
	int64_t good = MIN(r->since, now);
	struct ban_pair *p;

	if (now - good > b->limits.good_ms || b->pairs.n >= b->limits.entries)
		return false;
	p = ban_pair_put(b, r->who, &r->net.net, good);
	ban_slot_free(b, &p->slot); /* no pair is there twice */
	p->slot = slot;
	p->saved = good;
	ban_net_good(ban_net_touch(b, &r->net.net, ban_near_bits(&r->net.net), now), ban_short(r->who), good);
	ban_net_good(ban_net_touch(b, &r->net.net, ban_wide_bits(&r->net.net), now), ban_short(r->who), good);
	return true;
}

static bool load_ban(struct bans *b, size_t slot, const struct ban_record *r, int64_t now)
{
	bool over = r->until <= now;
	struct ban_net *n;

	if ((over && (r->level == 0 || now - r->until > b->limits.memory_ms)) || b->nets.n >= b->limits.entries)
		return false;
	n = ban_net_touch(b, &r->net.net, r->net.bits, now);
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
		++*ban_manual_of(b, &n->net);
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
		ban_slot_spare(b, slot);
		return false;
	}
	if ((a->family == 4 && r->net.bits <= 32) || (a->family == 6 && r->net.bits <= 128))
		good = r->kind == KIND_PAIR ? load_pair(b, slot, r, now) :
			r->kind == KIND_BAN ? load_ban(b, slot, r, now) : false;
	if (!good)
		ban_slot_free(b, &slot);
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
	struct ban_pair *p;

	while (!TAILQ_EMPTY(&b->netlist))
		ban_net_drop(b, TAILQ_FIRST(&b->netlist));
	while ((p = TAILQ_FIRST(&b->pairlist)) != NULL) {
		p->slot = NO_SLOT; /* what is saved stays */
		ban_pair_drop(b, p);
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
