/* SPDX-License-Identifier: ISC
 *
 * cache.c: see cache.h. All entries live equally long, so the list in order of
 * making is the order of ending too: what is at its head is dropped, for age
 * or for room.
 */
#include "auth/cache.h"

#include <sys/queue.h>

#include "base/table.h"

struct entry {
	TAILQ_ENTRY(entry) link;
	char *key, *value;
	size_t nkey, nvalue;
	int64_t until;
};

struct cache {
	struct table table;
	TAILQ_HEAD(entry_list, entry) list;
	size_t max;
	int64_t life_ms;
};

struct cache *cache_new(size_t max, int64_t life_ms)
{
	struct cache *c = mem_alloc(1, sizeof(*c));

	table_init(&c->table);
	TAILQ_INIT(&c->list);
	c->max = max;
	c->life_ms = life_ms;
	return c;
}

static void drop(struct cache *c, struct entry *e)
{
	table_remove(&c->table, str_make(e->key, e->nkey));
	TAILQ_REMOVE(&c->list, e, link);
	free(e->key);
	free(e->value);
	free(e);
}

void cache_clear(struct cache *c)
{
	while (!TAILQ_EMPTY(&c->list))
		drop(c, TAILQ_FIRST(&c->list));
}

void cache_free(struct cache *c)
{
	cache_clear(c);
	table_done(&c->table);
	free(c);
}

void cache_set(struct cache *c, size_t max, int64_t life_ms)
{
	cache_clear(c);
	c->max = max;
	c->life_ms = life_ms;
}

static char *copy(struct str s)
{
	char *p = mem_alloc(s.n + 1, 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

void cache_put(struct cache *c, struct str key, struct str value, int64_t now_ms)
{
	struct entry *e = table_get(&c->table, key);

	if (e)
		drop(c, e);
	if (c->max == 0 || c->life_ms == 0)
		return;
	while (c->table.n >= c->max)
		drop(c, TAILQ_FIRST(&c->list));
	e = mem_alloc(1, sizeof(*e));
	e->key = copy(key);
	e->nkey = key.n;
	e->value = copy(value);
	e->nvalue = value.n;
	e->until = now_ms + c->life_ms;
	table_set(&c->table, key, e);
	TAILQ_INSERT_TAIL(&c->list, e, link);
}

struct str cache_get(struct cache *c, struct str key, int64_t now_ms)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&c->list)) != NULL && now_ms >= e->until)
		drop(c, e);
	e = table_get(&c->table, key);
	return e ? str_make(e->value, e->nvalue) : STR_NONE;
}
