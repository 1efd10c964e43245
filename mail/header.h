/* SPDX-License-Identifier: ISC
 *
 * header.h: the header of a message (RFC 5322 2.2): fields as they stand,
 * found in one pass, nothing copied. Lines may end in CRLF or bare LF (files
 * of other programs).
 */
#ifndef MANSIO_MAIL_HEADER_H
#define MANSIO_MAIL_HEADER_H

#include "base/arena.h"
#include "base/buf.h"

struct header_field {
	struct str name; /* "Subject" as written */
	struct str body; /* behind the colon to before the last line end, folds inside */
	struct str raw; /* whole field with its line ends */
};

struct header {
	struct header_field *field;
	size_t n;
	size_t size; /* bytes of the header with the empty line behind it */
	bool cut; /* limits were passed: fields beyond are not in the list */
};

struct header_limits {
	size_t fields; /* default 10,000 */
	size_t field_bytes; /* one field, default 1 MiB: a longer body is cut in parsing */
	size_t bytes; /* all, default 10 MiB */
};
extern const struct header_limits header_default_limits;

/* Never fails: a line without colon ends nothing, it is skipped as a field
 * with an empty name (but an "mbox From " first line too). */
void header_parse(struct str message, const struct header_limits *lim, struct arena *a,
	struct header *out);
/* The same as a walk that keeps nothing, for readers of few fields. At start:
 * { .message = m }. True: *out is the next field (bodies not limited). False:
 * the header is over and w->at is its size, as in struct header. */
struct header_walk {
	struct str message;
	size_t at;
};
bool header_walk(struct header_walk *w, struct header_field *out);
/* n-th field of that name (case folded), NULL if none. */
const struct header_field *header_get(const struct header *h, const char *name, size_t nth);
/* Body with folds removed (CR LF WSP -> WSP) and trimmed. */
struct str header_unfold(struct str body, struct arena *a);
/* Message-IDs "<...>" in a References-like body, with brackets. Of more than
 * max the last ones are kept: they are the nearest ancestors (RFC 5256). */
size_t header_message_ids(struct str body, struct arena *a, size_t max, struct str **out);

#endif
