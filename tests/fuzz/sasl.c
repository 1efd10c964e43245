/* SPDX-License-Identifier: ISC
 *
 * sasl.c: SASL frames: the client's answer lines and initial responses.
 */
#include "front/parse.h"

#include "base/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = str_make(data, size);
	struct buf out, back;

	buf_init(&out, 65536);
	buf_init(&back, 2 * 65536);
	if (parse_sasl(line, &out) == 0) {
		base64_encode(buf_view(&out), &back);
		BUG_ON(!str_eq(buf_view(&back), line)); /* one form only */
	} else {
		BUG_ON(out.n != 0);
	}
	buf_reset(&out);
	(void)parse_sasl_initial(line, &out);
	(void)parse_is_mech(line);
	buf_done(&out);
	buf_done(&back);
	return 0;
}
