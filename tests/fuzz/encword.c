/* SPDX-License-Identifier: ISC
 *
 * encword.c (fuzz): encoded words both ways, conversion, fold. The first line
 * of the input names a charset for the rest.
 */
#include "mail/charset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), rest = in, charset;
	struct buf plain, word, again;

	buf_init(&plain, 1 << 20);
	buf_init(&word, 1 << 20);
	buf_init(&again, 1 << 20);
	encoded_words_decode(in, &plain);
	BUG_ON(!str_is_utf8(buf_view(&plain)));
	encoded_words_encode(buf_view(&plain), &word);
	BUG_ON(!str_is_ascii(buf_view(&word)));
	encoded_words_decode(buf_view(&word), &again);
	if (!plain.err && !word.err)
		BUG_ON(!str_eq(buf_view(&plain), buf_view(&again)));
	buf_reset(&again);
	charset_fold(in, &again);
	charset = str_cut(&rest, '\n');
	buf_reset(&plain);
	if (!charset_to_utf8(charset, rest, &plain))
		BUG_ON(!str_is_utf8(buf_view(&plain)));
	buf_done(&plain);
	buf_done(&word);
	buf_done(&again);
	return 0;
}
