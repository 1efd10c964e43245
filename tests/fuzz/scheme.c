/* SPDX-License-Identifier: ISC
 *
 * scheme.c: fuzz target of stored password hashes (auth/scheme.h): whatever the text, what it takes is known
 * before anything is computed, and what is within small limits is computed in that time and memory.
 */
#include "auth/scheme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct scheme_limits small = { 1 << 20, 3000 }, any = { UINT64_MAX, UINT64_MAX };
	struct str text = str_make(data, size);
	struct scheme_limits takes, takes_any;
	enum scheme_result r = scheme_inspect(text, &small, &takes), wide = scheme_inspect(text, &any, &takes_any), c;
	struct buf keys;

	BUG_ON(r == SCHEME_WRONG || wide == SCHEME_WRONG || wide == SCHEME_COSTLY);
	BUG_ON(r == SCHEME_GOOD && (takes.memory > small.memory || takes.work > small.work));
	BUG_ON((r == SCHEME_COSTLY || r == SCHEME_GOOD) != (wide == SCHEME_GOOD));
	c = scheme_check(STR("password"), text, &small);
	BUG_ON((c == SCHEME_GOOD || c == SCHEME_WRONG) != (r == SCHEME_GOOD));
	buf_init(&keys, 4096);
	BUG_ON(scheme_scram_keys(text, &keys) && scheme_inspect(buf_view(&keys), &any, &takes) != SCHEME_GOOD);
	buf_done(&keys);
	return 0;
}
