/* SPDX-License-Identifier: ISC
 *
 * sasl_kerberos.c: SASL GSSAPI (RFC 4752) and GS2-KRB5 (RFC 5801): what the library's plug-ins ask of us, and what we ask
 * of them when they fail. The library decides whether the ticket is good, and tells the principal that it is of; whose
 * account that is kerberos.h knows.
 */
#include "auth/kerberos.h"
#include "auth/sasl_private.h"

#define DETAIL_MAX 200

/* The principal that the ticket is of, or the account that the client asks for, which may be written as a principal, too. */
int sasl_kerberos_name(struct sasl_exchange *x, struct str given, bool principal, struct str *out)
{
	const struct conf *c = x->service->conf;
	const char *why = NULL;

	if (!principal && !kerberos_is_principal(c, given)) {
		*out = sasl_name(&x->a, given);
		return 0;
	}
	if (kerberos_account(c, given, &x->a, out, &why) == 0)
		return 0;
	x->why = why;
	if (principal && x->user.n == 0)
		x->user = arena_str(&x->a, given);
	return E_DENIED;
}

/* The ticket is good, and nobody but the library has said so yet. */
void sasl_kerberos_done(struct sasl_exchange *x)
{
	x->verified = x->user.n > 0 && sasl_look_up(x, x->user);
	if (!x->verified && !x->down)
		x->why = x->found ? "account may not log in" : "no such account";
}

/* "GSSAPI Error: Unspecified GSS failure.  Minor code may provide more information (Clock skew too great)" */
void sasl_kerberos_log(struct sasl_exchange *x, struct str text)
{
	int64_t open = str_search(text, STR("information (")), end;

	if (open < 0 || x->detail)
		return;
	text = str_from(text, (size_t)open + strlen("information ("));
	end = str_find(text, ')');
	text = str_sub(text, 0, MIN(end < 0 ? text.n : (size_t)end, DETAIL_MAX));
	x->detail = arena_cstr(&x->a, text);
}

/* Is the clock of the client, or of its KDC, another one than ours? */
bool sasl_kerberos_skewed(const struct sasl_exchange *x)
{
	return x->detail && (strstr(x->detail, "Clock skew") || strstr(x->detail, "not yet valid"));
}
