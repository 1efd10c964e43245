/* SPDX-License-Identifier: ISC
 *
 * modifier_parse.h: conditions on FETCH and STORE (RFC 4466 2.4, 2.5; RFC 7162 3.1.3,
 * 3.1.4.1, 3.2.6).
 */
#ifndef MANSIO_IMAP_MODIFIER_PARSE_H
#define MANSIO_IMAP_MODIFIER_PARSE_H

#include "base/cur.h"

struct fetch_modifiers {
	bool changed; /* CHANGEDSINCE was given */
	uint64_t since;
	bool vanished;
};
/* [SP "(" fetch-modifier *(SP fetch-modifier) ")"]: 1, 0, E_SYNTAX. */
int fetch_modifiers_parse(struct cur *c, struct fetch_modifiers *out);

struct store_modifiers {
	bool unchanged; /* UNCHANGEDSINCE was given */
	uint64_t since;
};
/* ["(" store-modifier ")" SP], in front of the flags: 1, 0, E_SYNTAX. */
int store_modifiers_parse(struct cur *c, struct store_modifiers *out);

#endif
