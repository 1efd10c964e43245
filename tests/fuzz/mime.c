/* SPDX-License-Identifier: ISC
 *
 * mime.c (fuzz): the tree with small limits, and the text of its parts.
 */
#include "mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mime_limits lim = mime_default_limits;
	struct str in = str_make(data, size);
	struct arena a;
	struct mime m;
	struct buf out;
	size_t i;

	lim.depth = 5;
	lim.parts = 20;
	lim.params = 8;
	arena_init(&a);
	buf_init(&out, 1 << 20);
	mime_parse(in, &lim, &a, &m);
	BUG_ON(m.n < 1 || m.n > 20);
	for (i = 0; i < m.n; i++) {
		const struct mime_part *p = &m.part[i];

		BUG_ON(p->body_at > size || p->body_size > size - p->body_at || p->depth > 5);
		BUG_ON(p->nparams > 8 || p->body_lines > p->body_size);
		buf_reset(&out);
		if (!mime_text(in, p, true, &out))
			BUG_ON(!str_is_utf8(buf_view(&out)));
	}
	buf_done(&out);
	arena_done(&a);
	return 0;
}
