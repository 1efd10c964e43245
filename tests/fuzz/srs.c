/* SPDX-License-Identifier: ISC
 *
 * srs.c: any local part, rewritten and brought back: what was made is what comes out, what was not made is never good.
 */
#include "auth/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct srs_keys keys = { .n = 2, .key = { { .since = 1000, .secret = "the one in force" }, { .since = 1, .secret = "the one before" } } };
	struct str in = str_make(data, size), made, local, domain;
	struct arena a;

	arena_init(&a);
	BUG_ON(srs_back(&keys, in, 2000, 21, &a, &local, &domain) == SRS_GOOD);
	if (srs_forward(&keys, in, STR("far.example"), 2000, &a, &made) == 0) {
		enum srs_result r = srs_back(&keys, made, 2000, 21, &a, &local, &domain);

		BUG_ON(made.n > 64);
		BUG_ON(r != (in.n ? SRS_GOOD : SRS_BAD));
		if (r == SRS_GOOD && !str_istarts(in, "SRS1"))
			BUG_ON(!str_eqc(domain, "far.example") || !str_ieq(local, in));
	}
	arena_done(&a);
	return 0;
}
