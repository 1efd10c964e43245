/* SPDX-License-Identifier: ISC
 *
 * arena.c: memory with one lifetime (contract in arena.h).
 *
 * A list of chunks; allocation bumps a mark in the current one. A chunk that
 * is too small for a request stays behind with its rest unused, and each new
 * one is twice as large as the last, up to CHUNK_MAX. A few first chunks are
 * kept for the next arenas: most arenas live for one message and need no more.
 * In the sanitizer build none is, and what is not handed out is poisoned, with
 * a red zone behind each piece.
 */
#include "base/arena.h"

#ifdef SANITIZE
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 16, SPARES = 0 };
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { RED_ZONE = 0, SPARES = 8 };
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { CHUNK_MIN = 2048, CHUNK_MAX = 256 * 1024, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(ALIGN) char data[];
};

static struct arena_chunk *spare;
static unsigned spares;

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

static void free_from(struct arena_chunk *c)
{
	struct arena_chunk *next;

	for (; c; c = next) {
		next = c->next;
		UNPOISON(c->data, c->size);
		if (c->size == CHUNK_MIN && spares != SPARES) {
			c->next = spare;
			spare = c;
			spares++;
		} else {
			free(c);
		}
	}
}

void arena_done(struct arena *a)
{
	free_from(a->first);
	arena_init(a);
}

void arena_wipe(struct arena *a)
{
	struct arena_chunk *c;

	for (c = a->first; c; c = c->next) {
		UNPOISON(c->data, c->used);
		explicit_bzero(c->data, c->used);
	}
	arena_done(a);
}

void arena_reset(struct arena *a)
{
	if (a->first) {
		free_from(a->first->next);
		a->first->next = NULL;
		a->first->used = 0;
		POISON(a->first->data, a->first->size);
	}
	a->cur = a->first;
	a->used = 0;
}

static struct arena_chunk *chunk_alloc(size_t size)
{
	struct arena_chunk *c = spare;
	size_t bytes;

	if (c && size == CHUNK_MIN) {
		spare = c->next;
		spares--;
		return c;
	}
	if (!size_add(size, sizeof *c, &bytes))
		die_oom(size);
	c = malloc(bytes);
	if (!c)
		die_oom(bytes);
	return c;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t size = a->cur ? MIN(a->cur->size * 2, (size_t)CHUNK_MAX) : CHUNK_MIN;
	struct arena_chunk *c;

	size = MAX(size, need);
	c = chunk_alloc(size);
	c->next = NULL;
	c->size = size;
	c->used = 0;
	POISON(c->data, size);
	if (a->cur)
		a->cur->next = c;
	else
		a->first = c;
	a->cur = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->cur;
	size_t need;
	char *p;

	if (!size_add(size ? size : 1, ALIGN - 1 + RED_ZONE, &need))
		die_oom(size);
	need &= ~(size_t)(ALIGN - 1);
	if (!c || need > c->size - c->used)
		c = chunk_new(a, need);
	p = c->data + c->used;
	c->used += need;
	a->used += need;
	UNPOISON(p, size);
	memset(p, 0, size);
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (!size_mul(n, size, &bytes))
		die_oom(SIZE_MAX);
	return arena_alloc(a, bytes);
}

char *arena_cstr(struct arena *a, struct str s)
{
	size_t bytes;
	char *p;

	if (!size_add(s.n, 1, &bytes))
		die_oom(s.n);
	p = arena_alloc(a, bytes);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return (struct str){ arena_cstr(a, s), s.n };
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
