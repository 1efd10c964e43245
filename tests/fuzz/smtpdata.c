/* SPDX-License-Identifier: ISC
 *
 * smtpdata.c: the message reader; the first byte chooses DATA or BDAT and where
 * the input is cut: in pieces or whole, the result is the same.
 */
#include "mail/smtpdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void all(struct smtp_data *d, struct str in, size_t cut, struct buf *out)
{
	size_t took = smtp_data_feed(d, str_sub(in, 0, cut), out);

	if (took == cut)
		smtp_data_feed(d, str_from(in, cut), out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_data one, two;
	struct buf a, b;
	struct str in;
	size_t i;

	if (!size)
		return 0;
	in = str_make(data + 1, size - 1);
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	smtp_data_init(&one, data[0] & 1, 100, 2000);
	smtp_data_init(&two, data[0] & 1, 100, 2000);
	all(&one, in, in.n, &a);
	all(&two, in, MIN((size_t)data[0] >> 1, in.n), &b);
	BUG_ON(one.end != two.end || one.fault != two.fault || one.at != two.at || one.size != two.size);
	if (!one.fault) {
		BUG_ON(!str_eq(buf_view(&a), buf_view(&b)));
		for (i = 0; i < a.n; i++) {
			BUG_ON(!a.p[i]);
			BUG_ON(a.p[i] == '\n' && (!i || a.p[i - 1] != '\r'));
			BUG_ON(a.p[i] == '\r' && (i + 1 == a.n || a.p[i + 1] != '\n'));
		}
	}
	buf_done(&a);
	buf_done(&b);
	return 0;
}
