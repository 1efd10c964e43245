/* SPDX-License-Identifier: ISC
 *
 * front_imap.c: IMAP commands before login, as they come: the scan must find
 * the same end whether the bytes come at once or one by one.
 */
#include "front/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum imap_scan_result scan_slowly(struct str bytes, size_t *used)
{
	size_t pos = 0, i;
	unsigned literals = 0;

	for (i = 0; i <= bytes.n; i++) {
		enum imap_scan_result r;

		while ((r = imap_scan(str_sub(bytes, 0, i), 256, &pos, &literals, used)) == IMAP_SCAN_CONTINUE)
			;
		if (r != IMAP_SCAN_MORE)
			return r;
	}
	return IMAP_SCAN_MORE;
}

static void asleep(struct str bytes)
{
	struct str tag = STR_NONE;

	imap_asleep_parse(bytes, true, &tag);
	if (imap_asleep_parse(bytes, false, &tag) != ASLEEP_OTHER)
		BUG_ON(tag.n == 0 || tag.n > 128 || str_has_ctl(tag));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make(data, size);
	size_t used = 0, slow_used = 0, pos = 0;
	enum imap_scan_result r;
	unsigned literals = 0;
	struct imap_line l;
	struct arena a;

	asleep(bytes);
	while ((r = imap_scan(bytes, 256, &pos, &literals, &used)) == IMAP_SCAN_CONTINUE)
		;
	BUG_ON(literals > IMAP_LITERALS);
	if (size < 1000)
		BUG_ON(scan_slowly(bytes, &slow_used) != r || (r == IMAP_SCAN_WHOLE && used != slow_used));
	if (r != IMAP_SCAN_WHOLE)
		return 0;
	BUG_ON(used > size || used < 2);
	arena_init(&a);
	if (imap_line_parse(str_sub(bytes, 0, used - 2), &a, &l) == 0) {
		BUG_ON(l.tag.n == 0 || str_has_ctl(l.tag));
		BUG_ON(l.params.n > 0 && str_has_ctl(l.params));
		BUG_ON(l.user.n > IMAP_LITERAL_MAX || l.password.n > IMAP_LITERAL_MAX);
	}
	arena_done(&a);
	return 0;
}
