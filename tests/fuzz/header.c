/* SPDX-License-Identifier: ISC
 *
 * header.c (fuzz): fields, address lists, message ids, ENVELOPE.
 */
#include "mail/address.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_make(data, size), *ids;
	struct header_address *list;
	struct header h;
	struct arena a;
	size_t i, n, total = 0;

	arena_init(&a);
	header_parse(in, NULL, &a, &h);
	BUG_ON(h.size > size);
	for (i = 0; i < h.n; i++) {
		total += h.field[i].raw.n;
		BUG_ON(h.field[i].body.n > h.field[i].raw.n);
		header_unfold(h.field[i].body, &a);
		n = address_list(h.field[i].body, &a, 20, &list, NULL);
		BUG_ON(n > 20);
		BUG_ON(n && list[n - 1].kind == HEADER_GROUP_START);
		BUG_ON(header_message_ids(h.field[i].body, &a, 5, &ids) > 5);
	}
	BUG_ON(total > h.size);
	arena_done(&a);
	return 0;
}
