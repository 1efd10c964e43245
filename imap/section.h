/* SPDX-License-Identifier: ISC
 *
 * section.h: what a FETCH asks for (RFC 3501 6.4.5): items and body sections as
 * values.
 */
#ifndef MANSIO_IMAP_SECTION_H
#define MANSIO_IMAP_SECTION_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum section_text {
	SECTION_ALL, /* BODY[], BODY[1.2] */
	SECTION_HEADER,
	SECTION_FIELDS, /* HEADER.FIELDS */
	SECTION_FIELDS_NOT,
	SECTION_TEXT,
	SECTION_MIME,
};
#define SECTION_PATH_MAX 100

struct section {
	uint32_t *path; /* part numbers */
	size_t npath;
	enum section_text text;
	struct str *field; /* as the client wrote them */
	size_t nfields;
};

enum fetch_kind {
	FETCH_FLAGS, FETCH_UID, FETCH_INTERNALDATE, FETCH_SIZE, FETCH_ENVELOPE,
	FETCH_BODYSTRUCTURE, FETCH_BODY, /* the structure without extensions */
	FETCH_SECTION, FETCH_MODSEQ,
};
struct fetch_item {
	enum fetch_kind kind;
	bool peek; /* SECTION: \Seen is not set */
	struct section section;
	bool partial;
	uint32_t at, n; /* partial: <at.n> */
	struct str name; /* how the answer calls it: "BODY[1.MIME]<0>" */
};
#define FETCH_ITEMS_MAX 200 /* there is room for one more */

/* section-spec without the brackets: 1 or E_SYNTAX (also if it is empty: SECTION_ALL). */
int section_parse(struct cur *c, struct arena *a, struct section *out);
/* "1.2.HEADER.FIELDS (FROM)", fields as quoted strings where they are no atoms */
void section_print(const struct section *sec, struct buf *out);

/* ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"):
 * 1, E_SYNTAX, E_LIMIT. */
int fetch_parse(struct cur *c, struct arena *a, struct fetch_item **out, size_t *n_out);

#endif
