/* SPDX-License-Identifier: ISC
 *
 * gss_token.c: see gss_token.h.
 *
 *   framed    60 length 06 09 <1.2.840.113554.1.2.2> inner
 *   inner     01 00 AP-REQ              AP-REQ = 6E length ...   ([APPLICATION 14], RFC 4120 5.5.1)
 */
#include "auth/gss_token.h"

#include "base/cur.h"

#define FRAME "\x60"
#define KERBEROS "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
#define AP_REQ "\x01\x00"

/* A DER length (X.690 10.1: as short as can be) that is just what is left. */
static bool length_is_rest(struct cur *c)
{
	size_t n = 0;
	int bytes, b;

	if (cur_end(c))
		return false;
	b = cur_next(c) & 0xff;
	if (b < 0x80)
		return (size_t)b == cur_rest(c).n;
	bytes = b - 0x80;
	if (bytes < 1 || bytes > 3)
		return false;
	while (bytes-- > 0) {
		if (cur_end(c))
			return false;
		b = cur_next(c) & 0xff;
		if (n == 0 && b == 0)
			return false;
		n = n << 8 | (size_t)b;
	}
	return n >= 0x80 && n == cur_rest(c).n;
}

bool gss_token_is_ap_req(struct str token, bool framed)
{
	struct cur c = cur_of(token);

	if (framed) {
		if (!cur_take(&c, FRAME[0]) || !length_is_rest(&c) || !str_starts(cur_rest(&c), KERBEROS))
			return false;
		c = cur_of(str_from(cur_rest(&c), strlen(KERBEROS)));
	}
	if (cur_rest(&c).n < 2 || memcmp(cur_rest(&c).p, AP_REQ, 2) != 0)
		return false;
	c = cur_of(str_from(cur_rest(&c), 2));
	return cur_take(&c, 0x6e) && length_is_rest(&c);
}
