/* SPDX-License-Identifier: ISC
 *
 * record.c: where a domain wants reports (RFC 8460 3; see tlsrpt.h).
 */
#include "smtp/report/tlsrpt.h"

#include "base/codec.h"
#include "mail/address.h"
#include "net/dns.h"

/* tlsrpt-uri: no white space, and none of , ! ; */
static bool is_uri(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '!' || s.p[i] == '"' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static void add_uris(struct str list, struct str uri[TLSRPT_URIS], size_t *n)
{
	while (list.p && *n < TLSRPT_URIS) {
		struct str one = str_trim(str_cut(&list, ','));

		if (is_uri(one) && (str_istarts(one, "https://") || str_istarts(one, "mailto:")))
			uri[(*n)++] = one;
	}
}

/* tlsrpt-record = "v=TLSRPTv1" 1*(field-delim tlsrpt-field) [field-delim]; fields that we do not know are passed over. */
int tlsrpt_record_parse(struct str txt, struct str uri_out[TLSRPT_URIS], size_t *n_out)
{
	struct str rest = txt, field, value;
	size_t n = 0;
	bool rua = false;

	if (!str_eqc(str_trim(str_cut(&rest, ';')), "v=TLSRPTv1") || !rest.p)
		return 0;
	while (rest.p) {
		field = str_trim(str_cut(&rest, ';'));
		if (!field.n)
			continue;
		if (str_find(field, '=') < 1)
			return E_SYNTAX;
		value = field;
		field = str_trim(str_cut(&value, '='));
		if (!str_eqc(field, "rua"))
			continue;
		if (rua)
			return E_SYNTAX;
		rua = true;
		add_uris(value, uri_out, &n);
	}
	if (!rua)
		return E_SYNTAX;
	*n_out = n;
	return 1;
}

int tlsrpt_mailto(struct str uri, struct arena *a, struct str *out)
{
	struct address parsed;
	struct str rest, text;
	struct buf b;
	int r;

	if (!str_istarts(uri, "mailto:"))
		return E_SYNTAX;
	rest = str_from(uri, 7);
	text = str_cut(&rest, '?'); /* header fields that a stranger chooses are not taken */
	buf_init(&b, ADDRESS_MAX);
	r = percent_decode(text, &b);
	text = arena_str(a, buf_view(&b));
	buf_done(&b);
	if (r == 0)
		r = address_parse_all(text, a, &parsed);
	if (r < 0 || parsed.literal || parsed.utf8 || str_find(text, '"') >= 0 || !dns_is_hostname(parsed.domain))
		return E_SYNTAX;
	*out = text;
	return 0;
}

int tlsrpt_https(struct str uri, struct str *host_out, uint16_t *port_out)
{
	struct str host, port;
	uint64_t n = 0;
	size_t i;

	if (!str_istarts(uri, "https://"))
		return E_SYNTAX;
	host = str_from(uri, 8);
	for (i = 0; i < host.n && host.p[i] != '/' && host.p[i] != '?' && host.p[i] != '#'; i++)
		;
	port = str_sub(host, 0, i);
	host = str_cut(&port, ':');
	if (!dns_is_hostname(host) || (port.p && (str_u64(port, UINT16_MAX, &n) || !n)))
		return E_SYNTAX;
	*host_out = host;
	*port_out = (uint16_t)n;
	return 0;
}

struct str tlsrpt_domain_of(struct str address, struct arena *a)
{
	char *p = arena_cstr(a, str_from(address, (size_t)(str_rfind(address, '@') + 1)));
	size_t i;

	for (i = 0; p[i]; i++)
		p[i] = ascii_lower(p[i]);
	return str_of(p);
}
