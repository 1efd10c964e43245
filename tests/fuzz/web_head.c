/* SPDX-License-Identifier: ISC
 *
 * web_head.c: fuzz target of head_check: a head that is good ends with an empty line, its
 * bytes alone are good again, and one byte less is not enough.
 */
#include "webadmin/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);
	struct head h, again;

	if (head_check(in, 4096, &h) != 1)
		return 0;
	BUG_ON(h.n > size || h.n > 4096 || h.n < 4 || memcmp(data + h.n - 4, "\r\n\r\n", 4) != 0);
	BUG_ON(head_check(str_sub(in, 0, h.n), 4096, &again) != 1 || again.n != h.n || again.body != h.body);
	BUG_ON(head_check(str_sub(in, 0, h.n - 1), 4096, &again) != 0);
	BUG_ON(memchr(data, '\0', h.n) != NULL);
	return 0;
}
