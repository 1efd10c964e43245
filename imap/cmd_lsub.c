/* SPDX-License-Identifier: ISC
 *
 * cmd_lsub.c: LSUB (RFC 3501 6.3.9): the subscribed names, whether they exist or not.
 */
#include "base/table.h"
#include "imap/commands.h"
#include "imap/list.h"

/* A subscribed name that a "%" stopped before: its parent is told as \Noselect
 * (RFC 3501 6.3.9), once. */
static void parents(struct imap_session *s, const struct list_args *args, struct str name, struct table *told)
{
	size_t i;

	for (i = 1; i < name.n; i++) {
		struct str parent = str_sub(name, 0, i);

		if (name.p[i] != '/' || !list_args_match(args, parent) || table_get(told, parent))
			continue;
		table_set(told, parent, s);
		list_tell(s, "LSUB", "\\Noselect", parent, "");
	}
}

static void lsub(struct imap_session *s, const struct list_args *args, const struct store_folder *f, size_t n)
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
		if (list_args_match(args, f[i].name))
			list_tell(s, "LSUB", f[i].flags & STORE_NOSELECT ? "\\Noselect" : "", f[i].name, "");
		else
			parents(s, args, f[i].name, &told);
	}
	table_done(&told);
}

void cmd_lsub(struct imap_session *s)
{
	struct list_args args;
	struct store_folder *f;
	size_t n;

	if (!list_begin(s, "LSUB", &args, &f, &n))
		return;
	if (args.extended)
		imap_bad(s, "LSUB takes no options");
	else
		lsub(s, &args, f, n);
	if (s->result == IMAP_NONE)
		imap_ok(s, "Lsub completed");
}
