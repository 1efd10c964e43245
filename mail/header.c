/* SPDX-License-Identifier: ISC
 *
 * header.c: finds the fields of a header (RFC 5322 2.2) in one pass.
 *
 * header_walk is the scanner: it steps from line end to line end by memchr,
 * joins folded lines, and stops behind the empty line. Everything else is
 * built on it. Fields point into the message; memory is spent on the list
 * alone, and the limits bound that. What passes them is still walked, so that
 * the size of the header is always true.
 *
 * A line that is no field ("From anna Mon Jan..", "garbage", a name with
 * spaces) becomes a field with an empty name: it can be shown and copied, and
 * is found by nobody who looks for a name.
 */
#include "mail/header.h"

const struct header_limits header_default_limits = {
	.fields = 10000,
	.field_bytes = 1024 * 1024,
	.bytes = 10 * 1024 * 1024,
};

/* Position behind the next LF at or after `at`. */
static size_t line_after(struct str s, size_t at)
{
	const char *nl = at < s.n ? memchr(s.p + at, '\n', s.n - at) : NULL;

	return nl ? (size_t)(nl - s.p) + 1 : s.n;
}

/* Without its last line end. */
static struct str without_eol(struct str line)
{
	if (line.n && line.p[line.n - 1] == '\n')
		line.n--;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* field-name = 1*ftext ; %d33-57 / %d59-126 (RFC 5322 3.6.8), and the white
 * space before the colon that the obsolete form allows (4.5). */
static bool split_field(struct str line, struct str *name, struct str *body)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	size_t n, i;

	if (!colon)
		return false;
	n = (size_t)(colon - line.p);
	*body = str_from(line, n + 1);
	while (n && (line.p[n - 1] == ' ' || line.p[n - 1] == '\t'))
		n--;
	for (i = 0; i < n; i++)
		if (line.p[i] < 33 || line.p[i] > 126)
			return false;
	*name = (struct str){ line.p, n };
	return n > 0;
}

bool header_walk(struct header_walk *w, struct header_field *out)
{
	struct str m = w->message, line;
	size_t start = w->at, end;

	if (start >= m.n)
		return false;
	end = line_after(m, start);
	line = without_eol(str_sub(m, start, end));
	if (!line.n) {
		w->at = end;
		return false;
	}
	while (end < m.n && (m.p[end] == ' ' || m.p[end] == '\t'))
		end = line_after(m, end);
	w->at = end;
	memset(out, 0, sizeof *out);
	out->raw = str_sub(m, start, end);
	line = without_eol(out->raw);
	if (!split_field(line, &out->name, &out->body)) {
		out->name = STR("");
		out->body = line;
	}
	return true;
}

static void list_add(struct header *h, size_t *cap, struct arena *a, const struct header_field *f)
{
	if (h->n == *cap) {
		size_t want = *cap ? *cap * 2 : 32;
		struct header_field *grown = arena_array(a, want, sizeof *grown);

		if (h->n)
			memcpy(grown, h->field, h->n * sizeof *grown);
		h->field = grown;
		*cap = want;
	}
	h->field[h->n++] = *f;
}

void header_parse(struct str message, const struct header_limits *lim, struct arena *a,
	struct header *out)
{
	struct header_walk w = { .message = message };
	struct header_field f;
	size_t cap = 0;

	if (!lim)
		lim = &header_default_limits;
	memset(out, 0, sizeof *out);
	while (header_walk(&w, &f)) {
		size_t at = (size_t)(f.raw.p - message.p);

		/* a field may begin below the limit and pass it: its body is cut */
		if (out->n >= lim->fields || at >= lim->bytes) {
			out->cut = true;
			continue;
		}
		if (f.body.n > lim->field_bytes) {
			f.body.n = lim->field_bytes;
			out->cut = true;
		}
		list_add(out, &cap, a, &f);
	}
	out->size = w.at;
}

const struct header_field *header_get(const struct header *h, const char *name, size_t nth)
{
	struct str want = str_of(name);
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->field[i].name.n == want.n && str_ieq(h->field[i].name, want) && !nth--)
			return &h->field[i];
	return NULL;
}

struct str header_unfold(struct str body, struct arena *a)
{
	size_t i, n = 0;
	char *copy;

	body = str_trim(body);
	if (!body.n || !memchr(body.p, '\n', body.n))
		return body;
	copy = arena_alloc(a, body.n + 1);
	for (i = 0; i < body.n; i++) {
		if (body.p[i] == '\n' ||
			(body.p[i] == '\r' && i + 1 < body.n && body.p[i + 1] == '\n'))
			continue;
		copy[n++] = body.p[i];
	}
	return (struct str){ copy, n };
}

/* The next "<...>" at or after *at, with folds and spaces inside still in it.
 * A second '<' before the '>' starts anew: what was before it is no id. */
static bool next_id(struct str body, size_t *at, struct str *out)
{
	size_t i, start = 0;
	bool open = false;

	for (i = *at; i < body.n; i++) {
		if (body.p[i] == '<') {
			start = i;
			open = true;
		} else if (body.p[i] == '>' && open) {
			*at = i + 1;
			*out = str_sub(body, start, i + 1);
			if (out->n > 2)
				return true;
			open = false;
		}
	}
	*at = body.n;
	return false;
}

/* Some programs fold inside a long id: the white space is none of it. */
static struct str id_without_space(struct str id, struct arena *a)
{
	size_t i, n = 0;
	char *copy;

	for (i = 0; i < id.n; i++)
		if (strchr(" \t\r\n", id.p[i]) && id.p[i])
			break;
	if (i == id.n)
		return id;
	copy = arena_alloc(a, id.n);
	for (i = 0; i < id.n; i++)
		if (!id.p[i] || !strchr(" \t\r\n", id.p[i]))
			copy[n++] = id.p[i];
	return (struct str){ copy, n };
}

size_t header_message_ids(struct str body, struct arena *a, size_t max, struct str **out)
{
	size_t at = 0, n = 0, skip, kept = 0;
	struct str id, *list;

	while (next_id(body, &at, &id))
		n++;
	skip = n > max ? n - max : 0;
	list = arena_array(a, n - skip + 1, sizeof *list);
	at = 0;
	while (next_id(body, &at, &id)) {
		if (skip)
			skip--;
		else
			list[kept++] = id_without_space(id, a);
	}
	*out = list;
	return kept;
}
