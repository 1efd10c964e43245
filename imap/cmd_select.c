/* SPDX-License-Identifier: ISC
 *
 * cmd_select.c: SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2). The mailbox that was
 * selected is left first, without an expunge, also when the new one fails.
 */
#include "imap/commands.h"

static void event(struct imap_session *s, struct str name)
{
	struct trace t;

	trace_begin(&t, TRACE_DEBUG, "select");
	trace_str(&t, "s", s->id);
	trace_str(&t, "folder", name);
	trace_u64(&t, "messages", s->view->n);
	trace_end(&t);
}

/* Sequence number of the first message without \\Seen, 0: none. */
static uint32_t first_unseen(const struct store_view *v)
{
	uint32_t i;

	for (i = 0; i < v->n; i++)
		if (!(v->rec[i].flags & STORE_SEEN))
			return i + 1;
	return 0;
}

static void select_mailbox(struct imap_session *s, bool readonly)
{
	struct store_view *v;
	struct str name;
	uint32_t unseen;
	int r;

	if (!imap_only_mailbox(s, &name))
		return;
	if (s->view) {
		store_deselect(s->view);
		s->view = NULL;
	}
	r = store_select(s->store, name, readonly, &v);
	if (r) {
		imap_error(s, r, "SELECT");
		return;
	}
	s->view = v;
	event(s, name);
	imap_tell_keywords(s);
	stream_fmt(s->stream, "* %u EXISTS\r\n* %u RECENT\r\n", v->n, v->recent);
	unseen = first_unseen(v);
	if (unseen)
		stream_fmt(s->stream, "* OK [UNSEEN %u] First unseen\r\n", unseen);
	stream_fmt(s->stream, "* OK [UIDVALIDITY %u] UIDs valid\r\n* OK [UIDNEXT %u] Predicted next UID\r\n",
		v->uidvalidity, v->uidnext);
	imap_ok(s, "[%s] %s completed", readonly ? "READ-ONLY" : "READ-WRITE",
		readonly ? "Examine" : "Select");
}

void cmd_select(struct imap_session *s)
{
	select_mailbox(s, false);
}

void cmd_examine(struct imap_session *s)
{
	select_mailbox(s, true);
}
