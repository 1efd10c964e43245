/* SPDX-License-Identifier: ISC
 *
 * filename.c: file names in a Maildir: whatever is there parses, and what is
 * printed parses to the same.
 */
#include "store/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = str_make(data, size);
	char text[NAME_SIZE];
	struct name n, m;

	if (!name_parse(s, &n) || name_print(&n, text) != 0)
		return 0;
	BUG_ON(!name_parse(str_of(text), &m));
	BUG_ON(m.uid != n.uid || m.flags != n.flags || m.letters != n.letters || m.size != n.size);
	BUG_ON(!str_eq(m.base, n.base) || (n.uid && strcmp(m.tag, n.tag) != 0));
	return 0;
}
