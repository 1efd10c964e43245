/* SPDX-License-Identifier: ISC
 *
 * front_http.c: fuzz target of http_head_parse: what is taken is whole, in one piece and within its
 * bounds, and no shorter text is taken for it.
 */
#include "front/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_make(data, size), name;
	struct http_head h, again;
	size_t used = 0, n;

	if (http_head_parse(s, 8192, &h, &used) != 1)
		return 0;
	BUG_ON(used > size || used > 8192 || used < 4 || memcmp(s.p + used - 4, "\r\n\r\n", 4) != 0);
	BUG_ON(h.target.p[0] != '/' || memchr(h.target.p, '\r', h.target.n) || memchr(h.target.p, '\n', h.target.n));
	BUG_ON(http_head_parse(str_sub(s, 0, used - 1), 8192, &again, &n) == 1);
	if (http_host_name(h.host, &name))
		BUG_ON(name.n == 0 || str_has_ctl(name) || memchr(name.p, '/', name.n));
	return 0;
}
