/* SPDX-License-Identifier: ISC
 *
 * status.c: parsing, asking for and telling the items of STATUS. One table says
 * what each is called; what it is worth stands in value_of.
 */
#include "imap/status.h"

#include "imap/parse.h"

static const struct {
	const char *name;
	unsigned bit;
} known[] = {
	{ "MESSAGES", STATUS_MESSAGES }, { "RECENT", STATUS_RECENT }, { "UIDNEXT", STATUS_UIDNEXT },
	{ "UIDVALIDITY", STATUS_UIDVALIDITY }, { "UNSEEN", STATUS_UNSEEN },
	{ "HIGHESTMODSEQ", STATUS_HIGHESTMODSEQ }, { "SIZE", STATUS_SIZE }, { "DELETED", STATUS_DELETED },
	{ "DELETED-STORAGE", STATUS_DELETED_STORAGE },
};

int status_parse(struct cur *c, unsigned *items_out)
{
	unsigned bits = 0;
	struct str name;
	size_t i;

	if (!cur_take(c, '('))
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
	if (!cur_take(c, ')'))
		return E_SYNTAX;
	*items_out = bits;
	return 1;
}

int status_get(struct store *s, struct str name, unsigned items, struct status_values *out)
{
	struct status_values v = { .deleted_size = 0 };
	int r = store_status(s, name, &v.st);

	if (!r && (items & STATUS_DELETED_STORAGE) && v.st.deleted)
		r = store_deleted_size(s, name, &v.deleted_size);
	if (!r)
		*out = v;
	return r;
}

static uint64_t value_of(unsigned bit, const struct status_values *v)
{
	switch (bit) {
	case STATUS_MESSAGES:
		return v->st.messages;
	case STATUS_RECENT:
		return v->st.recent;
	case STATUS_UIDNEXT:
		return v->st.uidnext;
	case STATUS_UIDVALIDITY:
		return v->st.uidvalidity;
	case STATUS_UNSEEN:
		return v->st.unseen;
	case STATUS_HIGHESTMODSEQ:
		return v->st.highestmodseq;
	case STATUS_SIZE:
		return v->st.size;
	case STATUS_DELETED:
		return v->st.deleted;
	default:
		return v->deleted_size;
	}
}

void status_tell(struct imap_session *s, struct str name, unsigned items, const struct status_values *v)
{
	const char *sep = "";
	struct buf b;
	size_t i;

	buf_init(&b, 16 * IMAP_NAME_MAX);
	buf_puts(&b, "* STATUS ");
	imap_print_mailbox(name, &b);
	buf_puts(&b, " (");
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (items & known[i].bit) {
			buf_fmt(&b, "%s%s ", sep, known[i].name);
			buf_u64(&b, value_of(known[i].bit, v));
			sep = " ";
		}
	buf_puts(&b, ")\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}
