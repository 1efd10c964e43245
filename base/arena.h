/* SPDX-License-Identifier: ISC
 *
 * arena.h: memory with one lifetime. Three of them in every program: process,
 * session, command. Memory comes zeroed and never NULL (out of memory dies);
 * nothing is freed alone. Bounds on what a stranger can make us allocate are
 * the parsers' own limits.
 */
#ifndef MANSIO_BASE_ARENA_H
#define MANSIO_BASE_ARENA_H

#include <stdarg.h>

#include "base/str.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *first, *cur;
	size_t used; /* bytes handed out since the last reset */
};

void arena_init(struct arena *a);
void arena_done(struct arena *a);
void arena_wipe(struct arena *a); /* as arena_done, contents zeroed first */
void arena_reset(struct arena *a); /* keeps the first chunk */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
struct str arena_str(struct arena *a, struct str s); /* copy, and a NUL behind */
char *arena_cstr(struct arena *a, struct str s); /* copy, terminated; BUG on NUL inside is not checked */
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
