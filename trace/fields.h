/* SPDX-License-Identifier: ISC
 *
 * fields.h: private to trace/: one event taken apart: its name and its
 * key=value pairs, as trace.c printed them.
 *
 *     event = name *( SP key "=" value )
 *     value = *bare / DQUOTE *( any but DQUOTE and "\" / "\" any ) DQUOTE
 *
 * What is found here borrows from the line; values stay escaped ("raw") until
 * somebody wants to show them: equal values are equal raw, so searching and
 * comparing need no copies.
 */
#ifndef MANSIO_TRACE_FIELDS_H
#define MANSIO_TRACE_FIELDS_H

#include "base/arena.h"
#include "base/buf.h"

#define FIELDS_MAX 40

struct fields {
	struct str event;
	struct {
		struct str key, raw; /* without quotes */
	} f[FIELDS_MAX]; /* further ones are left out */
	size_t n;
};

/* 0, or E_SYNTAX: no event. */
int fields_parse(struct str text, struct fields *out);
/* The value as it stands in the line; STR_NONE if there is no such field. */
struct str fields_raw(const struct fields *f, const char *key);
uint64_t fields_u64(const struct fields *f, const char *key); /* 0: none, or no number */
/* Escapes undone: the bytes that the field was made of. */
struct str fields_text(struct arena *a, struct str raw);
/* A value as it would stand in a line, without quotes: what raw values are compared with. */
struct str fields_escape(struct arena *a, struct str value);
/* Is needle (already in lower case) in s, ASCII letters of any case? */
bool fields_contain(struct str s, struct str needle);
struct str fields_lower(struct arena *a, struct str s);

#endif
