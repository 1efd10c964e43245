/* SPDX-License-Identifier: ISC
 *
 * http_head.c: the head of one HTTP/1 request, as far as port 80 needs it (RFC 9112 2-5).
 *
 *     request-line = method SP request-target SP "HTTP/1." ( "0" / "1" ) CRLF
 *     field-line   = field-name ":" OWS field-value OWS CRLF
 *
 * Strict: CRLF alone ends a line, no folded lines, no blank before the colon, one Host at most and
 * exactly one with HTTP/1.1, nothing that announces a body.
 */
#include "front/parse.h"

/* tchar (RFC 9110 5.6.2) */
static bool is_token(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_visible(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static bool is_value(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static int request_line(struct str line, struct http_head *out)
{
	struct str rest = line, version;

	out->method = str_cut(&rest, ' ');
	out->target = str_cut(&rest, ' ');
	version = rest;
	if (!is_token(out->method) || !is_visible(out->target) || out->target.p[0] != '/')
		return E_SYNTAX;
	if (str_eqc(version, "HTTP/1.1"))
		out->http11 = true;
	else if (!str_eqc(version, "HTTP/1.0"))
		return E_SYNTAX;
	return 0;
}

static int field(struct str line, struct http_head *out)
{
	struct str value = line, name = str_cut(&value, ':');

	if (!value.p || !is_token(name) || !is_value(value))
		return E_SYNTAX;
	if (str_ieqc(name, "content-length") || str_ieqc(name, "transfer-encoding"))
		return E_SYNTAX;
	if (str_ieqc(name, "host")) {
		if (out->host.p)
			return E_SYNTAX;
		out->host = str_trim(value);
		if (!out->host.p)
			out->host = STR("");
	}
	return 0;
}

int http_head_parse(struct str bytes, size_t max, struct http_head *out, size_t *used_out)
{
	struct str rest = bytes, line;
	bool first = true;
	size_t used;
	int r;

	*out = (struct http_head){ 0 };
	for (;;) {
		size_t scanned = 0, so_far = bytes.n - rest.n;

		r = parse_line(rest, max > so_far ? max - so_far : 0, &scanned, &line, &used);
		if (r <= 0)
			return r;
		rest = str_from(rest, used);
		if (line.n == 0)
			break;
		r = first ? request_line(line, out) : field(line, out);
		if (r < 0)
			return r;
		first = false;
	}
	*used_out = bytes.n - rest.n;
	return first || (out->http11 && !out->host.p) ? E_SYNTAX : 1;
}

bool http_host_name(struct str host, struct str *name_out)
{
	size_t i, label = 0;

	host = str_cut(&host, ':');
	for (i = 0; i < host.n; i++) {
		char c = ascii_lower(host.p[i]);

		if (c == '.' && label > 0 && host.p[i - 1] != '-')
			label = 0;
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && label > 0))
			label++;
		else
			return false;
		if (label > 63)
			return false;
	}
	*name_out = host;
	return host.n > 0 && host.n <= 253 && label > 0 && host.p[host.n - 1] != '-';
}
