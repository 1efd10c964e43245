/* SPDX-License-Identifier: ISC
 *
 * lines.c: see lines.h.
 */
#include "backup/lines.h"

#include "base/codec.h"

#define TEXT_MAX 8192

void lines_init(struct lines *l, struct str text, struct arena *a)
{
	*l = (struct lines){ .rest = text, .a = a };
}

bool lines_next(struct lines *l)
{
	if (l->line.p)
		l->err = E_DAMAGED;
	if (l->err || !l->rest.p || !l->rest.n)
		return false;
	l->line = str_cut(&l->rest, '\n');
	if (!l->line.p)
		l->line = STR("");
	return true;
}

struct str lines_word(struct lines *l)
{
	if (!l->line.p) {
		l->err = E_DAMAGED;
		return STR("");
	}
	return str_cut(&l->line, ' ');
}

bool lines_word_is(struct lines *l, const char *word)
{
	struct str left = l->line;

	if (!left.p || !str_eqc(str_cut(&left, ' '), word))
		return false;
	l->line = left;
	return true;
}

uint64_t lines_u64(struct lines *l, uint64_t max)
{
	uint64_t n = 0;

	if (str_u64(lines_word(l), max, &n) < 0)
		l->err = E_DAMAGED;
	return n;
}

void lines_sha(struct lines *l, struct object_id *out)
{
	*out = (struct object_id){ { 0 } };
	if (sha256_read(lines_word(l), out->sha) < 0)
		l->err = E_DAMAGED;
}

struct str lines_text(struct lines *l)
{
	struct str text = STR("");
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (percent_decode(lines_word(l), &b) < 0 || b.err || memchr(b.p ? b.p : "", '\0', b.n))
		l->err = E_DAMAGED;
	else
		text = arena_str(l->a, buf_view(&b));
	buf_done(&b);
	return text;
}

int lines_end(struct lines *l)
{
	if (l->line.p || (l->rest.p && l->rest.n))
		l->err = E_DAMAGED;
	return l->err;
}

int lines_version(struct lines *l, const char *name)
{
	uint64_t v;

	if (!lines_next(l) || !lines_word_is(l, name))
		return E_DAMAGED;
	v = lines_u64(l, UINT32_MAX);
	if (!l->err && v != FORMAT_VERSION)
		return E_UNSUPPORTED;
	return l->err;
}

void print_sha(struct buf *out, const struct object_id *id)
{
	char sha[SHA256_HEX + 1];

	sha256_print(id->sha, sha);
	buf_puts(out, sha);
}

void print_text(struct buf *out, struct str text)
{
	percent_encode(text, out);
}
