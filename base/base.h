/* SPDX-License-Identifier: ISC
 *
 * base.h: what every file of the suite may take for granted.
 *
 * Included by every header of floor 0 and through them by everything. It
 * holds the attributes, the overflow-safe helpers, BUG_ON, and poisons the C
 * functions that no file here may call. Three kinds of failure, never mixed
 * (STYLE): ours is wrong -> BUG_ON; the machine is wrong -> a code upward;
 * the client or the mail is wrong -> a reply.
 */
#ifndef MANSIO_BASE_H
#define MANSIO_BASE_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* A broken invariant of our own: prints where and aborts. Stays in release. */
NORETURN void bug_at(const char *file, int line, const char *what);
#define BUG_ON(cond)                                                           \
	do {                                                                   \
		if (__builtin_expect(!!(cond), 0))                             \
			bug_at(__FILE__, __LINE__, #cond);                     \
	} while (0)

/* Out of memory: says so on standard error and ends the process. */
NORETURN void die_oom(size_t wanted);

/* Checked allocation for what no arena owns: zeroed, never NULL. mem_grow is
 * a realloc for `n` elements of `size`; overflow of n * size dies like OOM. */
void *mem_alloc(size_t n, size_t size);
void *mem_grow(void *p, size_t n, size_t size);
char *mem_strdup(const char *s);

/* false on overflow, *out untouched. */
static inline bool size_mul(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool size_add(size_t a, size_t b, size_t *out)
{
	size_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

/* Error codes beside -errno. Text for all of both kinds: err_text(). */
enum {
	E_SYNTAX = -10001, /* input breaks its grammar */
	E_LIMIT = -10002, /* a configured maximum was passed */
	E_CLOSED = -10003, /* the peer closed */
	E_TIMEOUT = -10004, /* a deadline passed */
	E_NOTFOUND = -10005,
	E_EXISTS = -10006,
	E_QUOTA = -10007,
	E_DAMAGED = -10008, /* stored data does not make sense */
	E_DENIED = -10009, /* not allowed to this identity */
	E_TEMP = -10010, /* try again later */
	E_PEER = -10011, /* a process of ours broke the IPC rules */
	E_UNSUPPORTED = -10012,
	E_KICKED = -10013, /* the door ended this session */
	E_TLS = -10014,
	E_STALE = -10015, /* state that no longer fits (UIDVALIDITY, index) */
	E_FULL = -10016, /* no room for more */
};

/* Text for a negative code, never NULL, static. */
const char *err_text(int err);

#undef alloca /* a macro of stdlib.h */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol alloca gets

#endif
