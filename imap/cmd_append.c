/* SPDX-License-Identifier: ISC
 *
 * cmd_append.c: APPEND (RFC 3501 6.3.11), with APPENDUID (RFC 4315 3).
 *
 * Folder, quota and size are checked before the client is asked for a
 * synchronizing literal; a non-synchronizing one that is refused is read over
 * (RFC 7888 5). The message goes from the stream to the store piece by piece.
 */
#include "imap/commands.h"
#include "imap/parse.h"

static void event(struct imap_session *s, struct str folder, uint32_t uid)
{
	struct trace t;

	s->appended++;
	trace_begin(&t, TRACE_INFO, "append");
	trace_str(&t, "s", s->id);
	trace_str(&t, "folder", folder);
	trace_u64(&t, "uid", uid);
	trace_u64(&t, "size", s->in.literal.size);
	trace_end(&t);
}

static void refuse(struct imap_session *s, int err)
{
	if (err == E_NOTFOUND)
		imap_no(s, "[TRYCREATE] Mailbox does not exist");
	else
		imap_error(s, err, "APPEND");
}

static int begin(struct imap_session *s, const struct imap_append_args *args, struct store_save **out)
{
	struct store_save_options opt = { .folder = args->mailbox, .flags = args->flags.flags,
		.keyword = args->flags.keyword, .nkeywords = args->flags.nkeywords,
		.internaldate = args->internaldate };
	int r;

	if (args->bad_name) {
		imap_error(s, E_SYNTAX, "APPEND");
		return E_SYNTAX;
	}
	if (s->in.literal.size > s->conf->smtp_message_size) {
		imap_no(s, "[TOOBIG] Message is larger than %llu bytes",
			(unsigned long long)s->conf->smtp_message_size);
		return E_LIMIT;
	}
	if (!s->in.literal.size) {
		imap_no(s, "Message is empty");
		return E_SYNTAX;
	}
	r = store_save_begin(s->store, &opt, s->in.literal.size, out);
	if (r)
		refuse(s, r);
	return r;
}

/* Takes the literal out of the stream in any case; *save_err_out: what the store
 * said, E_SYNTAX for a NUL (RFC 3501 4.3: literals have none). */
static int read_message(struct imap_session *s, struct store_save *save, int *save_err_out)
{
	uint64_t left = s->in.literal.size;

	*save_err_out = 0;
	while (left) {
		struct str have = stream_view(s->stream);
		int r = have.n ? 0 : stream_fill(s->stream);

		if (r)
			return r;
		have = str_sub(stream_view(s->stream), 0, (size_t)MIN(left, stream_view(s->stream).n));
		if (memchr(have.p, '\0', have.n))
			*save_err_out = E_SYNTAX;
		if (!*save_err_out)
			*save_err_out = store_save_write(save, have.p, have.n);
		stream_skip(s->stream, have.n);
		left -= have.n;
	}
	return 0;
}

/* The command ends behind the literal. 0, E_SYNTAX, or the stream's end. */
static int read_end(struct imap_session *s)
{
	struct str line;
	int r = stream_line(s->stream, (size_t)s->conf->imap_line_length, &line);

	if (r == E_LIMIT)
		return E_SYNTAX;
	return r ? r : line.n ? E_SYNTAX : 0;
}

static void commit(struct imap_session *s, const struct imap_append_args *args, struct store_save *save)
{
	uint32_t uidvalidity, uid;
	int r = store_save_commit(save, &uidvalidity, &uid);

	if (r) {
		refuse(s, r);
		return;
	}
	event(s, args->mailbox, uid);
	imap_ok(s, "[APPENDUID %u %u] Append completed", uidvalidity, uid);
}

static void receive(struct imap_session *s, const struct imap_append_args *args, struct store_save *save)
{
	int err, r;

	if (s->in.literal.sync)
		stream_puts(s->stream, "+ OK\r\n");
	r = read_message(s, save, &err);
	if (!r)
		r = read_end(s);
	if (!r && !err) {
		commit(s, args, save);
		return;
	}
	store_save_abort(save);
	if (r == E_SYNTAX)
		imap_bad(s, "Unexpected text behind the message");
	else if (r)
		imap_no(s, "Message is incomplete"); /* nobody reads this: the stream is over */
	else if (err == E_SYNTAX)
		imap_no(s, "Message has a NUL byte");
	else
		refuse(s, err);
}

/* Nothing more comes of a synchronizing literal; the other kind is on its way. */
static void drop(struct imap_session *s)
{
	if (s->in.literal.sync)
		return;
	if (s->in.literal.size > 2 * s->conf->smtp_message_size)
		imap_bye(s, "[TOOBIG] Message too large");
	else if (!imap_input_skip(s->stream, s->in.literal.size))
		read_end(s);
}

void cmd_append(struct imap_session *s)
{
	struct imap_append_args args;
	struct store_save *save;

	if (!s->in.literal.there || imap_parse_append(&s->in.args, &s->a, &args) != 1)
		imap_bad(s, "Invalid APPEND arguments");
	else if (begin(s, &args, &save))
		drop(s);
	else
		receive(s, &args, save);
}
