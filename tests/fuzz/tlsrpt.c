/* SPDX-License-Identifier: ISC
 *
 * tlsrpt.c: fuzz target of reports about TLS (RFC 8460): records, messages, packed and plain reports: what is read is bounded and
 * of printable lines, and what is printed of it is read again as the same.
 */
#include "smtp/report/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(struct str s)
{
	BUG_ON(s.n > TLSRPT_TEXT || str_has_ctl(s) || !str_is_utf8(s));
}

static void lines(struct str s)
{
	size_t n = 0;

	for (; s.n; n++)
		line(str_cut(&s, '\n'));
	BUG_ON(n > TLSRPT_LINES);
}

static void look(const struct tlsrpt *r)
{
	size_t i, k, total = 0;

	BUG_ON(!r->id.n || r->npolicies == 0 || r->npolicies > TLSRPT_POLICIES || r->end < r->start || r->start < 0);
	line(r->organisation);
	line(r->contact);
	for (i = 0; i < r->npolicies; i++) {
		const struct tlsrpt_policy *p = &r->policy[i];

		lines(p->text);
		lines(p->mx);
		for (k = 0; k < p->nfailures; k++, total++) {
			BUG_ON(!p->failure[k].result.n);
			line(p->failure[k].reason);
			line(p->failure[k].helo);
		}
	}
	BUG_ON(total > TLSRPT_FAILURES);
}

static void report(struct str text)
{
	struct tlsrpt r, again;
	const char *why;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 1 << 22);
	if (tlsrpt_parse(text, &a, &r, &why) == 0) {
		look(&r);
		/* printing escapes: what was just within the bounds may not be any more */
		if (tlsrpt_print(&r, &out) == 0 && tlsrpt_parse(buf_view(&out), &a, &again, &why) == 0)
			BUG_ON(again.npolicies != r.npolicies || again.policy[0].ok != r.policy[0].ok || !str_eq(again.policy[0].domain, r.policy[0].domain));
	}
	buf_done(&out);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), uri[TLSRPT_URIS], host;
	struct buf found, plain;
	struct arena a;
	uint16_t port;
	size_t i, n = 0;

	arena_init(&a);
	if (tlsrpt_record_parse(in, uri, &n) == 1)
		for (i = 0; i < n; i++) {
			if (tlsrpt_mailto(uri[i], &a, &host) == 0)
				BUG_ON(str_has_ctl(host) || str_find(host, ' ') >= 0 || str_find(host, '@') < 1);
			if (tlsrpt_https(uri[i], &host, &port) == 0)
				BUG_ON(str_has_ctl(host) || str_find(host, '@') >= 0);
		}
	arena_done(&a);
	buf_init(&found, 65536);
	buf_init(&plain, 1 << 18);
	if (tlsrpt_is_letter(in) && tlsrpt_letter_find(in, &found) == 0)
		in = buf_view(&found);
	if (tlsrpt_unpack(in, &plain) == 0)
		report(buf_view(&plain));
	BUG_ON(plain.n > 1 << 18);
	buf_done(&plain);
	buf_done(&found);
	return 0;
}
