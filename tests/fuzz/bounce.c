/* SPDX-License-Identifier: ISC
 *
 * bounce.c: fuzz target of reports of delivery: whatever comes, each fact is one short line of
 * printable UTF-8 and the status a status.
 */
#include "mail/bounce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(struct str s)
{
	BUG_ON(s.n > 320 || str_has_ctl(s) || !str_is_utf8(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bounce b;
	struct arena a;

	if (size > 65536)
		return 0;
	arena_init(&a);
	if (bounce_parse(str_make(data, size), &a, &b) == 1) {
		BUG_ON(b.status.n > 11);
		line(b.recipient);
		line(b.status);
		line(b.diagnostic);
		line(b.remote);
		line(b.reporter);
	}
	arena_done(&a);
	return 0;
}
