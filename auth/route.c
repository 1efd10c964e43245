/* SPDX-License-Identifier: ISC
 *
 * route.c: see route.h.
 */
#include "auth/route.h"

#include "mail/address.h"

/* One name with the sender's domain, then without. */
static int look(struct directory *d, struct str to, struct str sender, struct arena *a,
	struct directory_route *out)
{
	int r = E_NOTFOUND;

	if (sender.n > 0)
		r = d->ops->route(d, to, sender, a, out);
	return r == E_NOTFOUND ? d->ops->route(d, to, STR(""), a, out) : r;
}

int route_find(struct directory *d, struct str domain, struct str sender, struct arena *a,
	struct directory_route *out)
{
	struct str name, from = STR("");
	ssize_t dot;
	int r;

	if (!d->ops->route || domain.n == 0)
		return E_NOTFOUND;
	/* an address literal has no name in the table: only "*" can mean it */
	if (domain.n > 0 && domain.p[0] == '[')
		name = STR("");
	else if (domain.n > ADDRESS_DOMAIN_MAX || domain_normal(domain, a, &name) < 0)
		return E_NOTFOUND;
	if (sender.n > 0 && (sender.n > ADDRESS_DOMAIN_MAX || domain_normal(sender, a, &from) < 0))
		from = STR("");
	r = name.n > 0 ? look(d, name, from, a, out) : E_NOTFOUND;
	while (r == E_NOTFOUND && (dot = str_find(name, '.')) >= 0) {
		r = look(d, str_from(name, (size_t)dot), from, a, out);
		name = str_from(name, (size_t)dot + 1);
	}
	return r == E_NOTFOUND ? look(d, STR(ROUTE_ANY), from, a, out) : r;
}

static bool seen(const struct directory_route *v, void *arg)
{
	(void)v;
	*(bool *)arg = true;
	return false;
}

bool route_any(struct directory *d)
{
	bool any = false;

	return d->ops->routes && (d->ops->routes(d, seen, &any) < 0 || any);
}
