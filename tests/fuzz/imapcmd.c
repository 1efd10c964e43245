/* SPDX-License-Identifier: ISC
 *
 * imapcmd.c: IMAP commands as texts (literals inside), and the arguments of
 * FETCH, SEARCH, STORE, APPEND and LIST.
 */
#include "imap/input.h"
#include "imap/list_match.h"
#include "imap/parse.h"
#include "imap/search.h"
#include "imap/section.h"
#include "mail/imapset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void arguments(struct cur args, struct arena *a)
{
	struct imap_append_args append;
	struct list_pattern pattern;
	struct imap_flags flags;
	struct fetch_item *item;
	struct search q;
	struct imapset set;
	struct str s;
	struct cur c;
	bool bad;
	size_t n;

	c = args;
	if (search_parse(&c, a, &q) == 1)
		BUG_ON(!cur_end(&c) || q.n < 2 || q.n > SEARCH_NODES);
	(void)imap_parse_append(&args, a, &append);
	if (!cur_take(&args, ' '))
		return;
	c = args;
	if (imap_parse_mailbox(&c, a, &s, &bad) == 1 && !bad)
		BUG_ON(!s.n || s.n > IMAP_NAME_MAX || str_has_ctl(s) || !str_is_utf8(s));
	c = args;
	if (imap_parse_list_mailbox(&c, a, &s) == 1) {
		list_pattern_make(s, a, &pattern);
		(void)list_match(&pattern, STR("INBOX/aaaa/aaab"));
	}
	c = args;
	if (imapset_parse(&c, a, &set) == 1 && cur_take(&c, ' ')) {
		args = c;
		if (fetch_parse(&c, a, &item, &n) == 1)
			BUG_ON(!n || n > FETCH_ITEMS_MAX);
		c = args;
		(void)imap_parse_flag_list(&c, a, &flags);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_literal lit;
	struct imap_input in;
	const char *why;
	struct arena a;

	arena_init(&a);
	imap_input_init(&in, size);
	buf_add(&in.text, data, size);
	if (imap_literal_tail(buf_view(&in.text), &lit))
		BUG_ON(lit.at >= size);
	if (!imap_input_parse(&in, &why))
		arguments(in.args, &a);
	imap_input_done(&in);
	arena_done(&a);
	return 0;
}
