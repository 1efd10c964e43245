/* SPDX-License-Identifier: ISC
 *
 * input.h: one command of an IMAP client, read under limits.
 *
 * A command is read whole before anything of it is acted on: its lines and
 * literals stand in one text, a literal as "{5}\r\nhello". Only the message of
 * APPEND stays in the stream, and is announced in `literal`.
 */
#ifndef MANSIO_IMAP_INPUT_H
#define MANSIO_IMAP_INPUT_H

#include "base/buf.h"
#include "base/cur.h"
#include "net/stream.h"

struct imap_literal {
	bool there;
	bool sync; /* the client waits for "+" */
	uint64_t size;
	size_t at; /* where its "{" stands in the line */
};

struct imap_input {
	struct buf text; /* of the whole command, without the last CRLF */
	struct str tag; /* in text; "*" in replies if empty */
	struct str verb; /* as written, without "UID" */
	bool uid;
	struct cur args; /* behind the verb: empty, or begins with a space */
	struct imap_literal literal; /* APPEND's message, not read yet */
};

struct imap_input_limits {
	size_t line; /* bytes of a command, literals counted */
	uint64_t discard; /* an unwanted non-synchronizing literal is read over up to this */
};

void imap_input_init(struct imap_input *in, size_t max);
void imap_input_done(struct imap_input *in);

/* Reads one command. 0; E_SYNTAX, E_LIMIT: it was no command or too long, the session
 * may go on (tag is set if there was one; *why_out is the text for BAD or NO);
 * E_CLOSED, E_TIMEOUT, E_KICKED, -errno: the stream is over. E_LIMIT with
 * *fatal_out: too much to read over, the caller says BYE. */
int imap_input_read(struct imap_input *in, struct stream *st, const struct imap_input_limits *lim,
	const char **why_out, bool *fatal_out);
/* The text alone: fills tag, verb, uid, args. 0 or E_SYNTAX with *why_out. */
int imap_input_parse(struct imap_input *in, const char **why_out);
/* "{n}" or "{n+}" at the end of a line (RFC 3501 4.3, RFC 7888): 1, 0. */
int imap_literal_tail(struct str line, struct imap_literal *out);
/* Reads n bytes and drops them. 0 or negative. */
int imap_input_skip(struct stream *st, uint64_t n);

#endif
