/* SPDX-License-Identifier: ISC
 *
 * web_letter.c: fuzz target of POST /api/v1/send: the first byte chooses JSON or a whole
 * message with a query. What comes of JSON has lines that are short and end with CRLF, and its
 * header has the fields that it should have, and no Bcc.
 */
#include "mail/header.h"
#include "webadmin/letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct letter *l)
{
	struct str rest = buf_view(&l->message), line;
	struct header_walk w = { .message = rest };
	struct header_field f;
	size_t from = 0;

	while (rest.n > 0) {
		line = str_cut(&rest, '\n');
		BUG_ON(line.n == 0 || line.p[line.n - 1] != '\r' || line.n > 999);
		BUG_ON(str_find(str_sub(line, 0, line.n - 1), '\r') >= 0);
	}
	while (header_walk(&w, &f)) {
		BUG_ON(f.name.n == 0 || str_ieqc(f.name, "bcc") || str_ieqc(f.name, "received"));
		from += str_ieqc(f.name, "from");
	}
	BUG_ON(from != 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct letter_limits max = { .recipients = 20, .size = 1 << 20 };
	struct str body, query = STR("");
	struct letter l;
	struct arena a;
	struct buf why;
	size_t i;
	int r;

	if (size < 1 || size > 65536)
		return 0;
	body = str_make(data + 1, size - 1);
	arena_init(&a);
	buf_init(&why, 4096);
	if (data[0] & 1)
		query = str_cut(&body, '\n');
	r = data[0] & 1 ? letter_of_message(body, query, &max, &a, &l, &why) :
		letter_of_json(body, &max, "0123456789abcdef", &a, &l, &why);
	BUG_ON(r < 0 && why.n == 0);
	if (r == 0) {
		BUG_ON(l.nto == 0 || l.nto > 20);
		for (i = 0; i < l.nto; i++)
			BUG_ON(str_has_ctl(l.to[i]));
		BUG_ON(str_has_ctl(l.from));
		if (!(data[0] & 1))
			look(&l);
	}
	letter_done(&l);
	buf_done(&why);
	arena_done(&a);
	return 0;
}
