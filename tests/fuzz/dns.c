/* SPDX-License-Identifier: ISC
 *
 * Fuzz target: an answer from the DNS. The first byte chooses the type that was asked, the rest
 * is the packet. What comes out is printable and short, and comes through our own processes'
 * text unchanged.
 */
#include <stdlib.h>

#include "net/resolver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct str s)
{
	BUG_ON(str_has_ctl(s) || !str_is_ascii(s) || s.n >= DNS_NAME_TEXT);
}

/* By the wire of resolver.h and back. */
static void check_again(const struct dns_answer *x, enum dns_type type, struct arena *a)
{
	struct dns_answer y;
	struct ipc_msg m;
	size_t i;

	resolver_answer_print(x, type, &m);
	BUG_ON(resolver_parse(&m, type, a, &y) < 0);
	BUG_ON(y.n != x->n || y.state != x->state);
	for (i = 0; i < x->n; i++) {
		BUG_ON(!str_eq(x->record[i].data, y.record[i].data));
		BUG_ON(!str_eq(x->record[i].name, y.record[i].name));
		BUG_ON(x->record[i].priority != y.record[i].priority);
	}
	ipc_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_SRV, DNS_TLSA };
	struct dns_answer x;
	enum dns_type type;
	struct arena a;
	struct buf raw;
	size_t i;

	if (size == 0)
		return 0;
	type = types[data[0] % ARRAY_LEN(types)];
	arena_init(&a);
	if (dns_parse(str_make(data + 1, size - 1), type, &a, &x) == 0) {
		BUG_ON((x.state == DNS_OK) != (x.n > 0));
		check_name(x.canonical);
		for (i = 0; i < x.n; i++) {
			check_name(x.record[i].name.p ? x.record[i].name : STR(""));
			BUG_ON(str_has_ctl(x.record[i].data) || !str_is_utf8(x.record[i].data));
			buf_init(&raw, 1 << 20);
			BUG_ON(dns_unescape(x.record[i].data, &raw) < 0);
			buf_done(&raw);
		}
		check_again(&x, type, &a);
	}
	arena_done(&a);
	return 0;
}
