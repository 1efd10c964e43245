/* SPDX-License-Identifier: ISC
 *
 * cmd_copy.c: COPY and MOVE (RFC 3501 6.4.7, RFC 6851), with COPYUID (RFC 4315 3).
 * All or nothing. MOVE tells COPYUID before the EXPUNGE responses, and HIGHESTMODSEQ
 * behind them (RFC 7162 3.2).
 */
#include "imap/commands.h"
#include "imap/parse.h"

static void print_uids(const uint32_t *uid, size_t n, struct buf *out)
{
	struct imapset_writer w = { .out = out };
	size_t i;

	for (i = 0; i < n; i++)
		imapset_write(&w, uid[i]);
	imapset_write_end(&w);
}

static void print_copyuid(const struct store_copied *done, struct buf *out)
{
	buf_fmt(out, "[COPYUID %u ", done->uidvalidity);
	print_uids(done->from, done->n, out);
	buf_c(out, ' ');
	print_uids(done->to, done->n, out);
	buf_c(out, ']');
}

static void tell_done(struct imap_session *s, const struct store_copied *done, bool move)
{
	struct buf b;

	buf_init(&b, 128 * 1024);
	print_copyuid(done, &b);
	if (b.err || !done->n) {
		if (move)
			imap_ok_removed(s, done->n, "Move completed");
		else
			imap_ok(s, "Copy completed");
	} else if (move) {
		stream_fmt(s->stream, "* OK %.*s Moved\r\n", STRF(buf_view(&b)));
		imap_ok_removed(s, done->n, "Move completed");
	} else {
		imap_ok(s, "%.*s Copy completed", STRF(buf_view(&b)));
	}
	buf_done(&b);
}

static void copy_to(struct imap_session *s, const uint32_t *index, size_t n, struct str target, bool move)
{
	struct store_copied done = { .n = 0 };
	bool there = false;
	int r = n ? store_copy(s->view, index, n, target, move, &s->a, &done) :
		    store_folder_exists(s->store, target, &there);

	if (!n && !r && !there)
		r = E_NOTFOUND;
	if (r == E_NOTFOUND)
		imap_no(s, "[TRYCREATE] Mailbox does not exist");
	else if (r)
		imap_error(s, r, move ? "MOVE" : "COPY");
	else
		tell_done(s, &done, move);
	if (!r && move)
		s->expunged += done.n;
}

static void copy(struct imap_session *s, bool move)
{
	struct cur c = s->in.args;
	uint32_t *index;
	struct str target;
	bool gone, bad;
	size_t n;

	if (!cur_take(&c, ' ')) {
		imap_bad(s, "Message set expected");
		return;
	}
	if (!imap_parse_set(s, &c, &index, &n, &gone))
		return;
	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, &s->a, &target, &bad) != 1) {
		imap_bad(s, "Mailbox name expected");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	if (bad)
		imap_error(s, E_SYNTAX, "COPY");
	else if (move && s->view->readonly)
		imap_no(s, "Mailbox is read-only");
	else if (gone && !s->in.uid) /* RFC 2180 4.4.1 */
		imap_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else
		copy_to(s, index, n, target, move);
}

void cmd_copy(struct imap_session *s)
{
	copy(s, false);
}

void cmd_move(struct imap_session *s)
{
	copy(s, true);
}
