/* SPDX-License-Identifier: ISC
 *
 * settings.c: fuzz target of conf_parse: what it takes prints and parses to the same.
 */
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c, *again;
	struct buf errors, x, y;

	buf_init(&errors, 1 << 20);
	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	if (conf_parse(str_make(data, size), "fuzz", &errors, &c) == 0) {
		conf_print(c, false, &x);
		BUG_ON(conf_parse(buf_view(&x), "printed", &errors, &again) != 0);
		conf_print(again, false, &y);
		BUG_ON(!str_eq(buf_view(&x), buf_view(&y)));
		conf_free(again);
		conf_free(c);
	} else {
		BUG_ON(errors.n == 0);
	}
	buf_done(&errors);
	buf_done(&x);
	buf_done(&y);
	return 0;
}
