/* SPDX-License-Identifier: ISC
 *
 * str.h: borrowed bytes. A struct str never owns; what it points to is owned
 * by a buf, an arena or the program text, and outlives it. It may hold any
 * byte, NUL too, and is not terminated.
 */
#ifndef MANSIO_BASE_STR_H
#define MANSIO_BASE_STR_H

#include "base/base.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* For printf: "%.*s", STRF(s) */
#define STRF(s) (int)MIN((s).n, (size_t)INT32_MAX), (s).p ? (s).p : ""

/* The length of a literal is known where these are called: it costs nothing there. */
static inline struct str str_of(const char *cstring) /* NULL gives STR_NONE */
{
	return cstring ? (struct str){ cstring, strlen(cstring) } : STR_NONE;
}

static inline struct str str_make(const void *p, size_t n)
{
	return (struct str){ p, n };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eqc(struct str a, const char *cstring)
{
	return str_eq(a, str_of(cstring));
}

/* ASCII case folded; bytes above 127 compare exactly. */
bool str_ieq(struct str a, struct str b);
bool str_ieqc(struct str a, const char *cstring);
int str_cmp(struct str a, struct str b);
int str_icmp(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_istarts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Position of byte c, or -1. str_rfind: the last one. */
ssize_t str_find(struct str s, char c);
ssize_t str_rfind(struct str s, char c);
/* Position of needle (linear time), or -1; an empty needle is found at 0. */
ssize_t str_search(struct str s, struct str needle);
/* From position a (to b, exclusive); positions past the end are cut. */
struct str str_from(struct str s, size_t a);
struct str str_sub(struct str s, size_t a, size_t b);
/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Cuts *rest at the first c: the part before it is returned, *rest is what
 * follows. Without c all is returned and *rest is STR_NONE (p NULL). */
struct str str_cut(struct str *rest, char c);
/* Whole string as a decimal number without sign: 0, E_SYNTAX, E_LIMIT (> max). */
int str_u64(struct str s, uint64_t max, uint64_t *out);
bool str_has_ctl(struct str s); /* any byte < 0x20 or 0x7f */
bool str_is_utf8(struct str s); /* strict: no overlong, surrogate, > 10FFFF */
bool str_is_ascii(struct str s);
/* Length of the UTF-8 character at p (RFC 3629; n > 0), 0 if broken; *cp is set. */
size_t str_char(const unsigned char *p, size_t n, uint32_t *cp);
/* Characters by which a reader is fooled: controls, marks and overrides of direction, invisible ones, line separators. What is
 * shown has them escaped (trace_escape). */
bool str_deceives(uint32_t cp);
/* A text for people that somebody gives us (a comment, a label, a name): UTF-8, one line, nothing of these. */
bool str_is_line(struct str s);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

#endif
