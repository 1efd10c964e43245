/* SPDX-License-Identifier: ISC
 *
 * canon.c: canonical forms (RFC 6376 3.4).
 *
 * A body is read once. Line ends are counted, not written, until something follows them: so
 * empty lines at the end of the body never reach the hash, and a megabyte of them costs a counter.
 * Relaxed: white space waits in the same way, as one blank, until the line goes on.
 */
#include "smtp/verify/dkim.h"

#include <openssl/evp.h>

struct dkim_body {
	EVP_MD_CTX *md;
	enum dkim_canon canon;
	uint64_t size, limit; /* canonical bytes so far; those that count */
	uint64_t ends; /* line ends that wait */
	bool blank; /* white space waits */
	bool line; /* the line has begun: bytes of it are out */
	bool cr; /* the last byte was CR, the line has ended with it */
	size_t n;
	char out[4096];
};

/* --- fields ---------------------------------------------------------------------- */

static bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static void relaxed(struct str raw, struct buf *out)
{
	ssize_t colon = str_find(raw, ':');
	struct str name = str_trim(str_sub(raw, 0, colon < 0 ? raw.n : (size_t)colon));
	struct str body = colon < 0 ? STR("") : str_trim(str_from(raw, (size_t)colon + 1));
	size_t i, from;

	for (i = 0; i < name.n; i++)
		buf_c(out, ascii_lower(name.p[i]));
	buf_c(out, ':');
	for (i = 0; i < body.n;) {
		bool space = false;

		for (; i < body.n && (is_wsp(body.p[i]) || body.p[i] == '\r' || body.p[i] == '\n'); i++)
			space |= is_wsp(body.p[i]);
		if (space)
			buf_c(out, ' ');
		for (from = i; i < body.n && !is_wsp(body.p[i]) && body.p[i] != '\r' && body.p[i] != '\n'; i++)
			;
		buf_add(out, body.p + from, i - from);
	}
	buf_puts(out, "\r\n");
}

void dkim_canon_field(struct str raw, enum dkim_canon c, struct buf *out)
{
	if (c == DKIM_RELAXED) {
		relaxed(raw, out);
		return;
	}
	buf_str(out, raw);
	if (!str_ends(raw, "\r\n"))
		buf_puts(out, "\r\n");
}

/* --- bodies ------------------------------------------------------------------------ */

struct dkim_body *dkim_body_new(enum dkim_canon c, uint64_t limit)
{
	struct dkim_body *b = mem_alloc(1, sizeof *b);

	b->canon = c;
	b->limit = limit;
	b->md = EVP_MD_CTX_new();
	BUG_ON(!b->md || EVP_DigestInit_ex(b->md, EVP_sha256(), NULL) != 1);
	return b;
}

void dkim_body_free(struct dkim_body *b)
{
	if (!b)
		return;
	EVP_MD_CTX_free(b->md);
	free(b);
}

static void flush(struct dkim_body *b)
{
	BUG_ON(b->n && EVP_DigestUpdate(b->md, b->out, b->n) != 1);
	b->n = 0;
}

static void emit(struct dkim_body *b, const char *p, size_t n)
{
	size_t counts = b->size >= b->limit ? 0 : (size_t)MIN((uint64_t)n, b->limit - b->size);

	b->size += n;
	if (b->n + counts > sizeof b->out)
		flush(b);
	if (counts > sizeof b->out) {
		BUG_ON(EVP_DigestUpdate(b->md, p, counts) != 1);
		return;
	}
	memcpy(b->out + b->n, p, counts);
	b->n += counts;
}

static void text(struct dkim_body *b, const char *p, size_t n)
{
	for (; b->ends; b->ends--)
		emit(b, "\r\n", 2);
	if (b->blank)
		emit(b, " ", 1);
	b->blank = false;
	b->line = true;
	emit(b, p, n);
}

static void line_end(struct dkim_body *b)
{
	b->ends++;
	b->blank = b->line = false;
}

void dkim_body_add(struct dkim_body *b, struct str piece)
{
	bool wsp = b->canon == DKIM_RELAXED;
	size_t i = 0, from;

	while (i < piece.n) {
		char c = piece.p[i];

		if (c == '\n' || c == '\r') {
			if (c == '\r' || !b->cr)
				line_end(b);
			b->cr = c == '\r';
			i++;
			continue;
		}
		b->cr = false;
		if (wsp && is_wsp(c)) {
			b->blank = true;
			i++;
			continue;
		}
		for (from = i; i < piece.n && piece.p[i] != '\r' && piece.p[i] != '\n' && !(wsp && is_wsp(piece.p[i])); i++)
			;
		text(b, piece.p + from, i - from);
	}
}

/* 3.4.3: an empty body is CRLF in its simple form; 3.4.4: and nothing in the relaxed one. */
void dkim_body_end(struct dkim_body *b, unsigned char hash_out[DKIM_HASH], uint64_t *size_out)
{
	if (b->size || b->canon == DKIM_SIMPLE)
		emit(b, "\r\n", 2);
	flush(b);
	BUG_ON(EVP_DigestFinal_ex(b->md, hash_out, NULL) != 1);
	if (size_out)
		*size_out = b->size;
	dkim_body_free(b);
}
