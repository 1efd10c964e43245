/* SPDX-License-Identifier: ISC
 *
 * cur.h: a read cursor over borrowed bytes. Parsers have the shape
 *     int parse_x(struct cur *, struct arena *, struct x *out)
 * 1 matched (cursor behind it), 0 not here (cursor unmoved), negative: here
 * but malformed. Reading past the end is never an access, only "no".
 */
#ifndef MANSIO_BASE_CUR_H
#define MANSIO_BASE_CUR_H

#include "base/str.h"

struct cur {
	const unsigned char *p, *end;
};

/* Character classes: one 256-entry table per grammar, bits chosen there. */
typedef const uint16_t cur_class[256];

static inline struct cur cur_of(struct str s)
{
	const unsigned char *p = (const unsigned char *)(s.p ? s.p : "");

	return (struct cur){ p, p + s.n };
}

static inline bool cur_end(const struct cur *c)
{
	return c->p == c->end;
}

static inline size_t cur_left(const struct cur *c)
{
	return (size_t)(c->end - c->p);
}

/* The next byte without taking it, -1 at the end. */
static inline int cur_peek(const struct cur *c)
{
	return c->p < c->end ? *c->p : -1;
}

static inline int cur_next(struct cur *c)
{
	return c->p < c->end ? *c->p++ : -1;
}

/* Takes byte b if it is next. */
static inline bool cur_take(struct cur *c, char b)
{
	if (c->p == c->end || *c->p != (unsigned char)b)
		return false;
	c->p++;
	return true;
}

static inline struct str cur_rest(const struct cur *c)
{
	return (struct str){ (const char *)c->p, cur_left(c) };
}

/* Takes the literal text, ASCII case folded in cur_iword. */
bool cur_word(struct cur *c, const char *text);
bool cur_iword(struct cur *c, const char *text);
/* Takes the longest run of bytes with any of `bits` set in `table` (may be empty). */
struct str cur_span(struct cur *c, cur_class table, uint16_t bits);
/* Takes n bytes; false (unmoved) if fewer are left. */
bool cur_bytes(struct cur *c, size_t n, struct str *out);
/* 1*DIGIT up to max: 1, 0 (no digit), E_LIMIT. */
int cur_u64(struct cur *c, uint64_t max, uint64_t *out);

#endif
