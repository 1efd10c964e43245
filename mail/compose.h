/* SPDX-License-Identifier: ISC
 *
 * compose.h: a message from its parts (RFC 5322, 2045 - 2047, 2183, 2231, 2392): what a
 * program that knows no MIME says, becomes text that every mail program reads. Pure.
 *
 * Nothing that is given can become a header field or a line of its own: control characters
 * are refused everywhere but in text and html, and those two are encoded. All lines are
 * short, all bytes ASCII but for addresses that are not (RFC 6532).
 */
#ifndef MANSIO_MAIL_COMPOSE_H
#define MANSIO_MAIL_COMPOSE_H

#include "base/buf.h"

struct compose_address {
	struct str name, address; /* name UTF-8, may be empty; address: checked by the caller */
};

struct compose_field {
	struct str name, value;
};

struct compose_part {
	struct str type; /* "image/png" */
	struct str filename; /* UTF-8, may be empty */
	struct str cid; /* not empty: shown inside the html, which names it cid:... */
	struct str base64; /* the content, without line breaks, checked by the caller */
};

struct compose {
	struct compose_address from;
	const struct compose_address *to, *cc, *reply_to;
	size_t nto, ncc, nreply_to;
	struct str subject, text, html; /* UTF-8; p NULL: none */
	const struct compose_field *field;
	size_t nfield;
	const struct compose_part *part;
	size_t npart;
	const char *boundary; /* some random letters and digits */
};

/* Appends the message, with CRLF, without Date and Message-ID. *utf8_out: its header is not
 * ASCII. 0; E_SYNTAX with a sentence in why; E_LIMIT (out is full). */
int compose_print(const struct compose *c, struct buf *out, bool *utf8_out, struct buf *why);

#endif
