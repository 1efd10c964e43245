/* SPDX-License-Identifier: ISC
 *
 * cmd_list.c: LIST (RFC 3501 6.3.8), extended (RFC 5258), with CHILDREN (RFC 3348), special
 * use (RFC 6154) and STATUS (RFC 5819). One namespace with "/" between levels; reference
 * and pattern are joined as they stand.
 *
 * A name is told if it matches a pattern and the selection, or (RECURSIVEMATCH) if it
 * matches a pattern and something below it that matches none is selected. For
 * that the selected names are walked first, and each level above them is marked. Names that
 * are no mailbox are \NonExistent to who asks in the extended way, \Noselect to others.
 */
#include "imap/list.h"

#include "base/table.h"
#include "imap/commands.h"
#include "imap/parse.h"
#include "imap/status.h"

/* What lies below a name (values of the table `below`). */
static char below_some, below_unmatched;

struct list {
	struct imap_session *s;
	const struct list_args *args;
	struct table below; /* RECURSIVEMATCH: names above selected ones */
	struct table told; /* names told that are no folder */
};

void list_tell(struct imap_session *s, const char *verb, const char *attributes, struct str name,
	const char *extra)
{
	struct buf b;

	buf_init(&b, 16 * IMAP_NAME_MAX);
	buf_fmt(&b, "* %s (%s) \"/\" ", verb, attributes);
	imap_print_mailbox(name, &b);
	buf_puts(&b, extra);
	buf_puts(&b, "\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}

static bool selected(const struct list_args *args, const struct store_folder *f)
{
	if ((args->select & LIST_SPECIAL_USE) && !f->special.n)
		return false;
	return args->select & LIST_SUBSCRIBED ? f->flags & STORE_SUBSCRIBED : !(f->flags & STORE_NONEXISTENT);
}

static void mark_levels_above(struct list *l, const struct store_folder *f)
{
	bool matched = list_args_match(l->args, f->name);
	size_t i;

	for (i = 1; i < f->name.n; i++) {
		struct str above = str_sub(f->name, 0, i);

		if (f->name.p[i] == '/' && table_get(&l->below, above) != &below_unmatched)
			table_set(&l->below, above, matched ? &below_some : &below_unmatched);
	}
}

static const char *child_info(const struct list *l, struct str name)
{
	return table_get(&l->below, name) ? " (\"CHILDINFO\" (\"SUBSCRIBED\"))" : "";
}

static void attribute(struct buf *out, bool there, const char *name)
{
	if (!there)
		return;
	if (out->n)
		buf_c(out, ' ');
	buf_puts(out, name);
}

static void attributes(const struct list *l, const struct store_folder *f, bool selectable, struct buf *out)
{
	bool extended = l->args->extended;

	attribute(out, !selectable && (!extended || !(f->flags & (STORE_NOSELECT | STORE_NONEXISTENT))), "\\Noselect");
	attribute(out, extended && (f->flags & (STORE_NOSELECT | STORE_NONEXISTENT)), "\\NonExistent");
	attribute(out, true, f->flags & STORE_HASCHILDREN ? "\\HasChildren" : "\\HasNoChildren");
	attribute(out, l->args->subscribed && (f->flags & STORE_SUBSCRIBED), "\\Subscribed");
	if (f->special.n) {
		buf_c(out, ' ');
		buf_str(out, f->special);
	}
}

static void tell_folder(struct list *l, const struct store_folder *f, bool is_selected)
{
	bool selectable = !(f->flags & (STORE_NOSELECT | STORE_NONEXISTENT)), with_status;
	struct status_values v;
	struct buf b;
	int r = 0;

	with_status = selectable && is_selected && l->args->status;
	if (with_status) /* first: a mailbox that went meanwhile is told as such (RFC 5819 2) */
		r = status_get(l->s->store, f->name, l->args->status, &v);
	if (r == E_NOTFOUND)
		selectable = false;
	buf_init(&b, 1024);
	attributes(l, f, selectable, &b);
	list_tell(l->s, "LIST", buf_cstr(&b), f->name, child_info(l, f->name));
	buf_done(&b);
	if (with_status && !r)
		status_tell(l->s, f->name, l->args->status, &v);
}

/* Levels above a selected name that the store does not know: then that name does not exist either. */
static void tell_levels_above(struct list *l, struct str name)
{
	size_t i;

	for (i = 1; i < name.n; i++) {
		struct str above = str_sub(name, 0, i);

		if (name.p[i] != '/' || table_get(&l->below, above) != &below_unmatched ||
			table_get(&l->told, above) || !list_args_match(l->args, above))
			continue;
		table_set(&l->told, above, l);
		list_tell(l->s, "LIST", "\\NonExistent \\HasNoChildren", above, child_info(l, above));
	}
}

static void list(struct imap_session *s, const struct list_args *args, const struct store_folder *f, size_t n)
{
	struct list l = { .s = s, .args = args };
	bool recursive = args->select & LIST_RECURSIVEMATCH;
	size_t i;

	table_init(&l.below);
	table_init(&l.told);
	for (i = 0; recursive && i < n; i++) {
		table_set(&l.told, f[i].name, &l);
		if (selected(args, &f[i]))
			mark_levels_above(&l, &f[i]);
	}
	for (i = 0; i < n && !s->stream->err; i++) {
		bool yes = selected(args, &f[i]);

		if (recursive && yes)
			tell_levels_above(&l, f[i].name);
		if ((yes || table_get(&l.below, f[i].name) == &below_unmatched) && list_args_match(args, f[i].name))
			tell_folder(&l, &f[i], yes);
	}
	table_done(&l.below);
	table_done(&l.told);
}

bool list_begin(struct imap_session *s, const char *verb, struct list_args *args, struct store_folder **f_out,
	size_t *n_out)
{
	struct cur c = s->in.args;
	int r = list_parse(&c, &s->a, args);

	if (r == E_SYNTAX) {
		imap_bad(s, "Reference and mailbox pattern expected");
	} else if (r == E_LIMIT) {
		imap_no(s, "[LIMIT] Too many mailbox patterns");
	} else if (r != 1) {
		imap_no(s, "[CANNOT] Invalid mailbox pattern");
	} else if (args->delimiter) { /* RFC 3501 6.3.8 */
		list_tell(s, verb, "\\Noselect", STR(""), "");
		imap_ok(s, "List completed");
	} else {
		r = store_folders(s->store, &s->a, f_out, n_out);
		if (!r)
			return true;
		imap_error(s, r, verb);
	}
	return false;
}

void cmd_list(struct imap_session *s)
{
	struct list_args args;
	struct store_folder *f;
	size_t n;

	if (!list_begin(s, "LIST", &args, &f, &n))
		return;
	if (args.status & STATUS_HIGHESTMODSEQ)
		imap_condstore(s);
	list(s, &args, f, n);
	imap_ok(s, "List completed");
}
