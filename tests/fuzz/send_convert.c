/* SPDX-License-Identifier: ISC
 *
 * send_convert.c: any bytes as a message for a server that takes 7-bit text only: refused, or then 7-bit, with the
 * same parts, and each of them decodes to what it was.
 */
#include "mail/mime.h"
#include "smtp/send/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without line ends and their kind: those of text are put right. */
static void bare(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_c(out, s.p[i]);
}

static void decoded(struct str m, const struct mime_part *p, struct buf *out)
{
	struct buf plain;

	buf_init(&plain, 1 << 22);
	mime_decode(str_sub(m, p->body_at, p->body_at + p->body_size), p->encoding, &plain);
	bare(buf_view(&plain), out);
	buf_done(&plain);
}

static void compare(struct str in, struct str out)
{
	struct mime a, b;
	struct arena arena;
	struct buf x, y;
	size_t i;

	arena_init(&arena);
	buf_init(&x, 1 << 22);
	buf_init(&y, 1 << 22);
	mime_parse(in, NULL, &arena, &a);
	mime_parse(out, NULL, &arena, &b);
	BUG_ON(a.n != b.n);
	for (i = 0; i < a.n; i++) {
		BUG_ON(a.part[i].parent != b.part[i].parent || !str_eq(a.part[i].type, b.part[i].type) ||
			!str_eq(a.part[i].subtype, b.part[i].subtype));
		if (a.part[i].first_child >= 0)
			continue;
		buf_reset(&x);
		buf_reset(&y);
		decoded(in, &a.part[i], &x);
		decoded(out, &b.part[i], &y);
		BUG_ON(!str_eq(buf_view(&x), buf_view(&y)));
	}
	buf_done(&x);
	buf_done(&y);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);
	const char *why = NULL;
	struct buf out;
	size_t i;
	int r;

	if (size > 100000)
		return 0;
	buf_init(&out, 1 << 22);
	r = convert_7bit(in, &out, &why);
	BUG_ON(r && (r != E_UNSUPPORTED || !why));
	if (!r) {
		for (i = 0; i < out.n; i++)
			BUG_ON((unsigned char)out.p[i] & 0x80);
		compare(in, buf_view(&out));
	}
	buf_done(&out);
	return 0;
}
