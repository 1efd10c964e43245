/* SPDX-License-Identifier: ISC
 *
 * tell.c: untagged data about changes of the selected mailbox (RFC 3501 5.2,
 * 7.2 to 7.4; RFC 2180; RFC 7162).
 *
 * The order is always EXPUNGE, EXISTS and RECENT, FLAGS, FETCH: each line is true
 * for a client that has read the ones before it. EXPUNGE is left out while FETCH,
 * STORE or SEARCH by sequence number is answered; the store keeps such messages
 * in their places, marked STORE_GONE, until a later call may tell.
 *
 * A client that counts MODSEQs takes the highest it was told for "all up to here is known".
 * While something with a lower one is held back it is told HIGHESTMODSEQ, which
 * counts in place of what it saw (RFC 7162 3.2, 6).
 */
#include "imap/session.h"

#define FLAGS_LINE (STORE_KEYWORDS_MAX * 160 + 256)
#define VANISHED_LINE 8000 /* longer ones are told in several responses */

void imap_tell_message(struct imap_session *s, uint32_t index, bool flags)
{
	const struct store_rec *r = &s->view->rec[index];
	struct buf b;

	buf_init(&b, FLAGS_LINE);
	buf_fmt(&b, "* %u FETCH (", index + 1);
	if (s->in.uid || s->condstore)
		buf_fmt(&b, "UID %u%s", r->uid, flags || s->condstore ? " " : "");
	if (s->condstore)
		buf_fmt(&b, "MODSEQ (%llu)%s", (unsigned long long)r->modseq, flags ? " " : "");
	if (flags) {
		buf_puts(&b, "FLAGS ");
		imap_print_flags(s->view, r, &b);
	}
	buf_puts(&b, ")\r\n");
	stream_write(s->stream, buf_view(&b));
	buf_done(&b);
}

static void tell_highest(struct imap_session *s, const char *text)
{
	stream_fmt(s->stream, "* OK [HIGHESTMODSEQ %llu] %s\r\n", (unsigned long long)s->view->toldmodseq, text);
}

void imap_condstore(struct imap_session *s)
{
	if (s->condstore)
		return;
	s->condstore = true;
	if (!s->view)
		return;
	s->view->modseqs = true;
	tell_highest(s, "Highest");
}

/* Ranges lo..hi of UIDs as lines of VANISHED. */
struct vanished {
	struct imap_session *s;
	const char *word;
	struct buf line;
};

static void vanished_end(struct vanished *w)
{
	if (w->line.n)
		stream_fmt(w->s->stream, "* VANISHED %s%.*s\r\n", w->word, STRF(buf_view(&w->line)));
	buf_reset(&w->line);
}

static void vanished_add(struct vanished *w, uint32_t lo, uint32_t hi)
{
	buf_fmt(&w->line, "%s%u", w->line.n ? "," : "", lo);
	if (hi != lo)
		buf_fmt(&w->line, ":%u", hi);
	if (w->line.n > VANISHED_LINE)
		vanished_end(w);
}

static void tell_vanished(struct imap_session *s, const uint32_t *uid, size_t n)
{
	struct vanished w = { .s = s, .word = "" };
	size_t i, from = 0;

	buf_init(&w.line, 2 * VANISHED_LINE);
	for (i = 1; i <= n; i++)
		if (i == n || uid[i] != uid[i - 1] + 1) {
			vanished_add(&w, uid[from], uid[i - 1]);
			from = i;
		}
	vanished_end(&w);
	buf_done(&w.line);
}

int imap_tell_earlier(struct imap_session *s, uint64_t since, const struct imapset *known, uint32_t above)
{
	struct vanished w = { .s = s, .word = "(EARLIER) " };
	struct imapset gone;
	size_t i = 0, k = 0;
	int r = store_vanished(s->view, since, &s->a, &gone);

	if (r)
		return r;
	buf_init(&w.line, 2 * VANISHED_LINE);
	while (i < gone.n && k < known->n) {
		uint32_t lo = MAX(MAX(gone.r[i].lo, known->r[k].lo), above + 1);
		uint32_t hi = MIN(gone.r[i].hi, known->r[k].hi);

		if (lo <= hi)
			vanished_add(&w, lo, hi);
		if (gone.r[i].hi < known->r[k].hi)
			i++;
		else
			k++;
	}
	vanished_end(&w);
	buf_done(&w.line);
	return 0;
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
	if (r) { /* busy: what is new is told by the next command */
		if (s->condstore)
			tell_highest(s, "Changes are not told yet");
		return;
	}
	if (s->qresync)
		tell_vanished(s, ch.expunged_uid, ch.nexpunged);
	for (i = 0; i < ch.nexpunged && !s->qresync; i++)
		stream_fmt(s->stream, "* %u EXPUNGE\r\n", ch.expunged[i]);
	if (ch.exists)
		stream_fmt(s->stream, "* %u EXISTS\r\n* %u RECENT\r\n", s->view->n, s->view->recent);
	if (ch.keywords)
		imap_tell_keywords(s);
	for (i = 0; i < ch.nchanged; i++)
		imap_tell_message(s, ch.changed[i], true);
	if (s->qresync && s->view->toldmodseq < s->view->highestmodseq)
		tell_highest(s, "Removals are not told yet");
}

void imap_ok_removed(struct imap_session *s, size_t n, const char *text)
{
	imap_tell(s, true);
	if (n && s->qresync && !s->ending)
		imap_ok(s, "[HIGHESTMODSEQ %llu] %s", (unsigned long long)s->view->toldmodseq, text);
	else
		imap_ok(s, "%s", text);
}
