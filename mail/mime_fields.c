/* SPDX-License-Identifier: ISC
 *
 * mime_fields.c: Content-Type, Content-Disposition and their parameters.
 *
 *     content := type "/" subtype *(";" attribute "=" value)   (RFC 2045 5.1)
 *     attribute[*section][*]=value                             (RFC 2231 7)
 *
 * Real mail leaves quotes away around names with spaces and puts comments
 * anywhere; both are read. Each byte is looked at a fixed number of times,
 * comments nest by a counter, and the number of parameters is bounded before
 * they are joined, which is the only step that compares them with each other.
 */
#include "mail/mime_fields.h"

#include "base/cur.h"
#include "mail/charset.h"

static bool is_space(int b)
{
	return b == ' ' || b == '\t' || b == '\r' || b == '\n';
}

/* token := 1*<any CHAR except SPACE, CTLs, or tspecials>; '=' and '?' too are
 * tspecials, bytes above 127 are let in. */
static bool is_token(int b)
{
	return b > 32 && b != 127 && !strchr("()<>@,;:\\\"/[]?=", b);
}

/* White space and comments (RFC 5322 3.2.2). */
static void skip_cfws(struct cur *c)
{
	size_t depth = 0;

	for (; c->p < c->end; c->p++) {
		if (*c->p == '\\' && depth && c->p + 1 < c->end)
			c->p++;
		else if (*c->p == '(')
			depth++;
		else if (*c->p == ')' && depth)
			depth--;
		else if (!depth && !is_space(*c->p))
			return;
	}
}

static struct str take_token(struct cur *c)
{
	const unsigned char *start = c->p;

	while (c->p < c->end && is_token(*c->p))
		c->p++;
	return str_make(start, (size_t)(c->p - start));
}

static struct str lower(struct str s, struct arena *a)
{
	size_t i;
	char *copy;

	for (i = 0; i < s.n && ascii_lower(s.p[i]) == s.p[i]; i++)
		;
	if (i == s.n)
		return s;
	copy = arena_alloc(a, s.n);
	for (i = 0; i < s.n; i++)
		copy[i] = ascii_lower(s.p[i]);
	return (struct str){ copy, s.n };
}

struct str mime_field_token(struct str body, struct arena *a)
{
	struct cur c = cur_of(body);

	skip_cfws(&c);
	return lower(take_token(&c), a);
}

/* --- one parameter ---------------------------------------------------------- */

/* Behind the opening quote. Folds vanish, quoted pairs lose their backslash. */
static struct str take_quoted(struct cur *c, struct arena *a)
{
	const unsigned char *start = c->p;
	bool plain = true;
	struct str raw;
	size_t i, n = 0;
	char *copy;

	while (c->p < c->end && *c->p != '"') {
		if (*c->p == '\\' || *c->p == '\r' || *c->p == '\n')
			plain = false;
		c->p += *c->p == '\\' && c->p + 1 < c->end ? 2 : 1;
	}
	raw = str_make(start, (size_t)(c->p - start));
	cur_take(c, '"');
	if (plain)
		return raw;
	copy = arena_alloc(a, raw.n);
	for (i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.n)
			i++;
		if (raw.p[i] != '\r' && raw.p[i] != '\n')
			copy[n++] = raw.p[i];
	}
	return (struct str){ copy, n };
}

/* token / quoted-string; else everything to the next ';' (names with spaces). */
static struct str take_value(struct cur *c, struct arena *a)
{
	const unsigned char *start = c->p;
	struct str value;

	if (cur_take(c, '"'))
		return take_quoted(c, a);
	value = take_token(c);
	skip_cfws(c);
	if (cur_end(c) || *c->p == ';')
		return value;
	while (c->p < c->end && *c->p != ';')
		c->p++;
	return header_unfold(str_make(start, (size_t)(c->p - start)), a);
}

/* A parameter as written. */
struct raw_param {
	struct str written; /* whole attribute, lower case */
	struct str base; /* without section and '*' */
	struct str value;
	int section; /* -1: none */
	bool encoded; /* ended in '*': percent-encoded */
	bool used;
};

/* base ["*" section] ["*"] */
static void split_attribute(struct raw_param *p)
{
	struct str s = p->written;
	ssize_t star;
	uint64_t v;

	p->base = s;
	p->section = -1;
	if (s.n > 1 && s.p[s.n - 1] == '*') {
		p->encoded = true;
		s.n--;
	}
	star = str_rfind(s, '*');
	if (star > 0 && !str_u64(str_from(s, (size_t)star + 1), 9999, &v)) {
		p->section = (int)v;
		s.n = (size_t)star;
	}
	if (p->encoded || p->section >= 0)
		p->base = s;
}

/* Past the next ';' that is not in quotes or a comment. */
static bool next_param(struct cur *c)
{
	for (;;) {
		skip_cfws(c);
		if (cur_end(c))
			return false;
		if (cur_take(c, ';'))
			return true;
		if (cur_take(c, '"')) {
			while (c->p < c->end && *c->p != '"')
				c->p += *c->p == '\\' && c->p + 1 < c->end ? 2 : 1;
			cur_take(c, '"');
		} else {
			c->p++;
		}
	}
}

/* The list is in scratch, strings are in a or in the message. */
static size_t take_params(struct cur *c, size_t max, struct arena *a, struct arena *scratch,
	struct raw_param **out, bool *cut)
{
	struct raw_param *list = NULL;
	size_t n = 0, cap = 0;

