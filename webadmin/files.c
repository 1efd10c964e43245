/* SPDX-License-Identifier: ISC
 *
 * files.c: serves the files of the page, which lie in the binary (pages.h). A browser
 * keeps those whose path changes with their content, and is told by the ETag that it
 * has the others already.
 */
#include "webadmin/pages.h"
#include "webadmin/web.h"

/* Accept-Encoding names gzip, and not with weight 0 (RFC 9110 12.5.3). */
static bool takes_gzip(struct str accept)
{
	struct str weight, coding;

	while (accept.n > 0) {
		weight = str_cut(&accept, ',');
		coding = str_trim(str_cut(&weight, ';'));
		if (str_ieqc(coding, "gzip"))
			return !str_starts(str_trim(weight), "q=0") || str_starts(str_trim(weight), "q=0.");
	}
	return false;
}

static const char *etag_of(struct request *q, const struct page *p, bool gzip)
{
	size_t n = strlen(p->etag);

	if (!gzip || n < 2)
		return p->etag;
	return arena_fmt(request_arena(q), "%.*s-gz\"", (int)(n - 1), p->etag);
}

void files_serve(struct request *q)
{
	struct str path = request_path(q);
	const struct page *p = page_find(arena_cstr(request_arena(q), path));
	const char *etag;
	bool gzip;

	if (!p) {
		request_fail(q, 404, 67, "there is nothing of that name");
		return;
	}
	gzip = p->gzip_size > 0 && takes_gzip(request_header(q, "Accept-Encoding"));
	etag = etag_of(q, p, gzip);
	request_set(q, "ETag", etag);
	request_set(q, "Vary", "Accept-Encoding");
	request_set(q, "Cache-Control", p->lasting ? "max-age=31536000, immutable" : "no-cache");
	if (str_eqc(request_header(q, "If-None-Match"), etag)) {
		request_answer_static(q, 304, NULL, STR(""));
		return;
	}
	if (gzip)
		request_set(q, "Content-Encoding", "gzip");
	request_answer_static(q, 200, p->type, gzip ? str_make(p->gzip, p->gzip_size) : str_make(p->body, p->size));
}
