/* SPDX-License-Identifier: ISC
 *
 * cmd_create.c: CREATE (RFC 3501 6.3.3), with USE (RFC 6154 3).
 */
#include "imap/commands.h"
#include "imap/parse.h"

static const char *const uses[] = { "\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash" };

/* create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"; one attribute is
 * enough for a mailbox here. 0, E_SYNTAX: BAD, E_UNSUPPORTED: NO [USEATTR] */
static int parse_use(struct cur *c, struct str *special_out)
{
	struct str name;
	size_t i;

	if (!cur_iword(c, " (USE ("))
		return E_SYNTAX;
	if (cur_word(c, "))"))
		return 0;
	do {
		struct cur at = *c;

		if (!cur_take(c, '\\') || imap_parse_atom(c, &name) != 1)
			return E_SYNTAX;
		name = str_make(at.p, name.n + 1);
		for (i = 0; i < ARRAY_LEN(uses) && !str_ieqc(name, uses[i]); i++)
			;
		if (i == ARRAY_LEN(uses) || special_out->n)
			return E_UNSUPPORTED;
		*special_out = str_of(uses[i]);
	} while (cur_take(c, ' '));
	return cur_word(c, "))") ? 0 : E_SYNTAX;
}

static int use_is_taken(struct imap_session *s, struct str special, bool *out)
{
	struct store_folder *f;
	size_t i, n;
	int r = store_folders(s->store, &s->a, &f, &n);

	*out = false;
	for (i = 0; !r && i < n; i++)
		*out |= str_ieq(f[i].special, special);
	return r;
}

static void create(struct imap_session *s, struct str name, struct str special)
{
	bool taken = false;
	int r = special.n ? use_is_taken(s, special, &taken) : 0;

	/* "foo/" announces that names below foo will follow; foo itself may be made */
	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	if (taken) {
		imap_no(s, "[USEATTR] Another mailbox has this special use");
		return;
	}
	if (!r)
		r = store_create(s->store, name, special);
	if (r)
		imap_error(s, r, "CREATE");
	else
		imap_ok(s, "Create completed");
}

void cmd_create(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct str name, special = STR("");
	bool bad;
	int r = 0;

	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &name, &bad) != 1) {
		imap_bad(s, "Mailbox name expected");
		return;
	}
	if (!cur_end(&c))
		r = parse_use(&c, &special);
	if (r == E_UNSUPPORTED)
		imap_no(s, "[USEATTR] Special use not supported");
	else if (r)
		imap_bad(s, "Invalid CREATE parameters");
	else if (!imap_args_end(s, &c))
		return;
	else if (bad)
		imap_error(s, E_SYNTAX, "CREATE");
	else
		create(s, name, special);
}
