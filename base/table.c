/* SPDX-License-Identifier: ISC
 *
 * table.c: hash table from byte strings to pointers (contract in table.h).
 *
 * Chains over a power of two of buckets, doubled when there are more entries
 * than buckets; never made smaller. The hash is keyed, so a stranger who
 * chooses the keys cannot choose the chains.
 */
#include "base/table.h"

#include "base/rand.h"

struct table_entry {
	struct table_entry *next;
	uint64_t hash;
	void *value;
	size_t n;
	char key[];
};

void table_init(struct table *t)
{
	*t = (struct table){ 0 };
}

void table_done(struct table *t)
{
	struct table_entry *e, *next;
	size_t i;

	for (i = 0; i < t->nbucket; i++)
		for (e = t->bucket[i]; e; e = next) {
			next = e->next;
			free(e);
		}
	free(t->bucket);
	table_init(t);
}

/* The link that points to the entry of key, or where it would be added. */
static struct table_entry **find(const struct table *t, struct str key, uint64_t hash)
{
	struct table_entry **link = &t->bucket[hash & (t->nbucket - 1)];

	for (; *link; link = &(*link)->next)
		if ((*link)->hash == hash && str_eq(str_make((*link)->key, (*link)->n), key))
			break;
	return link;
}

static void grow(struct table *t)
{
	size_t n = t->nbucket ? t->nbucket * 2 : 16, i;
	struct table_entry **bucket = mem_alloc(n, sizeof *bucket), *e, *next;

	for (i = 0; i < t->nbucket; i++)
		for (e = t->bucket[i]; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (n - 1)];
			bucket[e->hash & (n - 1)] = e;
		}
	free(t->bucket);
	t->bucket = bucket;
	t->nbucket = n;
}

void *table_get(const struct table *t, struct str key)
{
	struct table_entry *e = t->n ? *find(t, key, hash_str(key)) : NULL;

	return e ? e->value : NULL;
}

void *table_set(struct table *t, struct str key, void *value)
{
	uint64_t hash = hash_str(key);
	struct table_entry **link, *e;
	size_t bytes;
	void *old;

	if (t->n >= t->nbucket)
		grow(t);
	link = find(t, key, hash);
	if (*link) {
		old = (*link)->value;
		(*link)->value = value;
		return old;
	}
	if (!size_add(sizeof *e, key.n, &bytes))
		die_oom(key.n);
	e = mem_alloc(1, bytes);
	e->hash = hash;
	e->value = value;
	e->n = key.n;
	if (key.n)
		memcpy(e->key, key.p, key.n);
	*link = e;
	t->n++;
	return NULL;
}

void *table_remove(struct table *t, struct str key)
{
	struct table_entry **link, *e;
	void *value;

	if (!t->n)
		return NULL;
	link = find(t, key, hash_str(key));
	e = *link;
	if (!e)
		return NULL;
	value = e->value;
	*link = e->next;
	free(e);
	t->n--;
	return value;
}

void table_each(struct table *t, bool (*fn)(struct str key, void *value, void *arg), void *arg)
{
	struct table_entry *e, *next;
	size_t i;

	for (i = 0; i < t->nbucket; i++)
		for (e = t->bucket[i]; e; e = next) {
			next = e->next; /* fn may remove e */
			if (!fn(str_make(e->key, e->n), e->value, arg))
				return;
		}
}
