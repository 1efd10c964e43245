/* SPDX-License-Identifier: ISC
 *
 * fingerprint.c: see fingerprint.h.
 */
#include "net/fingerprint.h"

static bool hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* [ "sha256:" ] 32( 2HEXDIG ), colons between all pairs or between none */
int fingerprint_parse(struct str s, char out[FINGERPRINT_HEX + 1])
{
	bool colons;
	size_t i, n = 0;

	if (str_istarts(s, "sha256:"))
		s = str_from(s, 7);
	colons = s.n == FINGERPRINT_HEX / 2 * 3 - 1;
	if (!colons && s.n != FINGERPRINT_HEX)
		return E_SYNTAX;
	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (colons && i % 3 == 2) {
			if (c != ':')
				return E_SYNTAX;
			continue;
		}
		if (!hex_digit(c))
			return E_SYNTAX;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}
