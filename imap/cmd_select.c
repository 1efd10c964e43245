/* SPDX-License-Identifier: ISC
 *
 * cmd_select.c: SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2). The mailbox that was
 * selected is left first, without an expunge, also when the new one fails, and the client
 * is told where its responses end (CLOSED, RFC 7162 3.2.11). HIGHESTMODSEQ is always told;
 * who gives QRESYNC and what it knows is told what changed meanwhile (RFC 7162 3.2.5).
 */
#include "imap/commands.h"
#include "imap/select_parse.h"

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

/* The highest UID up to which the client knows all that was removed: the last pair of
 * its sequence match data that is still right (RFC 7162 3.2.5.2). */
static uint32_t matched_uid(const struct store_view *v, const struct select_args *args)
{
	uint32_t seq, uid, matched = 0;
	size_t i = 0, k = 0;

	if (!args->seqs.n)
		return 0;
	seq = args->seqs.r[0].lo;
	uid = args->uids.r[0].lo;
	while (seq <= v->n) {
		if (v->rec[seq - 1].uid == uid)
			matched = uid;
		if (seq++ == args->seqs.r[i].hi) {
			if (++i == args->seqs.n)
				break;
			seq = args->seqs.r[i].lo;
		}
		if (uid++ == args->uids.r[k].hi)
			uid = args->uids.r[++k].lo;
	}
	return matched;
}

/* What happened since the client was here (RFC 7162 3.2.5.1): removals first. */
static int resync(struct imap_session *s, const struct select_args *args)
{
	const struct store_view *v = s->view;
	struct imapset_range all = { 1, UINT32_MAX };
	struct imapset known = { &all, 1 };
	uint32_t i;
	int r;

	if (args->has_known)
		known = args->known;
	r = imap_tell_earlier(s, args->modseq, &known, matched_uid(v, args));
	for (i = 0; !r && i < v->n; i++)
		if (v->rec[i].modseq > args->modseq && imapset_has(&known, v->rec[i].uid))
			imap_tell_message(s, i, true);
	return r;
}

static int open_mailbox(struct imap_session *s, const struct select_args *args, bool readonly)
{
	struct store_view *v;
	uint32_t unseen;
	int r = store_select(s->store, args->mailbox, readonly, &v);

	if (r)
		return r;
	s->view = v;
	v->modseqs = s->condstore;
	event(s, args->mailbox);
	imap_tell_keywords(s);
	stream_fmt(s->stream, "* %u EXISTS\r\n* %u RECENT\r\n", v->n, v->recent);
	unseen = first_unseen(v);
	if (unseen)
		stream_fmt(s->stream, "* OK [UNSEEN %u] First unseen\r\n", unseen);
	stream_fmt(s->stream, "* OK [UIDVALIDITY %u] UIDs valid\r\n* OK [UIDNEXT %u] Predicted next UID\r\n"
		"* OK [HIGHESTMODSEQ %llu] Highest\r\n", v->uidvalidity, v->uidnext,
		(unsigned long long)v->highestmodseq);
	return args->qresync && args->uidvalidity == v->uidvalidity ? resync(s, args) : 0;
}

static void select_mailbox(struct imap_session *s, bool readonly)
{
	struct cur c = s->in.args;
	struct select_args args;
	int r;

	if (select_parse(&c, &s->a, &args) != 1) {
		imap_bad(s, "Mailbox name and valid parameters expected");
		return;
	}
	if (args.qresync && !s->qresync) {
		imap_bad(s, "QRESYNC was not enabled");
		return;
	}
	if (s->view)
		stream_puts(s->stream, "* OK [CLOSED] Previous mailbox is closed\r\n");
	imap_leave(s);
	if (args.condstore)
		imap_condstore(s);
	r = args.bad_name ? E_SYNTAX : open_mailbox(s, &args, readonly);
	if (r) {
		imap_leave(s);
		imap_error(s, r, "SELECT");
		return;
	}
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
