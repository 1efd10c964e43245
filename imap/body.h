/* SPDX-License-Identifier: ISC
 *
 * body.h: the bytes of a message that a section names, for FETCH and SEARCH.
 *
 * The file is opened when the first item needs it. Header and text of the whole
 * message are found by reading its head; parts by a MIME tree, which is kept in the
 * session (offsets only) for clients that fetch one part after the other.
 */
#ifndef MANSIO_IMAP_BODY_H
#define MANSIO_IMAP_BODY_H

#include "imap/section.h"
#include "imap/session.h"
#include "mail/mime.h"

struct imap_body {
	struct imap_session *s;
	uint32_t index; /* in s->view */
	bool open, loaded;
	struct store_msg msg;
	struct buf head; /* the message's header with the empty line, once read */
	bool have_head;
};

/* Bytes: a range of the message, or text in memory (b->head or arena). */
struct imap_range {
	bool nil; /* there is no such part */
	bool in_memory;
	struct str text;
	uint64_t at, n;
};

void imap_body_init(struct imap_body *b, struct imap_session *s, uint32_t index);
void imap_body_done(struct imap_body *b);
/* 0, or negative: E_NOTFOUND when the message is gone. */
int imap_body_range(struct imap_body *b, const struct section *sec, struct imap_range *out);
/* Sends r [at, at+n) as it is, without a literal's head. */
int imap_body_send(struct imap_body *b, const struct imap_range *r, uint64_t at, uint64_t n);
/* The whole message in memory; the header alone; the tree. */
int imap_body_load(struct imap_body *b, struct str *out);
int imap_body_head(struct imap_body *b, struct str *out);
int imap_body_tree(struct imap_body *b, const struct mime **out);
/* Fields of a raw header that the section asks for, and an empty line. */
void imap_header_pick(struct str raw, const struct section *sec, struct buf *out);
/* Is it in the store's cache, with every message? */
bool imap_header_is_common(struct str field);

void imap_tree_init(struct imap_tree *t);
void imap_tree_done(struct imap_tree *t);

#endif
