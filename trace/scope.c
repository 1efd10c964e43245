/* SPDX-License-Identifier: ISC
 *
 * scope.c: see scope.h.
 */
#include "trace/scope.h"

#define SCOPES_MAX 4096

void scope_read(struct scope *s, const struct ipc_msg *m, struct arena *a)
{
	size_t n = 0;

	while (n < SCOPES_MAX && ipc_get_nth(m, "scope", n).p)
		n++;
	*s = (struct scope){ .all = n == 0, .entry = arena_array(a, n + 1, sizeof(*s->entry)) };
	for (s->n = 0; s->n < n; s->n++)
		s->entry[s->n] = fields_lower(a, fields_escape(a, ipc_get_nth(m, "scope", s->n)));
}

/* anna+lists@example.org is anna@example.org's. */
static bool is_address(struct str address, struct str entry)
{
	ssize_t at = str_rfind(address, '@'), plus = str_find(address, '+');

	if (str_ieq(address, entry))
		return true;
	return plus > 0 && plus < at && entry.n == (size_t)plus + address.n - (size_t)at &&
		str_ieq(str_sub(address, 0, (size_t)plus), str_sub(entry, 0, (size_t)plus)) &&
		str_ieq(str_from(address, (size_t)at), str_from(entry, (size_t)plus));
}

bool scope_has(const struct scope *s, struct str address)
{
	ssize_t at = str_rfind(address, '@');
	struct str domain = at < 0 ? STR_NONE : str_from(address, (size_t)at + 1);
	size_t i;

	if (s->all)
		return true;
	for (i = 0; i < s->n; i++)
		if (s->entry[i].n && (str_find(s->entry[i], '@') >= 0 ? is_address(address, s->entry[i]) :
			str_ieq(domain, s->entry[i])))
			return true;
	return false;
}

bool scope_has_field(const struct scope *s, const struct fields *e, const char *key)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (str_eqc(e->f[i].key, key) && scope_has(s, e->f[i].raw))
			return true;
	return false;
}
