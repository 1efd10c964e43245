/* SPDX-License-Identifier: ISC
 *
 * cmd_store.c: STORE (RFC 3501 6.4.6), with UNCHANGEDSINCE (RFC 7162 3.1.3). Messages that
 * another session removed are skipped and the end is NO (RFC 2180 4.2.1); the others are done.
 *
 * The store brings the view's records up to date. What came out other than the client
 * can know (somebody else changed the message too, or its condition failed) is told
 * in spite of ".SILENT".
 */
#include "imap/commands.h"
#include "imap/modifier_parse.h"
#include "imap/parse.h"

struct store_args {
	struct store_modifiers mod;
	enum store_op op;
	bool silent;
	struct imap_flags flags;
};

/* A message as the client knew it. */
struct before {
	uint32_t flags;
	uint64_t keywords, modseq;
};

/* SP [store-modifiers SP] ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / (flag *(SP flag))) */
static int parse_args(struct cur *c, struct arena *a, struct store_args *out)
{
	int r;

	if (!cur_take(c, ' ') || store_modifiers_parse(c, &out->mod) < 0)
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

static struct before *remember(struct imap_session *s, const uint32_t *index, size_t n)
{
	struct before *b = arena_array(&s->a, n + 1, sizeof *b);
	size_t i;

	for (i = 0; i < n; i++) {
		const struct store_rec *r = &s->view->rec[index[i]];

		b[i] = (struct before){ r->flags, r->keywords, r->modseq };
	}
	return b;
}

static uint64_t keyword_bits(const struct store_view *v, const struct imap_flags *f)
{
	uint64_t bits = 0;
	unsigned i;
	size_t k;

	for (i = 0; i < v->nkeywords; i++)
		for (k = 0; k < f->nkeywords; k++)
			if (str_ieq(v->keyword[i], f->keyword[k]))
				bits |= UINT64_C(1) << i;
	return bits;
}

static uint64_t expected(enum store_op op, uint64_t old, uint64_t bits)
{
	return op == STORE_SET ? bits : op == STORE_ADD ? old | bits : old & ~bits;
}

/* One FETCH for each message that has something to tell. modified: rising, of the same list. */
static void tell(struct imap_session *s, const struct store_args *args, const uint32_t *index, size_t n,
	const struct before *before, const struct store_flags_done *done)
{
	uint64_t bits = keyword_bits(s->view, &args->flags);
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		const struct store_rec *r = &s->view->rec[index[i]];
		bool failed = k < done->nmodified && done->modified[k] == index[i], differs;

		k += failed;
		if (r->flags & STORE_GONE)
			continue;
		differs = failed || (r->flags & 31) != expected(args->op, before[i].flags & 31, args->flags.flags) ||
			r->keywords != expected(args->op, before[i].keywords, bits);
		if (differs || !args->silent)
			imap_tell_message(s, index[i], true);
		else if (s->condstore && (args->mod.unchanged || r->modseq != before[i].modseq))
			imap_tell_message(s, index[i], false);
	}
}

/* "[MODIFIED 7,9] " (RFC 7162 3.1.3), or nothing. */
static const char *modified(struct imap_session *s, const struct store_flags_done *done, struct buf *out)
{
	struct imapset_writer w = { .out = out };
	size_t i;

	if (!done->nmodified)
		return "";
	buf_puts(out, "[MODIFIED ");
	for (i = 0; i < done->nmodified; i++)
		imapset_write(&w, s->in.uid ? s->view->rec[done->modified[i]].uid : done->modified[i] + 1);
	imapset_write_end(&w);
	buf_puts(out, "] ");
	return buf_cstr(out);
}

static void store_flags(struct imap_session *s, const struct store_args *args, const uint32_t *index,
	size_t n, bool gone)
{
	unsigned keywords = s->view->nkeywords;
	struct before *before = remember(s, index, n);
	struct store_flags_done done = { .gone = false };
	struct buf code;
	int r = 0;

	if (n)
		r = store_set_flags_if(s->view, index, n, args->op, args->flags.flags, args->flags.keyword,
			args->flags.nkeywords, args->mod.unchanged ? args->mod.since : UINT64_MAX, &s->a, &done);
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
	tell(s, args, index, n, before, &done);
	buf_init(&code, 64 + n * 11);
	if ((gone || done.gone) && !s->in.uid)
		imap_no(s, "%sSome of the messages no longer exist",
			done.nmodified ? modified(s, &done, &code) : "[EXPUNGEISSUED] ");
	else
		imap_ok(s, "%sStore completed", modified(s, &done, &code));
	buf_done(&code);
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
	if (args.mod.unchanged)
		imap_condstore(s);
	if (s->view->readonly)
		imap_no(s, "Mailbox is read-only");
	else
		store_flags(s, &args, index, n, gone);
}
