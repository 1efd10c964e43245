/* SPDX-License-Identifier: ISC
 *
 * letter.h: what POST /api/v1/send is given becomes an envelope and a message: JSON
 * (docs/API.md, mail/compose.h), or a whole message (RFC 5322). Pure: a stranger's bytes in,
 * a value out.
 */
#ifndef MANSIO_WEBADMIN_LETTER_H
#define MANSIO_WEBADMIN_LETTER_H

#include "base/arena.h"
#include "base/buf.h"

struct letter {
	struct str from; /* envelope; empty: the null sender */
	struct str *to;
	size_t nto;
	struct buf message; /* with CRLF; letter_done frees it */
	bool eight_bit, smtputf8;
	bool verp; /* each recipient gets it from a sender of its own (mail/verp.h) */
};

struct letter_limits {
	size_t recipients, size; /* size: bytes of the message */
};

/* 0; E_SYNTAX, E_LIMIT with a sentence in why. out is to be letter_done in any case; its
 * strings live in a. boundary: random letters and digits. */
int letter_of_json(struct str body, const struct letter_limits *max, const char *boundary, struct arena *a,
	struct letter *out, struct buf *why);
/* query: "from=...&to=...&to=..." (percent-encoded); what it does not say, the header does.
 * Bcc fields are left out of the message. */
int letter_of_message(struct str body, struct str query, const struct letter_limits *max, struct arena *a,
	struct letter *out, struct buf *why);
void letter_done(struct letter *l);

#endif
