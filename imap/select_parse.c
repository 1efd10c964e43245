/* SPDX-License-Identifier: ISC
 *
 * select_parse.c: the grammar of SELECT (RFC 7162 7: select-param).
 */
#include "imap/select_parse.h"

#include "imap/parse.h"

/* A sequence-set in which "*" is not allowed. */
static int parse_plain_set(struct cur *c, struct arena *a, struct imapset *out)
{
	struct imapset set;
	size_t i;

	if (imapset_parse(c, a, &set) != 1)
		return E_SYNTAX;
	for (i = 0; i < set.n; i++)
		if (set.r[i].lo == IMAPSET_STAR || set.r[i].hi == IMAPSET_STAR)
			return E_SYNTAX;
	*out = set;
	return 1;
}

/* How many numbers a set has, 0 if they do not rise as they stand. */
static uint64_t count_rising(const struct imapset *set)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < set->n; i++) {
		if (set->r[i].lo > set->r[i].hi || (i && set->r[i].lo <= set->r[i - 1].hi))
			return 0;
		n += (uint64_t)set->r[i].hi - set->r[i].lo + 1;
	}
	return n;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")" */
static int parse_match(struct cur *c, struct arena *a, struct select_args *out)
{
	uint64_t n;

	if (!cur_take(c, '(') || parse_plain_set(c, a, &out->seqs) != 1 || !cur_take(c, ' ') ||
		parse_plain_set(c, a, &out->uids) != 1 || !cur_take(c, ')'))
		return E_SYNTAX;
	n = count_rising(&out->seqs);
	return n && n == count_rising(&out->uids) ? 1 : E_SYNTAX;
}

/* "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" */
static int parse_qresync(struct cur *c, struct arena *a, struct select_args *out)
{
	uint64_t v;

	if (!cur_word(c, " (") || cur_u64(c, UINT32_MAX, &v) != 1 || !v || !cur_take(c, ' ') ||
		imap_parse_modseq(c, &out->modseq) != 1 || !out->modseq)
		return E_SYNTAX;
	out->uidvalidity = (uint32_t)v;
	if (cur_take(c, ' ')) {
		if (cur_peek(c) != '(') {
			if (parse_plain_set(c, a, &out->known) != 1)
				return E_SYNTAX;
			imapset_resolve(&out->known, 0);
			out->has_known = true;
			if (cur_take(c, ' ') && parse_match(c, a, out) != 1)
				return E_SYNTAX;
		} else if (parse_match(c, a, out) != 1) {
			return E_SYNTAX;
		}
	}
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

static int parse_param(struct cur *c, struct arena *a, struct select_args *out)
{
	struct str word;

	if (imap_parse_atom(c, &word) != 1)
		return E_SYNTAX;
	if (str_ieqc(word, "CONDSTORE")) {
		out->condstore = true;
		return 1;
	}
	if (!str_ieqc(word, "QRESYNC") || out->qresync)
		return E_SYNTAX;
	out->qresync = true;
	return parse_qresync(c, a, out);
}

int select_parse(struct cur *c, struct arena *a, struct select_args *out)
{
	memset(out, 0, sizeof *out);
	if (!cur_take(c, ' ') || imap_parse_mailbox(c, a, &out->mailbox, &out->bad_name) != 1)
		return E_SYNTAX;
	if (cur_word(c, " (")) {
		do {
			if (parse_param(c, a, out) != 1)
				return E_SYNTAX;
		} while (cur_take(c, ' '));
		if (!cur_take(c, ')'))
			return E_SYNTAX;
	}
	return cur_end(c) ? 1 : E_SYNTAX;
}
