/* SPDX-License-Identifier: ISC
 *
 * cmd_store.c: STORE (RFC 3501 6.4.6). Messages that another session removed are
 * skipped and the end is NO (RFC 2180 4.2.1); the others are done.
 */
#include "imap/commands.h"
#include "imap/parse.h"

struct store_args {
	enum store_op op;
	bool silent;
	struct imap_flags flags;
};

/* SP ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / (flag *(SP flag))) */
static int parse_args(struct cur *c, struct arena *a, struct store_args *out)
{
	int r;

	if (!cur_take(c, ' '))
		return E_SYNTAX;
	out->op = cur_take(c, '+') ? STORE_ADD : cur_take(c, '-') ? STORE_CLEAR : STORE_SET;
	if (!cur_iword(c, "FLAGS"))
		return E_SYNTAX;
	out->silent = cur_iword(c, ".SILENT");
	if (!cur_take(c, ' '))
		return E_SYNTAX;
	r = imap_parse_flag_list(c, a, &out->flags);
	if (!r)
		r = imap_parse_flags(c, a, &out->flags);
	return r == 1 ? 0 : E_SYNTAX;
}

static void store_flags(struct imap_session *s, const struct store_args *args, const uint32_t *index,
	size_t n, bool gone)
{
	unsigned keywords = s->view->nkeywords;
	uint32_t *changed;
	size_t i, nchanged;
	bool gone_now = false;
	int r = 0;

	if (n)
		r = store_set_flags(s->view, index, n, args->op, args->flags.flags, args->flags.keyword,
			args->flags.nkeywords, &s->a, &changed, &nchanged, &gone_now);
	if (r == E_LIMIT) {
		imap_no(s, "[LIMIT] Too many keywords in this mailbox");
		return;
	}
	if (r) {
		imap_error(s, r, "STORE");
		return;
	}
	if (s->view->nkeywords != keywords)
		imap_tell_keywords(s);
	for (i = 0; i < n && !args->silent; i++)
		if (!(s->view->rec[index[i]].flags & STORE_GONE))
			imap_tell_flags(s, index[i], s->in.uid);
	if ((gone || gone_now) && !s->in.uid)
		imap_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else
		imap_ok(s, "Store completed");
}

void cmd_store(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct store_args args;
	uint32_t *index;
	bool gone;
	size_t n;

	if (!cur_take(&c, ' ')) {
		imap_bad(s, "Message set expected");
		return;
	}
	if (!imap_parse_set(s, &c, &index, &n, &gone))
		return;
	if (parse_args(&c, &s->a, &args)) {
		imap_bad(s, "Invalid STORE arguments");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	if (s->view->readonly)
		imap_no(s, "Mailbox is read-only");
	else
		store_flags(s, &args, index, n, gone);
}
