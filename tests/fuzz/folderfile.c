/* SPDX-License-Identifier: ISC
 *
 * folderfile.c: mansio-folder: damaged or understood, and printed as it was
 * understood.
 */
#include "store/folderfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct folderfile f, g;
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, FOLDERFILE_MAX * 2);
	if (folderfile_parse(str_make(data, size), &a, &f) == 0) {
		folderfile_print(&f, &b);
		BUG_ON(folderfile_parse(buf_view(&b), &a, &g) != 0);
		BUG_ON(g.id != f.id || g.uidnext != f.uidnext || g.modseq != f.modseq ||
			g.nkeywords != f.nkeywords || !str_eq(g.special, f.special) || !str_eq(g.rest, f.rest));
	}
	buf_done(&b);
	arena_done(&a);
	return 0;
}
