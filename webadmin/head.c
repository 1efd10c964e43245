/* SPDX-License-Identifier: ISC
 *
 * head.c: see head.h. Nothing is repaired. What two readers could read in two
 * ways (a bare LF or CR, a folded line, a space before the colon, two lengths, a
 * length and Transfer-Encoding, a sign or a list as length) is E_SYNTAX.
 */
#include "webadmin/head.h"

#define METHOD_MAX 16
#define HEADERS_MAX 100
#define LENGTH_DIGITS 15

/* tchar of RFC 9110 5.6.2 */
static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool token_valid(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!is_token(s.p[i]))
			return false;
	return s.n > 0;
}

/* request-line = method SP request-target SP HTTP-version, the target in
 * origin-form: an absolute path of visible ASCII, without a fragment. */
static int request_line(struct str line)
{
	struct str rest = line, method = str_cut(&rest, ' '), target = str_cut(&rest, ' ');
	size_t i;

	if (!token_valid(method) || method.n > METHOD_MAX || target.n == 0 || target.p[0] != '/' || !rest.p)
		return E_SYNTAX;
	for (i = 0; i < target.n; i++)
		if (target.p[i] <= 0x20 || target.p[i] >= 0x7f || target.p[i] == '#')
			return E_SYNTAX;
	if (str_eqc(rest, "HTTP/1.1"))
		return 0;
	return rest.n == 8 && str_starts(rest, "HTTP/") ? E_UNSUPPORTED : E_SYNTAX;
}

struct seen {
	unsigned host, length, coding;
	uint64_t body;
};

static int length_read(struct str value, struct seen *s)
{
	if (s->length++ || value.n > LENGTH_DIGITS || str_u64(value, INT64_MAX, &s->body) < 0)
		return E_SYNTAX;
	return 0;
}

/* field-line = field-name ":" OWS field-value OWS; no obs-fold. */
static int field_line(struct str line, struct seen *s)
{
	struct str value = line, name = str_cut(&value, ':');
	size_t i;

	if (!value.p || !token_valid(name))
		return E_SYNTAX;
	for (i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 ? value.p[i] != '\t' : value.p[i] == 0x7f)
			return E_SYNTAX;
	value = str_trim(value);
	if (str_ieqc(name, "host"))
		return s->host++ || value.n == 0 ? E_SYNTAX : 0;
	if (str_ieqc(name, "content-length"))
		return length_read(value, s);
	if (str_ieqc(name, "transfer-encoding"))
		s->coding++;
	return 0;
}

/* A line that ends with CRLF, without it. 1; 0 more is needed; E_SYNTAX: CR or LF alone, NUL. */
static int next_line(struct str in, size_t *at, struct str *out)
{
	size_t i;

	for (i = *at; i < in.n; i++) {
		if (in.p[i] == '\0' || in.p[i] == '\n')
			return E_SYNTAX;
		if (in.p[i] != '\r')
			continue;
		if (i + 1 == in.n)
			return 0;
		if (in.p[i + 1] != '\n')
			return E_SYNTAX;
		*out = str_sub(in, *at, i);
		*at = i + 2;
		return 1;
	}
	return 0;
}

static int finish(const struct seen *s, size_t n, struct head *out)
{
	if (s->host != 1 || (s->coding && s->length))
		return E_SYNTAX;
	out->n = n;
	out->body = s->body;
	return s->coding ? E_UNSUPPORTED : 1;
}

int head_check(struct str in, size_t max, struct head *out)
{
	struct seen s = { 0 };
	size_t at = 0, lines = 0;
	struct str line;
	int r;

	*out = (struct head){ 0 };
	while ((r = next_line(in, &at, &line)) == 1) {
		if (at > max)
			return E_LIMIT;
		if (lines == 0)
			r = request_line(line);
		else if (line.n == 0)
			return finish(&s, at, out);
		else
			r = field_line(line, &s);
		if (r < 0)
			return r;
		if (++lines > HEADERS_MAX)
			return E_LIMIT;
	}
	return r < 0 ? r : in.n >= max ? E_LIMIT : 0;
}
