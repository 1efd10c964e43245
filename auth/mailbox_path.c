/* SPDX-License-Identifier: ISC
 *
 * mailbox_path.c: where a mailbox lies beneath the mail root (auth.h).
 */
#include "auth/auth.h"

int auth_path_part(struct str part, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	struct buf b;
	size_t i;
	int r;

	buf_init(&b, AUTH_PART_MAX + 1);
	for (i = 0; i < part.n; i++) {
		unsigned char c = (unsigned char)part.p[i];

		if (c <= 0x20 || c == 0x7f || c == '%' || c == '/' || (c == '.' && i == 0)) {
			buf_c(&b, '%');
			buf_c(&b, hex[c >> 4]);
			buf_c(&b, hex[c & 15]);
		} else {
			buf_c(&b, (char)c);
		}
	}
	r = part.n == 0 || b.err || b.n > AUTH_PART_MAX ? E_SYNTAX : 0;
	if (r == 0)
		buf_str(out, buf_view(&b));
	buf_done(&b);
	return r == 0 ? out->err : r;
}

int auth_mailbox_path(struct str address, struct buf *out)
{
	ssize_t at = str_rfind(address, '@');
	int r = at < 1 ? E_SYNTAX : auth_path_part(str_from(address, (size_t)at + 1), out);

	if (r == 0) {
		buf_c(out, '/');
		r = auth_path_part(str_sub(address, 0, (size_t)at), out);
	}
	return r;
}
