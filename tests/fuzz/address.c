/* SPDX-License-Identifier: ISC
 *
 * address.c: envelope addresses; what parses must print and parse to itself.
 */
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), local, domain;
	struct address one, two;
	struct arena a;
	struct buf b;

	arena_init(&a);
	buf_init(&b, 4096);
	if (!address_parse_all(in, &a, &one)) {
		BUG_ON(one.local.n > ADDRESS_LOCAL_MAX || one.domain.n > ADDRESS_DOMAIN_MAX);
		address_print(&one, &b);
		BUG_ON(b.err);
		BUG_ON(address_parse_all(buf_view(&b), &a, &two));
		BUG_ON(!str_eq(one.local, two.local) || !str_eq(one.domain, two.domain));
		(void)address_normal(&one, &a, &local, &domain);
	}
	(void)domain_normal(in, &a, &domain);
	buf_done(&b);
	arena_done(&a);
	return 0;
}
