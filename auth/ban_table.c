/* SPDX-License-Identifier: ISC
 *
 * ban_table.c: the networks and the known pairs that ban.c decides by.
 *
 * Both tables are bounded; the network that was not touched for the longest is forgotten, those that are banned or known
 * last, those that were banned by hand never. Names are kept as digests, passwords not at all.
 */
#include "auth/ban_private.h"

#include <openssl/evp.h>

#define GOODS 16 /* accounts that are told apart in a network */
#define SPARE 16 /* networks looked at for one to forget */

/* --- names, keys, slots -------------------------------------------------------- */

void ban_digest(struct str name, uint8_t out[16])
{
	/* the last one: a login is asked about, and then told, by the same name */
	static char last[64];
	static size_t nlast = SIZE_MAX;
	static unsigned char md[32];

	if (name.n != nlast || (name.n && memcmp(last, name.p, name.n) != 0)) {
		BUG_ON(EVP_Digest(name.p ? name.p : "", name.n, md, NULL, EVP_sha256(), NULL) != 1);
		nlast = name.n <= sizeof(last) ? name.n : SIZE_MAX;
		if (name.n && name.n <= sizeof(last))
			memcpy(last, name.p, name.n);
	}
	memcpy(out, md, 16);
}

uint64_t ban_short(const uint8_t who[16])
{
	uint64_t v;

	memcpy(&v, who, sizeof(v));
	return v;
}

void ban_net_key(const struct addr *a, unsigned bits, uint8_t out[18])
{
	struct addr p = addr_prefix(a, bits);

	out[0] = p.family;
	out[1] = (uint8_t)bits;
	memcpy(out + 2, p.ip, 16);
}

unsigned ban_near_bits(const struct addr *a)
{
	return a->family == 4 ? 32 : 64;
}

unsigned ban_wide_bits(const struct addr *a)
{
	return a->family == 4 ? 24 : 48;
}

size_t ban_slot_new(struct bans *b)
{
	return b->nspare > 0 ? b->spare[--b->nspare] : b->slots++;
}

void ban_slot_spare(struct bans *b, size_t slot)
{
	if (b->nspare == b->cap)
		b->spare = mem_grow(b->spare, b->cap = 2 * b->cap + 64, sizeof(*b->spare));
	b->spare[b->nspare++] = slot;
}

void ban_slot_free(struct bans *b, size_t *slot)
{
	static const struct ban_record empty;

	if (*slot == NO_SLOT)
		return;
	b->ops.save(b->ops.arg, *slot, &empty);
	ban_slot_spare(b, *slot);
	*slot = NO_SLOT;
}

/* --- networks ------------------------------------------------------------------- */

unsigned *ban_manual_of(struct bans *b, const struct addr_net *n)
{
	return &b->manual[n->net.family == 6][n->bits];
}

void ban_net_drop(struct bans *b, struct ban_net *n)
{
	uint8_t key[18];

	if (n->banned && n->manual)
		--*ban_manual_of(b, &n->net);
	ban_net_key(&n->net.net, n->net.bits, key);
	table_remove(&b->nets, str_make(key, sizeof(key)));
	TAILQ_REMOVE(&b->netlist, n, link);
	free(n->good);
	free(n->comment);
	free(n);
}

unsigned ban_goods(const struct bans *b, const struct ban_net *n, int64_t now)
{
	unsigned i, count = 0;

	for (i = 0; n && n->good && i < GOODS; i++)
		count += n->good[i].when != 0 && now - n->good[i].when <= b->limits.good_ms;
	return count;
}

bool ban_office(const struct bans *b, const struct ban_net *n, int64_t now)
{
	return ban_goods(b, n, now) >= b->limits.office;
}

/* Room for one more. */
static void forget_one(struct bans *b, int64_t now)
{
	struct ban_net *n, *next;
	int i = 0, pass;

	for (pass = 0; pass < 2; pass++)
		for (n = TAILQ_FIRST(&b->netlist), i = 0; n && i < SPARE; n = next, i++) {
			next = TAILQ_NEXT(n, link);
			if ((n->banned && n->manual) || (pass == 0 && (n->banned || ban_goods(b, n, now) > 0))) {
				TAILQ_REMOVE(&b->netlist, n, link);
				TAILQ_INSERT_TAIL(&b->netlist, n, link);
				continue;
			}
			ban_slot_free(b, &n->slot);
			ban_net_drop(b, n);
			return;
		}
}

struct ban_net *ban_net_get(struct bans *b, const struct addr *a, unsigned bits)
{
	uint8_t key[18];

	ban_net_key(a, bits, key);
	return table_get(&b->nets, str_make(key, sizeof(key)));
}

struct ban_net *ban_net_touch(struct bans *b, const struct addr *a, unsigned bits, int64_t now)
{
	struct ban_net *n = ban_net_get(b, a, bits);
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
		ban_net_key(a, bits, key);
		table_set(&b->nets, str_make(key, sizeof(key)), n);
	}
	TAILQ_INSERT_TAIL(&b->netlist, n, link);
	n->touched = now;
	return n;
}

void ban_net_good(struct ban_net *n, uint64_t who, int64_t when)
{
	struct ban_good *at;
	size_t i;

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


/* --- pairs ------------------------------------------------------------------------- */

static void pair_key(const uint8_t who[16], const struct addr *peer, uint8_t out[34])
{
	ban_net_key(peer, peer->family == 4 ? 24 : 64, out);
	memcpy(out + 18, who, 16);
}

struct ban_pair *ban_pair_get(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t now)
{
	uint8_t key[34];
	struct ban_pair *p;

	pair_key(who, peer, key);
	p = table_get(&b->pairs, str_make(key, sizeof(key)));
	return p && now - p->good <= b->limits.good_ms ? p : NULL;
}

void ban_pair_drop(struct bans *b, struct ban_pair *p)
{
	ban_slot_free(b, &p->slot);
	table_remove(&b->pairs, str_make(p->key, sizeof(p->key)));
	TAILQ_REMOVE(&b->pairlist, p, link);
	free(p);
}

struct ban_pair *ban_pair_put(struct bans *b, const uint8_t who[16], const struct addr *peer, int64_t when)
{
	uint8_t key[34];
	struct ban_pair *p;

	pair_key(who, peer, key);
	p = table_get(&b->pairs, str_make(key, sizeof(key)));
	if (p) {
		TAILQ_REMOVE(&b->pairlist, p, link);
	} else {
		if (b->pairs.n >= b->limits.entries)
			ban_pair_drop(b, TAILQ_FIRST(&b->pairlist));
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
