/* SPDX-License-Identifier: ISC
 *
 * parse.h: the words of IMAP commands (RFC 3501 9): atoms, strings, mailbox
 * names, flags. All are 1 matched, 0 not here (cursor unmoved), negative malformed.
 * Values point into the command's text or into the arena.
 */
#ifndef MANSIO_IMAP_PARSE_H
#define MANSIO_IMAP_PARSE_H

#include "base/arena.h"
#include "base/cur.h"

enum {
	IMAP_C_ATOM = 1, /* ATOM-CHAR */
	IMAP_C_ASTRING = 2, /* ASTRING-CHAR: with "]" */
	IMAP_C_TAG = 4, /* without "+" */
	IMAP_C_LIST = 8, /* list-char: with the wildcards */
	IMAP_C_WORD = 16, /* letters, digits, "." and "-": names of fetch items */
	IMAP_C_HIGH = 32, /* bytes above 127 */
};
extern cur_class imap_class;

int imap_parse_tag(struct cur *c, struct str *out);
int imap_parse_atom(struct cur *c, struct str *out);
int imap_parse_quoted(struct cur *c, struct arena *a, struct str *out);
int imap_parse_string(struct cur *c, struct arena *a, struct str *out); /* quoted or literal */
int imap_parse_astring(struct cur *c, struct arena *a, struct str *out);
/* astring of a search: programs send words with 8-bit bytes unquoted, in their charset */
int imap_parse_search_string(struct cur *c, struct arena *a, struct str *out);
int imap_parse_nstring(struct cur *c, struct arena *a, struct str *out); /* NIL: STR_NONE */
int imap_parse_list_mailbox(struct cur *c, struct arena *a, struct str *out); /* with wildcards */

/* mod-sequence-valzer, 63 bits (RFC 7162 7) */
int imap_parse_modseq(struct cur *c, uint64_t *out);

/* A mailbox name, as UTF-8, INBOX in capitals. *bad_out: it is a string, but no name
 * (broken modified UTF-7, control characters, too long): that is NO, not BAD. */
#define IMAP_NAME_MAX 1000
int imap_parse_mailbox(struct cur *c, struct arena *a, struct str *out, bool *bad_out);

struct imap_flags {
	unsigned flags; /* STORE_SEEN ... */
	struct str *keyword;
	size_t nkeywords;
};
#define IMAP_KEYWORD_MAX 128 /* bytes of one */
#define IMAP_FLAGS_MAX 256 /* flags in one list */
/* "(" [flag *(SP flag)] ")" */
int imap_parse_flag_list(struct cur *c, struct arena *a, struct imap_flags *out);
/* flag *(SP flag), as STORE allows it */
int imap_parse_flags(struct cur *c, struct arena *a, struct imap_flags *out);

struct imap_append_args {
	struct str mailbox;
	bool bad_name;
	struct imap_flags flags;
	int64_t internaldate; /* 0: none given */
};
/* SP mailbox [SP flag-list] [SP date-time] SP, up to the literal. */
int imap_parse_append(const struct cur *args, struct arena *a, struct imap_append_args *out);

#endif
