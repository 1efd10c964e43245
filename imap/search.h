/* SPDX-License-Identifier: ISC
 *
 * search.h: a SEARCH program (RFC 3501 6.4.4) as a tree of keys in an array, and whether
 * a message matches it.
 *
 * Parsing bounds it: at most SEARCH_NODES keys, so that building, ordering and
 * walking it are bounded too, however it is nested. Strings are kept folded
 * (charset_fold); matching is substring search in folded text.
 */
#ifndef MANSIO_IMAP_SEARCH_H
#define MANSIO_IMAP_SEARCH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"
#include "mail/imapset.h"

#define SEARCH_NODES 1000

enum search_op {
	SEARCH_AND, SEARCH_OR, /* of the children; an empty AND is true */
	SEARCH_NOT, /* of the only child */
	SEARCH_FLAG, /* has any of `bits` */
	SEARCH_NOFLAG, /* has none of `bits` */
	SEARCH_KEYWORD, /* text: its name */
	SEARCH_NEW, /* recent and unseen */
	SEARCH_NUMBERS, SEARCH_UIDS, /* set */
	SEARCH_SAVED, /* "$" (RFC 5182); becomes UIDS before matching */
	SEARCH_MODSEQ, /* at least n (RFC 7162 3.1.5) */
	SEARCH_OLDER, SEARCH_YOUNGER, /* n seconds; before matching day: INTERNALDATE (RFC 5032) */
	SEARCH_BEFORE, SEARCH_ON, SEARCH_SINCE, /* day of INTERNALDATE, in UTC */
	SEARCH_SENTBEFORE, SEARCH_SENTON, SEARCH_SENTSINCE, /* day as the Date field has it */
	SEARCH_LARGER, SEARCH_SMALLER, /* n */
	SEARCH_HEADER, /* field, text */
	SEARCH_BODY, SEARCH_TEXT,
};

struct search_node {
	enum search_op op;
	uint8_t cost; /* 0 in the view, 1 in the cache, 2 header, 3 whole message */
	uint16_t child, next; /* index, 0: none (the root is nobody's child) */
	unsigned bits;
	uint64_t n;
	int64_t day;
	struct str field; /* lower case */
	struct str text; /* folded; KEYWORD: as written */
	struct imapset set;
};

enum {
	SEARCH_RETURN_MIN = 1, SEARCH_RETURN_MAX = 2, SEARCH_RETURN_ALL = 4, SEARCH_RETURN_COUNT = 8,
	SEARCH_RETURN_SAVE = 16,
};
struct search {
	struct search_node *node; /* node[0] is the root, an AND */
	size_t n;
	bool extended; /* RETURN was given: ESEARCH answers (RFC 4731) */
	unsigned want; /* SEARCH_RETURN_*; also on failure */
	bool modseq, numbers; /* a key of this kind is among them */
};

/* Everything behind "SEARCH": [SP "RETURN" SP "(" [option *(SP option)] ")"]
 * [SP "CHARSET" SP astring] 1*(SP search-key).
 * 1; E_SYNTAX, E_LIMIT (too many keys), E_UNSUPPORTED (charset). */
int search_parse(struct cur *c, struct arena *a, struct search *out);

struct imap_session;
/* False also for a message that is gone or cannot be read (then *err_out is set, unless it
 * is only gone). */
bool search_match(struct imap_session *s, const struct search *q, uint32_t index, int *err_out);

#endif
