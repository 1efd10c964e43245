/* SPDX-License-Identifier: ISC
 *
 * overlay.c: a skip list in an arena. Keys mostly come in rising order, each
 * once; each entry has one level more than half of the others.
 */
#include "store/overlay.h"

int overlay_cmp(struct str a, struct str b)
{
	int r = memcmp(a.p, b.p, MIN(a.n, b.n));

	return r ? r : a.n < b.n ? -1 : a.n > b.n;
}

void overlay_init(struct overlay *o, struct arena *a)
{
	memset(o, 0, sizeof(*o));
	o->a = a;
	o->dice = UINT64_C(0x9e3779b97f4a7c15);
}

/* The links in front of the first entry at or behind key, of each level. */
static struct overlay_entry *find(struct overlay *o, struct str key, bool above,
	struct overlay_entry **link[OVERLAY_LEVELS])
{
	struct overlay_entry **row = o->first;
	int level;

	for (level = OVERLAY_LEVELS - 1; level >= 0; level--) {
		while (row[level] && overlay_cmp(row[level]->key, key) < (above ? 1 : 0))
			row = row[level]->next;
		link[level] = &row[level];
	}
	return *link[0];
}

struct overlay_entry *overlay_from(struct overlay *o, struct str key, bool above)
{
	struct overlay_entry **link[OVERLAY_LEVELS];

	return find(o, key, above, link);
}

static int roll(struct overlay *o)
{
	int levels = 1;

	o->dice = o->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	while (levels < OVERLAY_LEVELS && (o->dice >> (31 + levels) & 1))
		levels++;
	return levels;
}

static struct overlay_entry *entry(struct overlay *o, struct str key)
{
	struct overlay_entry **link[OVERLAY_LEVELS];
	struct overlay_entry *e = find(o, key, false, link);
	int levels, i;

	if (e && overlay_cmp(e->key, key) == 0)
		return e;
	levels = roll(o);
	e = arena_alloc(o->a, sizeof(*e) + (size_t)levels * sizeof(e->next[0]));
	e->key = arena_str(o->a, key);
	for (i = 0; i < levels; i++) {
		e->next[i] = *link[i];
		*link[i] = e;
	}
	return e;
}

void overlay_put(struct overlay *o, struct str key, struct str value)
{
	struct overlay_entry *e = entry(o, key);

	if (value.n <= e->value.n) {
		memcpy((char *)(uintptr_t)e->value.p, value.p, value.n);
		e->value.n = value.n;
	} else {
		e->value = arena_str(o->a, value);
	}
	e->deleted = false;
}

void overlay_del(struct overlay *o, struct str key)
{
	entry(o, key)->deleted = true;
}
