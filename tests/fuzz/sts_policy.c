/* SPDX-License-Identifier: ISC
 *
 * sts_policy.c: fuzz target of MTA-STS records and policies: what is accepted is whole, bounded, and made of names.
 */
#include "smtp/policy/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make(data, size), id = STR_NONE;
	struct sts_policy p;
	struct arena a;
	const char *why;
	size_t i;

	if (sts_record_parse(text, &id) == 1)
		BUG_ON(id.n == 0 || id.n > STS_ID || str_has_ctl(id));
	arena_init(&a);
	if (sts_policy_parse(text, &a, &p, &why) == 0) {
		BUG_ON(p.n > STS_MX || p.max_age < 0 || p.max_age > STS_AGE_MAX || (p.mode != STS_NONE && p.n == 0));
		for (i = 0; i < p.n; i++)
			BUG_ON(str_has_ctl(p.mx[i]) || !str_is_ascii(p.mx[i]) || str_find(p.mx[i], ' ') >= 0);
		sts_allows(p.mx, p.n, "mail.example.com");
	}
	arena_done(&a);
	return 0;
}
