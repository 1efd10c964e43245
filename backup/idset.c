/* SPDX-License-Identifier: ISC
 *
 * idset.c: see idset.h. The ids are digests: their first bytes are hash enough.
 */
#include "backup/idset.h"

static const struct object_id none;

void idset_init(struct idset *s)
{
	*s = (struct idset){ .n = 0 };
}

void idset_done(struct idset *s)
{
	free(s->slot);
	idset_init(s);
}

static bool equal(const struct object_id *a, const struct object_id *b)
{
	return memcmp(a->sha, b->sha, SHA256_SIZE) == 0;
}

/* Where it is, or the free place where it would be. */
static size_t place(const struct object_id *slot, size_t n, const struct object_id *id)
{
	uint64_t h;
	size_t i;

	memcpy(&h, id->sha, sizeof(h));
	for (i = (size_t)h & (n - 1); !equal(&slot[i], &none) && !equal(&slot[i], id); i = (i + 1) & (n - 1))
		;
	return i;
}

bool idset_has(const struct idset *s, const struct object_id *id)
{
	if (equal(id, &none))
		return s->zero;
	return s->nslots && equal(&s->slot[place(s->slot, s->nslots, id)], id);
}

static void grow(struct idset *s)
{
	size_t n = s->nslots ? s->nslots * 2 : 1024, i;
	struct object_id *next = mem_alloc(n, sizeof(*next));

	for (i = 0; i < s->nslots; i++)
		if (!equal(&s->slot[i], &none))
			next[place(next, n, &s->slot[i])] = s->slot[i];
	free(s->slot);
	s->slot = next;
	s->nslots = n;
}

bool idset_add(struct idset *s, const struct object_id *id)
{
	size_t i;

	if (equal(id, &none)) {
		bool was = s->zero;

		s->zero = true;
		return !was;
	}
	if (s->n * 3 >= s->nslots * 2)
		grow(s);
	i = place(s->slot, s->nslots, id);
	if (equal(&s->slot[i], id))
		return false;
	s->slot[i] = *id;
	s->n++;
	return true;
}
