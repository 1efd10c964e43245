/* SPDX-License-Identifier: ISC
 *
 * parse.c: what the dialogues before login have in common: lines, browsers,
 * SASL answers. Pure; see parse.h. Each grammar has its own file beside this.
 */
#include "front/parse.h"

#include "base/codec.h"

int parse_line(struct str bytes, size_t max, size_t *scanned, struct str *line_out, size_t *used_out)
{
	const char *lf = NULL;
	size_t n;

	if (*scanned < bytes.n)
		lf = memchr(bytes.p + *scanned, '\n', bytes.n - *scanned);
	if (!lf) {
		*scanned = bytes.n;
		return bytes.n > max + 1 ? E_LIMIT : 0;
	}
	n = (size_t)(lf - bytes.p);
	*scanned = n;
	if (n > max + 1)
		return E_LIMIT;
	if (n == 0 || bytes.p[n - 1] != '\r' || memchr(bytes.p, '\r', n - 1) ||
		memchr(bytes.p, '\0', n))
		return E_SYNTAX;
	*line_out = str_sub(bytes, 0, n - 1);
	*used_out = n + 1;
	return 1;
}

bool parse_is_http(struct str line)
{
	static const char *const method[] = { "GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "CONNECT ",
		"DELETE ", "TRACE ", "PATCH ", "PRI " };
	size_t i;

	for (i = 0; i < ARRAY_LEN(method); i++) {
		struct str rest = str_from(line, strlen(method[i]));

		/* "GET " may be a tag or a typing error; a path or a version is not */
		if (str_istarts(line, method[i]))
			return str_starts(rest, "/") || str_search(line, STR(" HTTP/")) > 0;
	}
	return false;
}

bool parse_is_mech(struct str s)
{
	size_t i;

	if (s.n == 0 || s.n > 20)
		return false;
	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

bool parse_in_list(const char *words, struct str word)
{
	struct str rest = str_of(words);

	while (rest.p)
		if (str_ieq(str_cut(&rest, ' '), word))
			return word.n > 0;
	return false;
}

int parse_sasl(struct str line, struct buf *out)
{
	if (str_eqc(line, "*"))
		return E_CLOSED;
	return base64_decode(line, out) < 0 ? E_SYNTAX : 0;
}

int parse_sasl_initial(struct str arg, struct buf *out)
{
	if (str_eqc(arg, "="))
		return 0;
	if (arg.n == 0)
		return E_SYNTAX;
	return base64_decode(arg, out) < 0 ? E_SYNTAX : 0;
}
