/* SPDX-License-Identifier: ISC
 *
 * select_parse.h: what SELECT and EXAMINE ask for (RFC 3501 6.3.1, RFC 4466 2.1,
 * RFC 7162 3.1.8, 3.2.5).
 */
#ifndef MANSIO_IMAP_SELECT_PARSE_H
#define MANSIO_IMAP_SELECT_PARSE_H

#include "mail/imapset.h"

struct select_args {
	struct str mailbox;
	bool bad_name;
	bool condstore, qresync;
	/* QRESYNC: what the client knows */
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_known;
	struct imapset known; /* UIDs, resolved */
	struct imapset seqs, uids; /* sequence match data: rising, equally many numbers */
};

/* SP mailbox [SP "(" select-param *(SP select-param) ")"], to the end. 1 or E_SYNTAX. */
int select_parse(struct cur *c, struct arena *a, struct select_args *out);

#endif
