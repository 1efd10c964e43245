/* SPDX-License-Identifier: ISC
 *
 * imapreply.c (fuzz): what an IMAP server says: understood, or refused.
 */
#include "import/imap_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size);
	struct imap_reply r;
	struct arena a;
	size_t at = 0;

	arena_init(&a);
	if (imap_reply_parse(text, &a, &r) == 0) {
		BUG_ON(r.kind == IMAP_LIST && !r.name.n);
		BUG_ON(r.kind == IMAP_TAGGED && !r.tag.n);
		BUG_ON(r.flags > 31);
		(void)imap_word(r.attributes, "\\Sent");
	}
	BUG_ON(imap_literal(text, &at) >= 0 && at >= size);
	arena_done(&a);
	return 0;
}
