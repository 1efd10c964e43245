/* SPDX-License-Identifier: ISC
 *
 * cmd_list.c: LIST and LSUB (RFC 3501 6.3.8, 6.3.9), with CHILDREN (RFC 3348) and
 * special use (RFC 6154 2). One namespace with "/" between levels; reference and
 * pattern are joined as they stand.
 */
#include "base/table.h"
#include "imap/commands.h"
#include "imap/list_match.h"
#include "imap/parse.h"

static void tell(struct imap_session *s, const char *verb, const char *flags, struct str special,
	struct str name)
{
	struct buf b;

	buf_init(&b, 16 * IMAP_NAME_MAX);
	buf_fmt(&b, "* %s (%s%s%.*s) \"/\" ", verb, flags, *flags && special.n ? " " : "", STRF(special));
	imap_print_mailbox(name, &b);
	buf_puts(&b, "\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}

static void list(struct imap_session *s, const struct list_pattern *p, const struct store_folder *f,
	size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool children = f[i].flags & STORE_HASCHILDREN, noselect = f[i].flags & STORE_NOSELECT;

		if ((f[i].flags & STORE_NONEXISTENT) || !list_match(p, f[i].name))
			continue;
		tell(s, "LIST", noselect ? (children ? "\\Noselect \\HasChildren" : "\\Noselect \\HasNoChildren") :
			children ? "\\HasChildren" : "\\HasNoChildren",
			f[i].special, f[i].name);
	}
}

/* A subscribed name that a "%" stopped before: its parent is told as \Noselect
 * (RFC 3501 6.3.9), once. */
static void lsub_parents(struct imap_session *s, const struct list_pattern *p, struct str name,
	struct table *told)
{
	size_t i;

	for (i = 1; i < name.n; i++) {
		struct str parent = str_sub(name, 0, i);

		if (name.p[i] != '/' || !list_match(p, parent) || table_get(told, parent))
			continue;
		table_set(told, parent, s);
		tell(s, "LSUB", "\\Noselect", STR(""), parent);
	}
}

static void lsub(struct imap_session *s, const struct list_pattern *p, const struct store_folder *f,
	size_t n)
{
	struct table told;
	size_t i;

	table_init(&told);
	for (i = 0; i < n; i++)
		if (f[i].flags & STORE_SUBSCRIBED)
			table_set(&told, f[i].name, s);
	for (i = 0; i < n; i++) {
		if (!(f[i].flags & STORE_SUBSCRIBED))
			continue;
		if (list_match(p, f[i].name))
			tell(s, "LSUB", f[i].flags & STORE_NOSELECT ? "\\Noselect" : "", STR(""), f[i].name);
		else
			lsub_parents(s, p, f[i].name, &told);
	}
	table_done(&told);
}

/* SP mailbox SP list-mailbox -> the pattern as UTF-8 */
static int parse_args(struct imap_session *s, struct str *pattern_out)
{
	struct cur c = s->in.args;
	struct str ref, pattern;
	struct buf raw, utf8;
	int r = 0;

	if (!cur_take(&c, ' ') || imap_parse_astring(&c, &s->a, &ref) != 1 || !cur_take(&c, ' ') ||
		imap_parse_list_mailbox(&c, &s->a, &pattern) != 1 || !cur_end(&c))
		return E_SYNTAX;
	buf_init(&raw, ref.n + pattern.n + 1);
	buf_init(&utf8, 4 * (ref.n + pattern.n) + 1);
	if (pattern.n) {
		buf_str(&raw, ref);
		buf_str(&raw, pattern);
	}
	if (mutf7_decode(buf_view(&raw), &utf8))
		r = E_DENIED;
	else
		*pattern_out = arena_str(&s->a, buf_view(&utf8));
	buf_done(&raw);
	buf_done(&utf8);
	return r;
}

static void list_or_lsub(struct imap_session *s, bool subscribed)
{
	struct list_pattern pattern;
	struct store_folder *f;
	struct str text;
	size_t n;
	int r = parse_args(s, &text);

	if (r == E_SYNTAX) {
		imap_bad(s, "Reference and mailbox pattern expected");
		return;
	}
	if (r) {
		imap_no(s, "[CANNOT] Invalid mailbox pattern");
		return;
	}
	if (!text.n) { /* asks for the separator (RFC 3501 6.3.8) */
		tell(s, subscribed ? "LSUB" : "LIST", "\\Noselect", STR(""), STR(""));
		imap_ok(s, "List completed");
		return;
	}
	r = store_folders(s->store, &s->a, &f, &n);
	if (r) {
		imap_error(s, r, "LIST");
		return;
	}
	list_pattern_make(text, &s->a, &pattern);
	(subscribed ? lsub : list)(s, &pattern, f, n);
	imap_ok(s, subscribed ? "Lsub completed" : "List completed");
}

void cmd_list(struct imap_session *s)
{
	list_or_lsub(s, false);
}

void cmd_lsub(struct imap_session *s)
{
	list_or_lsub(s, true);
}