	while (next_param(c)) {
		struct raw_param p = { 0 };

		skip_cfws(c);
		p.written = take_token(c);
		skip_cfws(c);
		if (!p.written.n || !cur_take(c, '='))
			continue;
		if (n == max) {
			*cut = true;
			break;
		}
		skip_cfws(c);
		p.value = take_value(c, a);
		p.written = lower(p.written, a);
		split_attribute(&p);
		if (n == cap) {
			struct raw_param *grown;

			cap = cap ? cap * 2 : 4;
			grown = arena_array(scratch, cap, sizeof *grown);
			if (n)
				memcpy(grown, list, n * sizeof *grown);
			list = grown;
		}
		list[n++] = p;
	}
	*out = list;
	return n;
}

/* --- RFC 2231 ---------------------------------------------------------------- */

static int hex_value(char c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lenient: a '%' that begins no escape stands for itself. */
static void percent_add(struct str s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		int hi = -1, lo = -1;

		if (s.p[i] == '%' && i + 2 < s.n) {
			hi = hex_value(s.p[i + 1]);
			lo = hex_value(s.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			buf_c(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_c(out, s.p[i]);
		}
	}
}

static struct raw_param *find_section(struct raw_param *list, size_t n, struct str base, int section)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!list[i].used && list[i].section == section && list[i].base.n == base.n &&
			(section >= 0 || list[i].encoded) && str_eq(list[i].base, base))
			return &list[i];
	return NULL;
}

/* charset'language'text: cuts the front off. */
static struct str take_charset(struct str *value)
{
	ssize_t q = str_find(*value, '\''), r;
	struct str charset;

	if (q < 0)
		return STR("");
	r = str_find(str_from(*value, (size_t)q + 1), '\'');
	if (r < 0)
		return STR("");
	charset = str_sub(*value, 0, (size_t)q);
	*value = str_from(*value, (size_t)(q + r) + 2);
	return charset;
}

/* All sections that belong to `first` (section 0, or the single "name*"). */
static void join(struct raw_param *list, size_t n, struct raw_param *first, struct arena *a,
	struct mime_param *out)
{
	struct buf raw, utf8;
	struct str charset = STR(""), value = first->value, base = first->base;
	struct raw_param *p = first;
	size_t total = 0, i;
	int section;

	for (i = 0; i < n; i++)
		total += list[i].value.n;
	buf_init(&raw, total + 1);
	buf_init(&utf8, total * 4 + 1);
	if (first->encoded)
		charset = take_charset(&first->value);
	for (section = first->section; p;
		p = section < 0 ? NULL : find_section(list, n, base, ++section)) {
		p->used = true;
		if (p->encoded)
			percent_add(p->value, &raw);
		else
			buf_str(&raw, p->value);
	}
	out->name = base;
	out->extended = first->encoded;
	if (!charset.n)
		charset = STR("utf-8");
	if (!first->encoded) {
		out->value = arena_str(a, buf_view(&raw));
	} else if (!charset_to_utf8(charset, buf_view(&raw), &utf8)) {
		out->value = arena_str(a, buf_view(&utf8));
	} else { /* a charset that we do not know: as it was written */
		out->name = first->written;
		out->value = first->section < 0 ? value : arena_str(a, buf_view(&raw));
		out->extended = false;
	}
	buf_done(&raw);
	buf_done(&utf8);
}

static size_t params_parse(struct cur *c, size_t max, struct arena *a, struct mime_param **out,
	bool *cut)
{
	struct raw_param *raw;
	size_t nraw, n = 0, i;
	struct mime_param *list;
	struct arena scratch;

	arena_init(&scratch);
	nraw = take_params(c, max, a, &scratch, &raw, cut);
	list = nraw ? arena_array(a, nraw, sizeof *list) : NULL;
	for (i = 0; i < nraw; i++) {
		struct raw_param *p = &raw[i], *first = NULL;

		if (p->used)
			continue;
		if (p->section >= 0)
			first = find_section(raw, nraw, p->base, 0);
		else if (p->encoded)
			first = p;
		if (first)
			join(raw, nraw, first, a, &list[n++]);
		if (!p->used) { /* plain, or a section without its beginning */
			p->used = true;
			list[n].name = p->written;
			list[n++].value = p->value;
		}
	}
	arena_done(&scratch);
	*out = list;
	return n;
}

/* --- fields ------------------------------------------------------------------- */

bool mime_field_type(struct str body, size_t max, struct arena *a, struct mime_part *p, bool *cut)
{
	struct cur c = cur_of(body);
	struct str type, subtype;

	skip_cfws(&c);
	type = take_token(&c);
	skip_cfws(&c);
	if (!type.n || !cur_take(&c, '/'))
		return false;
	skip_cfws(&c);
	subtype = take_token(&c);
	if (!subtype.n)
		return false;
	p->type = lower(type, a);
	p->subtype = lower(subtype, a);
	p->nparams = params_parse(&c, max, a, &p->param, cut);
	return true;
}

void mime_field_disposition(struct str body, size_t max, struct arena *a, struct mime_part *p,
	bool *cut)
{
	struct cur c = cur_of(body);
	struct str word;

	skip_cfws(&c);
	word = take_token(&c);
	if (!word.n)
		return;
	p->disposition = lower(word, a);
	p->ndisposition_params = params_parse(&c, max, a, &p->disposition_param, cut);
}
