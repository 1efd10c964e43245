/* SPDX-License-Identifier: ISC
 *
 * external.c: see external.h.
 *
 * One name in the certificate: that one, and the client may ask for no other. Several: the one that it asks for; if it asks
 * for none, the only one that is an account.
 */
#include "auth/external.h"

#include "auth/peek.h"

/* Which of them is an account, if just one is. */
static int only_account(const struct external *q, const struct str *name, size_t n, struct str *out, const char **why_out)
{
	struct str found = STR_NONE;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		r = q->is_account(q->arg, name[i]);
		if (r < 0)
			return E_TEMP;
		if (r == 0 || (found.p && str_eq(found, name[i])))
			continue;
		if (found.p) {
			*why_out = "the certificate names several accounts, and the client none";
			return E_DENIED;
		}
		found = name[i];
	}
	*why_out = "no such account";
	if (!found.p)
		return E_DENIED;
	*out = found;
	return 0;
}

static int choose(const struct external *q, const struct str *name, size_t n, struct arena *a, struct str *out,
	const char **why_out)
{
	struct str asked = peek_normal(q->asked, a);
	size_t i;

	if (asked.n == 0 && n > 1)
		return only_account(q, name, n, out, why_out);
	for (i = 0; i < n; i++)
		if (asked.n == 0 || str_eq(asked, name[i])) {
			*out = name[i];
			return 0;
		}
	*why_out = "may not act for another account";
	return E_DENIED;
}

int external_name(const struct external *q, struct arena *a, struct str *out, const char **why_out)
{
	struct str name[CLIENT_NAMES];
	size_t n = 0, i;

	*why_out = !q->ca ? "no certificates are taken" : q->chain.n == 0 ? "no certificate was shown" : NULL;
	if (*why_out)
		return E_DENIED;
	if (str_find(q->asked, '\0') >= 0) {
		*why_out = "a NUL in the name";
		return E_DENIED;
	}
	if (client_ca_check(q->ca, q->chain, q->now, why_out) < 0 || client_cert_names(q->chain, q->kind, a, name, &n, why_out) < 0)
		return E_DENIED;
	for (i = 0; i < n; i++)
		name[i] = peek_normal(name[i], a);
	return choose(q, name, n, a, out, why_out);
}
