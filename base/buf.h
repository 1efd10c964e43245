/* SPDX-License-Identifier: ISC
 *
 * buf.h: owned, growing bytes with a hard maximum and a sticky error: after
 * the first failure (E_LIMIT) every call does nothing, and one check of b->err
 * at the end tells. Zero-initialised memory is not a buf: call buf_init.
 */
#ifndef MANSIO_BASE_BUF_H
#define MANSIO_BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap, max;
	int err;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees; b may be init'ed again */
void buf_wipe(struct buf *b); /* as buf_done, secrets zeroed first */
void buf_reset(struct buf *b); /* empty, error cleared, memory kept */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
static inline void buf_puts(struct buf *b, const char *cstring)
{
	buf_add(b, cstring, strlen(cstring));
}
void buf_c(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vfmt(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
void buf_u64(struct buf *b, uint64_t v);
/* Room for n more bytes, NULL if that passes the maximum; after writing there
 * call buf_grew(b, written). */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
void buf_drop(struct buf *b, size_t n); /* drops n bytes from the front */
void buf_cut(struct buf *b, size_t n); /* shortens to n bytes */
struct str buf_view(const struct buf *b);
/* NUL-terminated view; the NUL is not counted in n. */
const char *buf_cstr(struct buf *b);

#endif
