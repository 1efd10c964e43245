/* SPDX-License-Identifier: ISC
 *
 * mime.h: the MIME tree of a message (RFC 2045, 2046) in one pass without
 * recursion: an array of parts with byte offsets into the stored message.
 * IMAP, search, filters and the web page all share this one reading (C23).
 */
#ifndef MANSIO_MAIL_MIME_H
#define MANSIO_MAIL_MIME_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/header.h"

struct mime_param {
	struct str name; /* lower case, RFC 2231 continuations joined */
	struct str value; /* RFC 2231 values decoded to UTF-8 */
	bool extended; /* was written in RFC 2231 form */
};

struct mime_part {
	int parent; /* index, -1 for the root */
	int first_child, next_sibling; /* index, -1: none */
	uint16_t depth;
	uint32_t number; /* 1-based place among its siblings */
	size_t header_at, header_size; /* with the empty line */
	size_t body_at, body_size;
	uint32_t body_lines;
	struct str type, subtype; /* lower case; "text" "plain" by default */
	struct mime_param *param;
	size_t nparams;
	struct str encoding; /* lower case, "7bit" by default */
	struct str id, description, md5, location, language; /* unfolded, may be empty */
	struct str disposition; /* lower case, empty: none */
	struct mime_param *disposition_param;
	size_t ndisposition_params;
	bool multipart, message; /* message: message/rfc822 (or global), child 0 is the inner message's root part */
};

struct mime {
	struct mime_part *part;
	size_t n;
	bool cut; /* a limit was passed: what lies deeper is one opaque leaf */
	bool has_bare_lf;
};

struct mime_limits {
	size_t depth; /* 100 */
	size_t parts; /* 10,000 */
	size_t params; /* 128 */
	struct header_limits header;
};
extern const struct mime_limits mime_default_limits;

/* part[0] is the root: the message itself. Offsets count in `message`. Never fails. */
void mime_parse(struct str message, const struct mime_limits *lim, struct arena *a,
	struct mime *out);
/* STR_NONE if absent; the RFC 2231 form goes before the plain one. */
struct str mime_param(const struct mime_part *p, const char *name);
struct str mime_disposition_param(const struct mime_part *p, const char *name);
/* Decodes base64, quoted-printable; others unchanged. Lenient. */
void mime_decode(struct str body, struct str encoding, struct buf *out);
/* Text of a part as UTF-8 (decoded, charset converted, HTML tags stripped for
 * text/html if strip): E_UNSUPPORTED for non-text. */
int mime_text(struct str message, const struct mime_part *p, bool strip, struct buf *out);

#endif
