/* SPDX-License-Identifier: ISC
 *
 * pages.h: the files of the admin page (webadmin/pages/), which tools/embed
 * puts into the program at build time.
 *
 * The first page is "/"; all others stand below "/p-HASH/", HASH being made
 * from the content of all of them. So a file's address changes when any file
 * changes: a browser may keep it for good, and never mixes two versions.
 * Invariants: the table is sorted by path; every file has both forms.
 */
#ifndef MANSIO_WEBADMIN_PAGES_H
#define MANSIO_WEBADMIN_PAGES_H

#include <stdbool.h>
#include <stddef.h>

struct page {
	const char *path; /* of the request: "/", "/p-0123456789ab/app.js" */
	const char *type; /* Content-Type */
	const char *etag; /* with its quotes; of the plain form (add -gz inside the quotes for the other) */
	const unsigned char *body;
	size_t size;
	const unsigned char *gzip; /* the same, compressed (RFC 1952) */
	size_t gzip_size;
	bool lasting; /* the path changes with the content: Cache-Control: max-age=31536000, immutable */
};

extern const struct page pages[];
extern const size_t npages;

/* The file of a request's path, without its query; NULL: none. */
const struct page *page_find(const char *path);

#endif
