/* SPDX-License-Identifier: ISC
 *
 * prefetched.c: see prefetched.h. A batch is short: names are compared one by one.
 */
#include "auth/prefetched.h"

void prefetched_init(struct prefetched *p)
{
	arena_init(&p->a);
	p->n = 0;
}

void prefetched_done(struct prefetched *p)
{
	arena_wipe(&p->a);
	p->n = 0;
}

void prefetched_clear(struct prefetched *p)
{
	if (p->n == 0)
		return;
	arena_wipe(&p->a); /* hashes and keys of logins */
	p->n = 0;
}

static const struct prefetched_account *find(const struct prefetched *p, struct str local, struct str domain)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (str_eq(p->account[i].name.local, local) && str_eq(p->account[i].name.domain, domain))
			return &p->account[i];
	return NULL;
}

bool prefetched_expect(struct prefetched *p, const struct directory_name *name)
{
	BUG_ON(p->n == ARRAY_LEN(p->account));
	if (find(p, name->local, name->domain))
		return false;
	p->account[p->n++] = (struct prefetched_account){
		.name = { arena_str(&p->a, name->local), arena_str(&p->a, name->domain) } };
	return true;
}

void prefetched_tell(struct prefetched *p, const struct directory_account *v)
{
	struct prefetched_account *e = (struct prefetched_account *)(uintptr_t)find(p, v->local, v->domain);

	if (!e)
		return;
	e->v = *v;
	e->found = true;
}

static struct directory_account copy(const struct directory_account *v, struct arena *a)
{
	struct directory_account c = *v;
	struct str *const s[] = { &c.local, &c.domain, &c.name, &c.hash, &c.scram, &c.refuse_text, &c.roles, &c.forward, &c.send_as,
		&c.key, &c.home_local, &c.home_domain };
	size_t i;

	for (i = 0; i < ARRAY_LEN(s); i++)
		if (s[i]->p)
			*s[i] = arena_str(a, *s[i]);
	return c;
}

bool prefetched_get(const struct prefetched *p, struct str local, struct str domain, struct arena *a,
	struct directory_account *out, int *result_out)
{
	const struct prefetched_account *e = find(p, local, domain);

	if (!e)
		return false;
	if (e->found)
		*out = copy(&e->v, a);
	*result_out = e->found ? 0 : E_NOTFOUND;
	return true;
}
