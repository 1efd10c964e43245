/* SPDX-License-Identifier: ISC
 *
 * mbox.h: messages out of an mbox file, one after the other, in pieces (RFC 4155; mboxo, mboxrd).
 *
 * A message begins with a line "From " that looks like one, at the start of the file or behind an
 * empty line; no Content-Length is believed. ">From ", ">>From " lose one '>'. Line ends become
 * CRLF. Status, X-Status, X-Keywords are read and, like the rest of what mbox programs keep in the
 * header, left out.
 */
#ifndef MANSIO_IMPORT_MBOX_H
#define MANSIO_IMPORT_MBOX_H

#include "base/buf.h"

#define MBOX_HEADER_MAX ((size_t)1 << 20)

struct mbox_facts {
	uint32_t flags; /* of the store */
	char keywords[1024]; /* a space between two */
	int64_t date; /* of the "From " line, 0: it has none */
	bool internal; /* no message, but what a server noted in the file */
};
/* What the reader tells. begin and text: negative stops it. */
struct mbox_ops {
	/* The next message; its header follows as text when it is read. */
	int (*begin)(void *arg, const struct mbox_facts *facts);
	int (*text)(void *arg, const void *p, size_t n); /* wire bytes */
	int (*end)(void *arg);
};
struct mbox {
	const struct mbox_ops *ops;
	void *arg;
	enum { MBOX_START, MBOX_HEADER, MBOX_BODY } place;
	bool open; /* begin was said, end not yet */
	bool empty; /* an empty line waits: it may be the separator */
	bool bare; /* the header has just ended: with no body its empty line is the separator too */
	bool middle; /* inside a line that is longer than a piece */
	struct buf line; /* what came of a line */
	struct buf header;
	struct mbox_facts facts;
	uint64_t junk; /* bytes before the first message */
	int err;
};
void mbox_init(struct mbox *m, const struct mbox_ops *ops, void *arg);
void mbox_done(struct mbox *m);
/* The next bytes of the file. Sticky error. */
int mbox_feed(struct mbox *m, const char *p, size_t n);
int mbox_finish(struct mbox *m);
/* "From address Sun Sep  9 01:46:40 2001": 1 and its date (UTC), or 0. */
int mbox_from_line(struct str line, int64_t *date_out);

#endif
