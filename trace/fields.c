/* SPDX-License-Identifier: ISC
 *
 * fields.c: see fields.h. Total: any bytes in, no read behind them.
 */
#include "trace/fields.h"

#include "trace/trace.h"

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
		c == '.';
}

/* Where the value that begins at i ends; *quoted_out: it lies between quotes. */
static size_t value_end(struct str t, size_t i, bool *quoted_out)
{
	*quoted_out = i < t.n && t.p[i] == '"';
	if (!*quoted_out) {
		while (i < t.n && t.p[i] != ' ')
			i++;
		return i;
	}
	for (i++; i < t.n && t.p[i] != '"'; i++)
		if (t.p[i] == '\\' && i + 1 < t.n)
			i++;
	return i < t.n ? i + 1 : 0; /* 0: the quote never ends */
}

int fields_parse(struct str text, struct fields *out)
{
	size_t i = 0, from, end;
	bool quoted;

	out->n = 0;
	while (i < text.n && key_char(text.p[i]))
		i++;
	if (i == 0 || (i < text.n && text.p[i] != ' '))
		return E_SYNTAX;
	out->event = str_sub(text, 0, i);
	while (i < text.n) {
		struct str key;

		from = ++i; /* behind the space */
		while (i < text.n && key_char(text.p[i]))
			i++;
		if (i == from || i == text.n || text.p[i] != '=')
			return E_SYNTAX;
		key = str_sub(text, from, i++);
		end = value_end(text, i, &quoted);
		if ((quoted && !end) || (end < text.n && text.p[end] != ' '))
			return E_SYNTAX;
		if (out->n < FIELDS_MAX) {
			out->f[out->n].key = key;
			out->f[out->n++].raw = quoted ? str_sub(text, i + 1, end - 1) : str_sub(text, i, end);
		}
		i = end;
	}
	return 0;
}

struct str fields_raw(const struct fields *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (str_eqc(f->f[i].key, key))
			return f->f[i].raw;
	return STR_NONE;
}

uint64_t fields_u64(const struct fields *f, const char *key)
{
	uint64_t n = 0;

	if (str_u64(fields_raw(f, key), INT64_MAX, &n) < 0)
		return 0;
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static size_t put_utf8(char *p, uint32_t cp)
{
	if (cp < 0x80) {
		p[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		p[0] = (char)(0xc0 | cp >> 6);
		p[1] = (char)(0x80 | (cp & 63));
		return 2;
	}
	if (cp < 0x10000) {
		p[0] = (char)(0xe0 | cp >> 12);
		p[1] = (char)(0x80 | (cp >> 6 & 63));
		p[2] = (char)(0x80 | (cp & 63));
		return 3;
	}
	p[0] = (char)(0xf0 | cp >> 18);
	p[1] = (char)(0x80 | (cp >> 12 & 63));
	p[2] = (char)(0x80 | (cp >> 6 & 63));
	p[3] = (char)(0x80 | (cp & 63));
	return 4;
}

/* One escape behind a backslash at s.p[0]: bytes used, and what it stands for. What is none
 * stays as written. */
static size_t unescape(struct str s, char *out, size_t *n_out)
{
	uint32_t cp = 0;
	size_t i;

	*n_out = 1;
	out[0] = '\\';
	if (s.n < 2)
		return 1;
	if (s.p[1] == 'x' && s.n >= 4 && hex_value(s.p[2]) >= 0 && hex_value(s.p[3]) >= 0) {
		out[0] = (char)(hex_value(s.p[2]) << 4 | hex_value(s.p[3]));
		return 4;
	}
	if (s.p[1] == 'u' && s.n >= 4 && s.p[2] == '{') {
		for (i = 3; i < s.n && i < 10 && hex_value(s.p[i]) >= 0; i++)
			cp = cp << 4 | (uint32_t)hex_value(s.p[i]);
		if (i > 3 && i < s.n && s.p[i] == '}' && cp <= 0x10ffff) {
			*n_out = put_utf8(out, cp);
			return i + 1;
		}
		return 1;
	}
	if (s.p[1] != '\\' && s.p[1] != '"')
		return 1;
	out[0] = s.p[1];
	return 2;
}

struct str fields_text(struct arena *a, struct str raw)
{
	char *out;
	size_t i, n = 0, more;

	if (str_find(raw, '\\') < 0)
		return raw;
	out = arena_alloc(a, raw.n + 4);
	for (i = 0; i < raw.n;) {
		if (raw.p[i] != '\\') {
			out[n++] = raw.p[i++];
			continue;
		}
		i += unescape(str_from(raw, i), out + n, &more);
		n += more;
	}
	return str_make(out, n);
}

struct str fields_escape(struct arena *a, struct str value)
{
	struct str s;
	struct buf b;

	buf_init(&b, 8192);
	trace_escape(value, &b);
	s = buf_view(&b);
	if (s.n >= 2 && s.p[0] == '"')
		s = str_sub(s, 1, s.n - 1);
	s = arena_str(a, s);
	buf_done(&b);
	return s;
}

struct str fields_lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return str_make(p, s.n);
}

/* The next place at or behind i where the needle may begin: memchr is many times as fast as a loop. */
static size_t may_begin(struct str s, size_t i, char low, char up)
{
	const char *a = memchr(s.p + i, low, s.n - i);
	const char *b = up != low ? memchr(s.p + i, up, a ? (size_t)(a - s.p) - i : s.n - i) : NULL;

	return b ? (size_t)(b - s.p) : a ? (size_t)(a - s.p) : s.n;
}

bool fields_contain(struct str s, struct str needle)
{
	size_t i, k;

	if (needle.n == 0)
		return true;
	for (i = 0; i + needle.n <= s.n; i++) {
		i = may_begin(s, i, needle.p[0], ascii_upper(needle.p[0]));
		if (i + needle.n > s.n)
			return false;
		for (k = 1; k < needle.n && ascii_lower(s.p[i + k]) == needle.p[k]; k++)
			;
		if (k == needle.n)
			return true;
	}
	return false;
}
