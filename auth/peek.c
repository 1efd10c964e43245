/* SPDX-License-Identifier: ISC
 *
 * peek.c: see peek.h.
 *
 *   PLAIN    [authzid] NUL authcid NUL passwd               (RFC 4616 2)
 *   LOGIN    the name alone
 *   SCRAM-*  gs2-header [ext ","] "n=" saslname "," ...     (RFC 5802 7)
 *   CRAM-MD5 user SP digest                               (RFC 2195 2)
 *   APOP     challenge NUL user NUL digest                 (cram.h)
 *   EXTERNAL whom the client wants to be, if it says so     (RFC 4422, appendix A)
 *   OAUTHBEARER XOAUTH2   whom the client wants to be, if it says so (bearer.h); not whom the token names
 */
#include "auth/peek.h"

#include "auth/bearer.h"
#include "auth/cram.h"
#include "auth/resolve.h"
#include "mail/address.h"

#define NAME_MAX_BYTES 512
#define GIVEN_MAX_BYTES (3 * NAME_MAX_BYTES) /* a letter of full width has three */

struct str peek_normal(struct str name, struct arena *a)
{
	struct str local, domain;

	/* as the worker reads it (sasl.c): "@", too, may come in full width */
	name = str_sub(address_width(str_sub(name, 0, GIVEN_MAX_BYTES), a), 0, NAME_MAX_BYTES);
	if (name.n == 0)
		return STR("");
	return address_read(name, a, &local, &domain) < 0 ? arena_str(a, name) : address_name(local, domain, a);
}

/* saslname: =2C and =3D for , and = */
static struct str unescaped(struct str s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '=' && s.n - i >= 3) {
			p[n++] = str_ieqc(str_sub(s, i + 1, i + 3), "2c") ? ',' : '=';
			i += 2;
		} else {
			p[n++] = s.p[i];
		}
	return str_make(p, n);
}

static struct str scram_name(struct str data, struct arena *a)
{
	struct str rest = data, part;
	int i;

	str_cut(&rest, ','); /* gs2-header: flag, authzid */
	str_cut(&rest, ',');
	for (i = 0; i < 2 && rest.p; i++) {
		part = str_cut(&rest, ',');
		if (str_starts(part, "n="))
			return unescaped(str_from(part, 2), a);
	}
	return STR("");
}

struct str peek_name(struct str mech, struct str data, struct arena *a)
{
	struct str rest = data;
	struct bearer said;
	struct cram response;

	if (str_eqc(mech, "PLAIN")) {
		str_cut(&rest, '\0');
		return peek_normal(str_cut(&rest, '\0'), a);
	}
	if (str_eqc(mech, "LOGIN") || str_eqc(mech, "EXTERNAL"))
		return peek_normal(data, a);
	if (str_eqc(mech, "CRAM-MD5"))
		return cram_read(data, &response) == 0 ? peek_normal(response.user, a) : STR("");
	if (str_eqc(mech, "APOP"))
		return apop_read(data, &response) == 0 ? peek_normal(response.user, a) : STR("");
	if (bearer_is(mech))
		return bearer_read(mech, data, a, &said) == 0 ? peek_normal(said.user, a) : STR("");
	if (str_starts(mech, "SCRAM-"))
		return peek_normal(scram_name(data, a), a);
	return STR("");
}
