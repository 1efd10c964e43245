/* SPDX-License-Identifier: ISC
 *
 * arf.c: fuzz target of reports of abuse: whatever comes, each fact is one short line of
 * printable UTF-8 and the type a word.
 */
#include "mail/arf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(struct str s)
{
	BUG_ON(s.n > ARF_TEXT || str_has_ctl(s) || !str_is_utf8(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct arf arf;
	size_t i;

	if (size > 65536)
		return 0;
	arena_init(&a);
	if (arf_parse(str_make(data, size), &a, &arf) == 1) {
		BUG_ON(arf.type.n == 0 || arf.type.n > 40);
		line(arf.type);
		line(arf.agent);
		line(arf.reporter);
		line(arf.source);
		line(arf.sender);
		line(arf.recipient);
		line(arf.message_id);
		line(arf.subject);
		line(arf.returned);
		BUG_ON(arf.nreceived > ARF_RECEIVED);
		for (i = 0; i < arf.nreceived; i++) {
			line(arf.received[i].by);
			line(arf.received[i].id);
		}
	}
	arena_done(&a);
	return 0;
}
