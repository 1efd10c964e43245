/* SPDX-License-Identifier: ISC
 *
 * signed.c: a report that comes by mail must be signed by who sends it (RFC 8460 3, RFC 6376; see tlsrpt.h).
 */
#include "smtp/report/tlsrpt.h"

#include "base/clock.h"
#include "net/resolver.h"
#include "smtp/verify/dkim.h"

#define SIGNATURES 5 /* that are looked at */
#define CLOCKS 300 /* seconds that clocks may differ */

/* The same, or one is beneath the other. */
static bool related(struct str x, struct str y)
{
	struct str longer = x.n > y.n ? x : y, shorter = x.n > y.n ? y : x;

	return str_find(shorter, '.') > 0 && str_ieq(str_from(longer, longer.n - shorter.n), shorter) &&
		(longer.n == shorter.n || longer.p[longer.n - shorter.n - 1] == '.');
}

/* A key for reports alone says "s=tlsrpt" (3): for us it is a key like others. */
static void without_service(struct str record, struct buf *out)
{
	struct str rest = record;

	while (rest.p) {
		struct str tag = str_cut(&rest, ';'), value = tag, name = str_trim(str_cut(&value, '='));

		if (str_eqc(name, "s") && str_search(value, STR("tlsrpt")) >= 0)
			continue;
		if (out->n)
			buf_c(out, ';');
		buf_str(out, tag);
	}
}

/* 0; E_TEMP; E_NOTFOUND. */
static int key_of(const struct dkim_signature *g, int link, int64_t wait, struct arena *a, struct dkim_key **out)
{
	const char *name = arena_fmt(a, "%.*s._domainkey.%.*s", STRF(g->selector), STRF(g->domain));
	struct buf text, record;
	struct dns_answer x;
	int r = E_NOTFOUND;
	size_t i;

	if (!dns_is_name(str_of(name)))
		return E_NOTFOUND;
	resolver_ask(link, a, name, DNS_TXT, wait, &x);
	if (x.state != DNS_OK)
		return x.state == DNS_NODATA || x.state == DNS_NXDOMAIN || x.state == DNS_BOGUS ? E_NOTFOUND : E_TEMP;
	buf_init(&text, 65536);
	buf_init(&record, 65536);
	for (i = 0; i < x.n && r; i++) {
		buf_reset(&text);
		buf_reset(&record);
		if (dns_unescape(x.record[i].data, &text) == 0) {
			without_service(buf_view(&text), &record);
			r = dkim_key_parse(buf_view(&record), out) == 0 ? 0 : E_NOTFOUND;
		}
	}
	buf_done(&record);
	buf_done(&text);
	return r;
}

static int check(const struct dkim_signature *g, const struct header *h, const struct header_field *field, struct str body,
	const struct dkim_key *key, const char **why_out)
{
	struct dkim_body *b = dkim_body_new(g->body, UINT64_MAX);
	unsigned char hash[DKIM_HASH];
	uint64_t size;

	dkim_body_add(b, body);
	dkim_body_end(b, hash, &size);
	return dkim_signature_check(g, h, field, hash, key, why_out);
}

int tlsrpt_signed(struct str message, struct str domain, int link, int64_t wait, const char **why_out)
{
	const struct header_field *field;
	struct dkim_signature *g;
	struct dkim_key *key;
	struct header h;
	struct arena a;
	bool later = false;
	size_t i;
	int r = E_DENIED, got;

	*why_out = "it is not signed by its sender";
	arena_init(&a);
	header_parse(message, &header_default_limits, &a, &h);
	g = ARENA_NEW(&a, struct dkim_signature);
	for (i = 0; i < SIGNATURES && r && (field = header_get(&h, "DKIM-Signature", i)); i++) {
		if (dkim_signature_parse(field->body, &a, g) < 0 || !related(g->domain, domain))
			continue;
		*why_out = "its signature is for a part of it, or too old";
		if (g->limit != UINT64_MAX || (g->expires && g->expires + CLOCKS < clock_unix()))
			continue;
		*why_out = "there is no key for its signature";
		got = key_of(g, link, wait, &a, &key);
		later |= got == E_TEMP;
		if (got < 0)
			continue;
		r = check(g, &h, field, str_from(message, h.size), key, why_out);
		dkim_key_free(key);
	}
	arena_done(&a);
	if (r && later) {
		*why_out = "the key of its signature cannot be had";
		return E_TEMP;
	}
	return r;
}
