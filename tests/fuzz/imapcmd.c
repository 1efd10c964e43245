/* SPDX-License-Identifier: ISC
 *
 * imapcmd.c: IMAP commands as texts (literals inside), and the arguments of
 * FETCH, SEARCH, STORE, APPEND, SELECT, STATUS and LIST.
 */
#include "imap/input.h"
#include "imap/list_parse.h"
#include "imap/modifier_parse.h"
#include "imap/parse.h"
#include "imap/search.h"
#include "imap/section.h"
#include "imap/select_parse.h"
#include "imap/status.h"
#include "mail/imapset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t count(const struct imapset *set)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < set->n; i++) {
		BUG_ON(set->r[i].lo > set->r[i].hi || set->r[i].hi == IMAPSET_STAR);
		n += (uint64_t)set->r[i].hi - set->r[i].lo + 1;
	}
	return n;
}

static void selects_and_lists(struct cur args, struct arena *a)
{
	struct select_args sel;
	struct list_args list;
	unsigned items;
	struct cur c = args;

	if (select_parse(&c, a, &sel) == 1) {
		BUG_ON(sel.qresync && (!sel.uidvalidity || !sel.modseq || sel.modseq > INT64_MAX));
		BUG_ON(count(&sel.seqs) != count(&sel.uids));
		(void)count(&sel.known);
	}
	c = args;
	if (list_parse(&c, a, &list) == 1) {
		BUG_ON(list.n > LIST_PATTERNS_MAX || ((list.select & LIST_RECURSIVEMATCH) && !list.subscribed));
		(void)list_args_match(&list, STR("INBOX/aaaa/aaab"));
	}
	if (cur_take(&args, ' ') && status_parse(&args, &items) == 1)
		BUG_ON(!items);
}

static void arguments(struct cur args, struct arena *a)
{
	struct fetch_modifiers fm;
	struct store_modifiers sm;
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
	selects_and_lists(args, a);
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
		if (fetch_parse(&c, a, &item, &n) == 1) {
			BUG_ON(!n || n > FETCH_ITEMS_MAX);
			if (fetch_modifiers_parse(&c, &fm) == 1)
				BUG_ON(!fm.changed && !fm.vanished);
		}
		c = args;
		if (store_modifiers_parse(&c, &sm) == 1)
			BUG_ON(!sm.unchanged || sm.since > INT64_MAX);
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
