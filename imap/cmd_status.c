/* SPDX-License-Identifier: ISC
 *
 * cmd_status.c: STATUS (RFC 3501 6.3.10).
 */
#include "imap/commands.h"
#include "imap/parse.h"

enum { MESSAGES = 1, RECENT = 2, UIDNEXT = 4, UIDVALIDITY = 8, UNSEEN = 16 };

/* SP "(" status-att *(SP status-att) ")" */
static int parse_items(struct cur *c, unsigned *out)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "MESSAGES", MESSAGES }, { "RECENT", RECENT }, { "UIDNEXT", UIDNEXT },
		{ "UIDVALIDITY", UIDVALIDITY }, { "UNSEEN", UNSEEN },
	};
	unsigned bits = 0;
	struct str name;
	size_t i;

	if (!cur_word(c, " ("))
		return E_SYNTAX;
	do {
		if (imap_parse_atom(c, &name) != 1)
			return E_SYNTAX;
		for (i = 0; i < ARRAY_LEN(known) && !str_ieqc(name, known[i].name); i++)
			;
		if (i == ARRAY_LEN(known))
			return E_SYNTAX;
		bits |= known[i].bit;
	} while (cur_take(c, ' '));
	*out = bits;
	return cur_take(c, ')') ? 0 : E_SYNTAX;
}

static void tell(struct imap_session *s, struct str name, unsigned items, const struct store_status *st)
{
	const struct {
		unsigned bit;
		const char *name;
		uint32_t value;
	} all[] = {
		{ MESSAGES, "MESSAGES", st->messages }, { RECENT, "RECENT", st->recent },
		{ UIDNEXT, "UIDNEXT", st->uidnext }, { UIDVALIDITY, "UIDVALIDITY", st->uidvalidity },
		{ UNSEEN, "UNSEEN", st->unseen },
	};
	const char *sep = "";
	struct buf b;
	size_t i;

	buf_init(&b, 16 * IMAP_NAME_MAX);
	buf_puts(&b, "* STATUS ");
	imap_print_mailbox(name, &b);
	buf_puts(&b, " (");
	for (i = 0; i < ARRAY_LEN(all); i++)
		if (items & all[i].bit) {
			buf_fmt(&b, "%s%s %u", sep, all[i].name, all[i].value);
			sep = " ";
		}
	buf_puts(&b, ")\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}

void cmd_status(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct store_status st;
	unsigned items;
	struct str name;
	bool bad;
	int r;

	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &name, &bad) != 1) {
		imap_bad(s, "Mailbox name expected");
		return;
	}
	if (parse_items(&c, &items)) {
		imap_bad(s, "Invalid STATUS items");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	r = bad ? E_SYNTAX : store_status(s->store, name, &st);
	if (r) {
		imap_error(s, r, "STATUS");
		return;
	}
	tell(s, name, items, &st);
	imap_ok(s, "Status completed");
}
