/* SPDX-License-Identifier: ISC
 *
 * tell.c: untagged data about changes of the selected mailbox (RFC 3501 5.2,
 * 7.2 to 7.4; RFC 2180).
 *
 * The order is always EXPUNGE, EXISTS and RECENT, FLAGS, FETCH: each line is true
 * for a client that has read the ones before it. EXPUNGE is left out while FETCH,
 * STORE or SEARCH by sequence number is answered; the store keeps such messages
 * in their places, marked STORE_GONE, until a later call may tell.
 */
#include "imap/session.h"

#define FLAGS_LINE (STORE_KEYWORDS_MAX * 160 + 256)

void imap_tell_flags(struct imap_session *s, uint32_t index, bool uid)
{
	const struct store_rec *r = &s->view->rec[index];
	struct buf b;

	buf_init(&b, FLAGS_LINE);
	buf_fmt(&b, "* %u FETCH (", index + 1);
	if (uid)
		buf_fmt(&b, "UID %u ", r->uid);
	buf_puts(&b, "FLAGS ");
	imap_print_flags(s->view, r, &b);
	buf_puts(&b, ")\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}

void imap_tell_keywords(struct imap_session *s)
{
	static const char system[] = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
	const struct store_view *v = s->view;
	struct buf b;
	size_t i;

	buf_init(&b, 2 * FLAGS_LINE);
	for (i = 0; i < v->nkeywords; i++) {
		buf_c(&b, ' ');
		buf_str(&b, v->keyword[i]);
	}
	stream_fmt(s->stream, "* FLAGS (%s%.*s)\r\n", system, STRF(buf_view(&b)));
	if (v->readonly)
		stream_puts(s->stream, "* OK [PERMANENTFLAGS ()] Read-only mailbox\r\n");
	else
		stream_fmt(s->stream, "* OK [PERMANENTFLAGS (%s%.*s%s)] Flags permitted\r\n", system,
			STRF(buf_view(&b)), v->nkeywords < STORE_KEYWORDS_MAX ? " \\*" : "");
	buf_done(&b);
}

void imap_tell(struct imap_session *s, bool expunge)
{
	struct store_changes ch;
	size_t i;
	int r;

	if (!s->view || s->ending)
		return;
	memset(&ch, 0, sizeof ch);
	r = store_sync(s->view, expunge, &s->a, &ch);
	if (r == E_STALE) {
		imap_bye(s, "[UNAVAILABLE] Mailbox was deleted or changed its identity");
		return;
	}
	if (r)
		return; /* busy: what is new is told by the next command */
	for (i = 0; i < ch.nexpunged; i++)
		stream_fmt(s->stream, "* %u EXPUNGE\r\n", ch.expunged[i]);
	if (ch.exists)
		stream_fmt(s->stream, "* %u EXISTS\r\n* %u RECENT\r\n", s->view->n, s->view->recent);
	if (ch.keywords)
		imap_tell_keywords(s);
	for (i = 0; i < ch.nchanged; i++)
		imap_tell_flags(s, ch.changed[i], s->in.uid);
}
