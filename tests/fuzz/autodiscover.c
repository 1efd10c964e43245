/* SPDX-License-Identifier: ISC
 *
 * Fuzz target: Outlook's request, and what is answered: an address that was taken is one, and
 * nothing of it can end a text of the answer.
 */
#include "webadmin/autoconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t tags(const struct buf *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->n; i++)
		n += b->p[i] == '<' || b->p[i] == '>';
	return n;
}

static size_t tags_of_plain(const struct autoconfig *c)
{
	struct buf b;
	size_t n;

	buf_init(&b, 1 << 16);
	autodiscover_xml(c, STR("a@example.org"), &b);
	n = tags(&b);
	buf_done(&b);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct autoconfig c = { .host = "mail.example.org", .imaps = 993, .submissions = 465, .url = "https://mail.example.org" };
	struct str in = str_make(data, size), address;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, 1 << 20);
	if (autodiscover_parse(in, &a, &address) == 0) {
		BUG_ON(str_rfind(address, '@') <= 0 || str_has_ctl(address) || address.n > 254);
		autodiscover_xml(&c, address, &out);
		BUG_ON(out.err);
		BUG_ON(tags(&out) != tags_of_plain(&c));
	}
	address = autoconfig_address(in, "emailaddress", &a);
	if (address.p) {
		buf_reset(&out);
		autoconfig_mozilla(&c, autoconfig_domain(address, STR("x")), &out);
		autoconfig_apple(&c, address, &out);
		BUG_ON(out.err);
	}
	buf_done(&out);
	arena_done(&a);
	return 0;
}
