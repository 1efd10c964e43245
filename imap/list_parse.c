/* SPDX-License-Identifier: ISC
 *
 * list_parse.c: the grammar of LIST (RFC 5258 6, RFC 5819 4).
 */
#include "imap/list_parse.h"

#include "imap/parse.h"
#include "imap/status.h"
#include "mail/imapset.h"

/* The next word of a list of options: words alone end at SP or ")". */
static int parse_option(struct cur *c, const char *const *known, size_t n, size_t *out)
{
	struct str word;
	size_t i;

	if (imap_parse_atom(c, &word) != 1)
		return E_SYNTAX;
	for (i = 0; i < n; i++)
		if (str_ieqc(word, known[i])) {
			*out = i;
			return 1;
		}
	return E_SYNTAX;
}

/* list-select-opts = "(" [option *(SP option)] ")" */
static int parse_select(struct cur *c, struct list_args *out)
{
	static const char *const known[] = { "SUBSCRIBED", "RECURSIVEMATCH", "SPECIAL-USE", "REMOTE" };
	size_t i;

	if (cur_take(c, ')'))
		return 1;
	do {
		if (parse_option(c, known, ARRAY_LEN(known), &i) != 1)
			return E_SYNTAX;
		out->select |= 1u << i;
	} while (cur_take(c, ' '));
	if ((out->select & LIST_RECURSIVEMATCH) && !(out->select & LIST_SUBSCRIBED))
		return E_SYNTAX;
	out->subscribed |= out->select & LIST_SUBSCRIBED;
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

/* list-return-opts = "RETURN" SP "(" [option *(SP option)] ")"; CHILDREN and SPECIAL-USE
 * are returned in any case. */
static int parse_return(struct cur *c, struct list_args *out)
{
	static const char *const known[] = { "SUBSCRIBED", "STATUS", "CHILDREN", "SPECIAL-USE" };
	size_t i;

	if (cur_take(c, ')'))
		return 1;
	do {
		if (parse_option(c, known, ARRAY_LEN(known), &i) != 1)
			return E_SYNTAX;
		if (i == 0)
			out->subscribed = true;
		if (i == 1 && (!cur_take(c, ' ') || status_parse(c, &out->status) != 1))
			return E_SYNTAX;
	} while (cur_take(c, ' '));
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

/* Reference and pattern joined, from modified UTF-7. An empty pattern matches nothing. */
static int add_pattern(struct list_args *out, struct arena *a, struct str ref, struct str pattern)
{
	struct buf raw, utf8;
	int r = 1;

	if (!pattern.n)
		return 1;
	if (out->n == LIST_PATTERNS_MAX)
		return E_LIMIT;
	buf_init(&raw, ref.n + pattern.n + 1);
	buf_init(&utf8, 4 * (ref.n + pattern.n) + 1);
	buf_str(&raw, ref);
	buf_str(&raw, pattern);
	if (mutf7_decode(buf_view(&raw), &utf8))
		r = E_DENIED;
	else
		list_pattern_make(arena_str(a, buf_view(&utf8)), a, &out->pattern[out->n++]);
	buf_done(&raw);
	buf_done(&utf8);
	return r;
}

/* patterns = "(" list-mailbox *(SP list-mailbox) ")" */
static int parse_patterns(struct cur *c, struct arena *a, struct str ref, struct list_args *out)
{
	struct str text;
	int r;

	do {
		if (imap_parse_list_mailbox(c, a, &text) != 1)
			return E_SYNTAX;
		r = add_pattern(out, a, ref, text);
		if (r == E_LIMIT)
			return r;
	} while (cur_take(c, ' '));
	return cur_take(c, ')') ? 1 : E_SYNTAX;
}

int list_parse(struct cur *c, struct arena *a, struct list_args *out)
{
	struct str ref, text = STR("");
	int r = 1;

	memset(out, 0, sizeof *out);
	out->pattern = arena_array(a, LIST_PATTERNS_MAX, sizeof *out->pattern);
	if (cur_word(c, " (")) {
		out->extended = true;
		if (parse_select(c, out) != 1)
			return E_SYNTAX;
	}
	if (!cur_take(c, ' ') || imap_parse_astring(c, a, &ref) != 1 || !cur_take(c, ' '))
		return E_SYNTAX;
	if (cur_take(c, '(')) {
		out->extended = true;
		r = parse_patterns(c, a, ref, out);
	} else if (imap_parse_list_mailbox(c, a, &text) != 1) {
		return E_SYNTAX;
	} else {
		r = add_pattern(out, a, ref, text);
	}
	if (r == E_SYNTAX || r == E_LIMIT)
		return r;
	if (cur_iword(c, " RETURN (")) {
		out->extended = true;
		if (parse_return(c, out) != 1)
			return E_SYNTAX;
	}
	out->delimiter = !out->extended && !text.n;
	return !cur_end(c) ? E_SYNTAX : out->extended ? 1 : r;
}

bool list_args_match(const struct list_args *args, struct str name)
{
	size_t i;

	for (i = 0; i < args->n; i++)
		if (list_match(&args->pattern[i], name))
			return true;
	return false;
}
