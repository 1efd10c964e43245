/* SPDX-License-Identifier: ISC
 *
 * prefetched.h: what a back end was told when it asked for the accounts of many names at once (`prefetch` of directory.h),
 * until it is asked for each. All functions are cheap.
 */
#ifndef MANSIO_AUTH_PREFETCHED_H
#define MANSIO_AUTH_PREFETCHED_H

#include "auth/directory.h"

struct prefetched {
	struct arena a;
	struct prefetched_account {
		struct directory_name name; /* that was asked for */
		bool found;
		struct directory_account v;
	} account[DIRECTORY_PREFETCH];
	size_t n;
};

void prefetched_init(struct prefetched *p);
void prefetched_done(struct prefetched *p);
/* Nothing is known any more. */
void prefetched_clear(struct prefetched *p);
/* Before the question: this name is part of it. false: it is already. */
bool prefetched_expect(struct prefetched *p, const struct directory_name *name);
/* After it: this account, whose strings lie in p->a, exists. Those that were expected and are not told do not. */
void prefetched_tell(struct prefetched *p, const struct directory_account *v);
/* Was this name asked for? true: *result_out is what `account` answers, 0 (and *out, copied to a) or E_NOTFOUND. */
bool prefetched_get(const struct prefetched *p, struct str local, struct str domain, struct arena *a,
	struct directory_account *out, int *result_out);

#endif
