/* SPDX-License-Identifier: ISC
 *
 * pages.c: finds a file of the admin page in the table that tools/embed made.
 */
#include "webadmin/pages.h"

#include <stdlib.h>
#include <string.h>

static int by_path(const void *path, const void *page)
{
	return strcmp(path, ((const struct page *)page)->path);
}

const struct page *page_find(const char *path)
{
	return bsearch(path, pages, npages, sizeof *pages, by_path);
}
