/* SPDX-License-Identifier: ISC
 *
 * mboxname.c (fuzz): modified UTF-7: a name that decodes has one spelling.
 */
#include "mail/imapset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size);
	struct buf name, again;

	buf_init(&name, 1 << 20);
	buf_init(&again, 1 << 22);
	if (!mutf7_decode(in, &name)) {
		BUG_ON(!str_is_utf8(buf_view(&name)) || str_has_ctl(buf_view(&name)));
		mutf7_encode(buf_view(&name), &again);
		BUG_ON(!str_eq(in, buf_view(&again)));
	}
	buf_reset(&again);
	mutf7_encode(in, &again);
	BUG_ON(!str_is_ascii(buf_view(&again)));
	buf_done(&name);
	buf_done(&again);
	return 0;
}
