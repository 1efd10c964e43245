/* SPDX-License-Identifier: ISC
 *
 * proxy.c: PROXY headers.
 */
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h = { 0 };
	ssize_t n = proxy_parse(str_make(data, size), &h);

	BUG_ON(n > (ssize_t)size || n > PROXY_MAX || (n < 0 && n != E_SYNTAX));
	BUG_ON(n > 0 && !h.local && (h.src.family == 0 || h.dst.family == 0));
	return 0;
}
