/* SPDX-License-Identifier: ISC
 *
 * imapdesc.c (fuzz): ENVELOPE and BODYSTRUCTURE of any bytes are one balanced
 * list, and every section path that can be asked has an answer inside the message.
 */
#include "mail/imapdesc.h"

#include "base/cur.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str s)
{
	struct cur c = cur_of(s);
	size_t depth = 0;
	struct str lit;
	uint64_t n;
	int b;

	while ((b = cur_next(&c)) >= 0) {
		BUG_ON(!b || b == '\r' || b == '\n' || b > 126);
		if (b == '"') {
			while ((b = cur_next(&c)) != '"') {
				BUG_ON(b <= 0 || b > 127 || b == '\r' || b == '\n');
				if (b == '\\')
					cur_next(&c);
			}
		} else if (b == '{') {
			BUG_ON(cur_u64(&c, s.n, &n) != 1 || !cur_word(&c, "}\r\n") || !cur_bytes(&c, n, &lit));
			BUG_ON(n && memchr(lit.p, 0, n));
		} else if (b == '(') {
			depth++;
		} else if (b == ')') {
			BUG_ON(!depth--);
		}
		BUG_ON(!depth && !cur_end(&c));
	}
	BUG_ON(depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t path[][3] = { { 1, 1, 1 }, { 2, 1, 1 }, { 1, 2, 1 }, { 3, 3, 3 }, { 0, 0, 0 } };
	struct str in = str_make(data, size);
	struct header h;
	struct arena a;
	struct mime m;
	struct buf out;
	size_t i, n;

	arena_init(&a);
	buf_init(&out, 1 << 26);
	header_parse(in, NULL, &a, &h);
	mime_parse(in, NULL, &a, &m);
	imapdesc_envelope(&h, &a, &out);
	check(buf_view(&out));
	for (i = 0; i < 2; i++) {
		buf_reset(&out);
		imapdesc_bodystructure(in, &m, i, &out);
		check(buf_view(&out));
	}
	for (i = 0; i < ARRAY_LEN(path); i++)
		for (n = 0; n <= 3; n++)
			BUG_ON(imapdesc_part(&m, path[i], n) >= (int)m.n);
	buf_done(&out);
	arena_done(&a);
	return 0;
}
