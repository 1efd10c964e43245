/* SPDX-License-Identifier: ISC
 *
 * buf.c: owned, growing bytes with a hard maximum (contract in buf.h).
 *
 * Always true: n <= max; p is NULL or has cap bytes with n < cap, so that a
 * NUL fits behind the content; after an error nothing changes until a reset.
 */
#include "base/buf.h"

enum { BUF_FIRST = 128 };

static void check(const struct buf *b)
{
	BUG_ON(b->n > b->max || (b->p && b->n >= b->cap) || (!b->p && b->n));
}

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = MIN(max, (size_t)PTRDIFF_MAX - 1) };
}

void buf_done(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->err = 0;
}

/* Makes room for n more bytes and a NUL; false and E_LIMIT if that is too much. */
static bool grow(struct buf *b, size_t n)
{
	size_t need, cap;

	if (b->err)
		return false;
	if (b->p && n <= b->max - b->n && n < b->cap - b->n)
		return true;
	check(b);
	if (n > b->max - b->n) {
		b->err = E_LIMIT;
		return false;
	}
	need = b->n + n + 1;
	if (need <= b->cap)
		return true;
	cap = MAX(b->cap + b->cap / 2, (size_t)BUF_FIRST);
	cap = MAX(MIN(cap, b->max + 1), need);
	b->p = mem_grow(b->p, cap, 1);
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !grow(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void buf_c(struct buf *b, char c)
{
	if (grow(b, 1))
		b->p[b->n++] = c;
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	if (!grow(b, 0))
		return;
	va_copy(again, ap);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	BUG_ON(n < 0);
	if ((size_t)n >= b->cap - b->n && grow(b, (size_t)n))
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	va_end(again);
	/* the memory may be larger than the maximum allows */
	if (!b->err && grow(b, (size_t)n))
		b->n += (size_t)n;
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof digits - at);
}

char *buf_room(struct buf *b, size_t n)
{
	return grow(b, n) ? b->p + b->n : NULL;
}

void buf_grew(struct buf *b, size_t n)
{
	if (b->err)
		return;
	BUG_ON(n && (n > b->max - b->n || b->n + n >= b->cap));
	b->n += n;
}

void buf_drop(struct buf *b, size_t n)
{
	if (b->err)
		return;
	BUG_ON(n > b->n);
	if (n && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void buf_cut(struct buf *b, size_t n)
{
	if (!b->err && n < b->n)
		b->n = n;
}

struct str buf_view(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}

const char *buf_cstr(struct buf *b)
{
	if (!b->p)
		return "";
	check(b);
	b->p[b->n] = '\0';
	return b->p;
}
