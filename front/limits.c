/* SPDX-License-Identifier: ISC
 *
 * limits.c: the counters of limits.h. A table's value is the count itself, as
 * a pointer-sized number; an entry whose count falls to zero is removed, so
 * the tables are never larger than the number of connections.
 */
#include "front/limits.h"

void limits_init(struct limits *l)
{
	memset(l, 0, sizeof *l);
	table_init(&l->address);
	table_init(&l->network);
	table_init(&l->user);
	table_init(&l->smtp_network);
}

void limits_done(struct limits *l)
{
	table_done(&l->address);
	table_done(&l->network);
	table_done(&l->user);
	table_done(&l->smtp_network);
}

static size_t count_of(const struct table *t, struct str key)
{
	return (size_t)(uintptr_t)table_get(t, key);
}

static void count_up(struct table *t, struct str key)
{
	table_set(t, key, (void *)(uintptr_t)(count_of(t, key) + 1));
}

static void count_down(struct table *t, struct str key)
{
	size_t n = count_of(t, key);

	BUG_ON(n == 0);
	if (n == 1)
		table_remove(t, key);
	else
		table_set(t, key, (void *)(uintptr_t)(n - 1));
}

/* Family and address bytes: no port. */
struct key {
	char b[17];
};

static struct str key_of(const struct addr *a, struct key *k)
{
	k->b[0] = (char)a->family;
	memcpy(k->b + 1, a->ip, sizeof a->ip);
	return str_make(k->b, a->family == 4 ? 5 : a->family == 6 ? 17 : 1);
}

enum limits_verdict limits_enter(struct limits *l, size_t max)
{
	if (l->total >= max)
		return LIMITS_TOTAL;
	l->total++;
	return LIMITS_OK;
}

void limits_leave(struct limits *l)
{
	BUG_ON(l->total == 0);
	l->total--;
}

enum limits_verdict limits_address(struct limits *l, const struct addr *a, size_t max_address,
	size_t max_network)
{
	struct addr net = addr_network(a);
	struct key ka, kn;

	if (count_of(&l->address, key_of(a, &ka)) >= max_address)
		return LIMITS_ADDRESS;
	if (count_of(&l->network, key_of(&net, &kn)) >= max_network)
		return LIMITS_NETWORK;
	count_up(&l->address, key_of(a, &ka));
	count_up(&l->network, key_of(&net, &kn));
	return LIMITS_OK;
}

void limits_address_leave(struct limits *l, const struct addr *a)
{
	struct addr net = addr_network(a);
	struct key ka, kn;

	count_down(&l->address, key_of(a, &ka));
	count_down(&l->network, key_of(&net, &kn));
}

enum limits_verdict limits_user(struct limits *l, struct str user, size_t max)
{
	if (count_of(&l->user, user) >= max)
		return LIMITS_USER;
	count_up(&l->user, user);
	return LIMITS_OK;
}

void limits_user_leave(struct limits *l, struct str user)
{
	count_down(&l->user, user);
}

/* What one of several fronts may count of a number that is for all of them. */
static size_t part_of(size_t all, size_t fronts, size_t instance)
{
	return MAX(all / fronts + (instance < all % fronts), (size_t)1);
}

struct smtp_part limits_smtp_part(size_t processes, size_t fronts, size_t instance, unsigned reserve,
	unsigned share)
{
	size_t kept = MIN((processes * reserve + 99) / 100, processes - 1);

	fronts = MAX(fronts, (size_t)1);
	return (struct smtp_part){ part_of(processes - kept, fronts, instance),
		part_of(processes * share / 100, fronts, instance) };
}

enum limits_verdict limits_smtp(struct limits *l, const struct addr *a, const struct smtp_part *part)
{
	struct addr net = addr_network(a);
	struct key k;

	if (l->smtp >= part->strangers)
		return LIMITS_SMTP;
	if (!addr_is_loopback(a)) {
		if (count_of(&l->smtp_network, key_of(&net, &k)) >= part->network)
			return LIMITS_SMTP_NETWORK;
		count_up(&l->smtp_network, key_of(&net, &k));
	}
	l->smtp++;
	return LIMITS_OK;
}

void limits_smtp_leave(struct limits *l, const struct addr *a)
{
	struct addr net = addr_network(a);
	struct key k;

	BUG_ON(l->smtp == 0);
	l->smtp--;
	if (!addr_is_loopback(a))
		count_down(&l->smtp_network, key_of(&net, &k));
}

const char *limits_text(enum limits_verdict v)
{
	static const char *const text[] = { "none", "total", "address", "network", "user", "smtp", "smtp-network" };

	return text[v];
}
