/* SPDX-License-Identifier: ISC
 *
 * cookie.c: see cookie.h.
 */
#include "webadmin/cookie.h"

static bool secret_valid(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_')
			return false;
	}
	return s.n > 0 && s.n <= SECRET_MAX;
}

/* cookie-string = cookie-pair *( ";" SP cookie-pair ). A name that comes twice (another
 * path or domain planted one) names nobody. */
struct str cookie_get(struct str header, const char *name)
{
	struct str found = STR_NONE, pair, value;
	unsigned n = 0;

	while (header.n > 0) {
		value = str_trim(str_cut(&header, ';'));
		pair = str_cut(&value, '=');
		if (!str_eqc(pair, name) || !value.p)
			continue;
		found = value;
		n++;
	}
	return n == 1 && secret_valid(found) ? found : STR_NONE;
}

struct str bearer_get(struct str header)
{
	struct str token;

	if (!str_istarts(header, "Bearer "))
		return STR_NONE;
	token = str_trim(str_from(header, 7));
	return secret_valid(token) ? token : STR_NONE;
}
