/* SPDX-License-Identifier: ISC
 *
 * imap_reply.h: what an IMAP server says (RFC 3501 7), as far as an import needs it. Pure: a whole
 * response is text, literals in it are quoted strings (imap_read.c), the content of a message is
 * the word BODY[] followed by "<>".
 */
#ifndef MANSIO_IMPORT_IMAP_REPLY_H
#define MANSIO_IMPORT_IMAP_REPLY_H

#include "base/arena.h"
#include "base/buf.h"

enum imap_kind {
	IMAP_OTHER, IMAP_TAGGED, IMAP_CONTINUE, IMAP_STATE, /* "* OK/NO/BAD/PREAUTH/BYE" */
	IMAP_CAPABILITY, IMAP_LIST, IMAP_LSUB, IMAP_EXISTS, IMAP_FETCH,
};
enum imap_state { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_PREAUTH, IMAP_BYE };

struct imap_reply {
	enum imap_kind kind;
	struct str tag;
	enum imap_state state; /* of TAGGED and STATE */
	struct str code, code_value; /* "[UIDVALIDITY 5]" */
	struct str text; /* for people; of CAPABILITY the words */
	uint32_t number; /* of EXISTS, FETCH */
	/* LIST, LSUB */
	struct str attributes, name; /* name: as on the wire, modified UTF-7 */
	char separator; /* 0: NIL */
	/* FETCH */
	uint32_t uid; /* 0: not told */
	bool has_flags, has_body;
	uint32_t flags; /* of the store */
	struct str keywords; /* a space between two */
	int64_t internaldate; /* 0: not told */
};
/* 0, or E_SYNTAX: no response at all. Strings live in the arena or in text. */
int imap_reply_parse(struct str text, struct arena *a, struct imap_reply *out);
/* One of the words, case folded. */
bool imap_word(struct str list, const char *word);
/* The number of "{123}" or "{123+}" at the end of a line, -1: none; *at_out: where it begins. */
int64_t imap_literal(struct str line, size_t *at_out);

#endif
