/* SPDX-License-Identifier: ISC
 *
 * slowdown.c: see slowdown.h.
 *
 * Every pair has a point in time `until`: no answer before it. A failure moves
 * it on by the delay, which doubles; so guesses on many connections at once
 * wait in one line, as if they were made one after another, and a right guess
 * waits in the same line, or its quick answer would tell. When the line is
 * longer than MAX_WAITING longest delays, answers are refusals, right or wrong.
 *
 * TOLERATED failures do not hold back a right password where there was a good
 * login within the memory: a program with an old password on the same network
 * must not lock out its owner.
 *
 * Bounded: the pair that was not touched for the longest is forgotten.
 */
#include "auth/slowdown.h"

#include <sys/queue.h>

#include "base/table.h"

#define MAX_WAITING 4
#define TOLERATED 10

struct pair {
	TAILQ_ENTRY(pair) link;
	char *key;
	size_t nkey;
	unsigned failures;
	int64_t until, touched;
	int64_t good; /* last good login, 0: none */
};

struct slowdown {
	struct slowdown_limits limits;
	struct table table;
	TAILQ_HEAD(pair_list, pair) list; /* least recently touched first */
};

struct slowdown *slowdown_new(const struct slowdown_limits *l)
{
	struct slowdown *s = mem_alloc(1, sizeof(*s));

	table_init(&s->table);
	TAILQ_INIT(&s->list);
	s->limits = *l;
	return s;
}

static void drop(struct slowdown *s, struct pair *p)
{
	table_remove(&s->table, str_make(p->key, p->nkey));
	TAILQ_REMOVE(&s->list, p, link);
	free(p->key);
	free(p);
}

void slowdown_free(struct slowdown *s)
{
	while (!TAILQ_EMPTY(&s->list))
		drop(s, TAILQ_FIRST(&s->list));
	table_done(&s->table);
	free(s);
}

void slowdown_set(struct slowdown *s, const struct slowdown_limits *l)
{
	s->limits = *l;
}

size_t slowdown_count(const struct slowdown *s)
{
	return s->table.n;
}

static bool forgotten(const struct slowdown *s, const struct pair *p, int64_t now)
{
	return now - p->touched > s->limits.memory_ms && now > p->until;
}

/* family, network, name: every input is in the key, with fixed lengths first (C15) */
static void key_of(struct buf *b, struct str name, const struct addr *peer)
{
	struct addr net = addr_network(peer);
	char *p = buf_room(b, 1 + sizeof(net.ip) + name.n);
	size_t i;

	if (!p)
		return;
	*p++ = (char)net.family;
	memcpy(p, net.ip, sizeof(net.ip));
	p += sizeof(net.ip);
	for (i = 0; i < name.n; i++)
		p[i] = ascii_lower(name.p[i]);
	buf_grew(b, 1 + sizeof(net.ip) + name.n);
}

static struct pair *pair_new(struct slowdown *s, struct str key)
{
	struct pair *p = mem_alloc(1, sizeof(*p));

	while (s->table.n >= s->limits.entries && !TAILQ_EMPTY(&s->list))
		drop(s, TAILQ_FIRST(&s->list));
	p->key = mem_alloc(key.n + 1, 1);
	memcpy(p->key, key.p, key.n);
	p->nkey = key.n;
	table_set(&s->table, key, p);
	TAILQ_INSERT_TAIL(&s->list, p, link);
	return p;
}

/* The pair as it stands now, on the young end of the list. */
static struct pair *touch(struct slowdown *s, struct str name, const struct addr *peer,
	int64_t now)
{
	struct pair *p, *old;
	struct buf key;

	while ((old = TAILQ_FIRST(&s->list)) != NULL && forgotten(s, old, now))
		drop(s, old);
	buf_init(&key, 64 * 1024);
	key_of(&key, name, peer);
	p = table_get(&s->table, buf_view(&key));
	if (!p)
		p = pair_new(s, buf_view(&key));
	buf_done(&key);
	p->touched = now;
	TAILQ_REMOVE(&s->list, p, link);
	TAILQ_INSERT_TAIL(&s->list, p, link);
	return p;
}

static int64_t delay_of(const struct slowdown *s, unsigned failures)
{
	int64_t d = s->limits.first_ms;
	unsigned i;

	for (i = 1; i < failures && d < s->limits.max_ms; i++)
		d *= 2;
	return MIN(d, s->limits.max_ms);
}

static bool line_full(const struct slowdown *s, const struct pair *p, int64_t now)
{
	return p->until - now > MAX_WAITING * s->limits.max_ms;
}

int64_t slowdown_failed(struct slowdown *s, struct str name, const struct addr *peer,
	int64_t now_ms)
{
	struct pair *p = touch(s, name, peer, now_ms);

	if (line_full(s, p, now_ms))
		return SLOWDOWN_REFUSE;
	if (p->failures < UINT32_MAX)
		p->failures++;
	p->until = MAX(p->until, now_ms) + delay_of(s, p->failures);
	return p->until - now_ms;
}

static int64_t wait_of(const struct slowdown *s, const struct pair *p, int64_t now_ms)
{
	bool known = p->good && now_ms - p->good <= s->limits.memory_ms;

	if (known && p->failures <= TOLERATED)
		return 0;
	return line_full(s, p, now_ms) ? SLOWDOWN_REFUSE : MAX(p->until - now_ms, 0);
}

int64_t slowdown_half(struct slowdown *s, struct str name, const struct addr *peer, int64_t now_ms)
{
	return wait_of(s, touch(s, name, peer, now_ms), now_ms);
}

int64_t slowdown_good(struct slowdown *s, struct str name, const struct addr *peer, int64_t now_ms)
{
	struct pair *p = touch(s, name, peer, now_ms);
	int64_t wait = wait_of(s, p, now_ms);

	if (wait == SLOWDOWN_REFUSE)
		return wait;
	p->good = now_ms ? now_ms : 1;
	p->failures = 0;
	return wait;
}
