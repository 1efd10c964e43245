/* SPDX-License-Identifier: ISC
 *
 * modifier_parse.c: the grammar of fetch-modifier and store-modifier (RFC 7162 7). A
 * modifier that is not known is refused (RFC 4466 2.4), and so is one that comes twice.
 */
#include "imap/modifier_parse.h"

#include "imap/parse.h"

/* "CHANGEDSINCE" SP mod-sequence-value / "VANISHED". 0 is taken, too: "everything". */
static int parse_fetch_modifier(struct cur *c, struct fetch_modifiers *m)
{
	struct str word;

	if (imap_parse_atom(c, &word) != 1)
		return E_SYNTAX;
	if (str_ieqc(word, "VANISHED") && !m->vanished) {
		m->vanished = true;
		return 1;
	}
	if (!str_ieqc(word, "CHANGEDSINCE") || m->changed || !cur_take(c, ' ') ||
		imap_parse_modseq(c, &m->since) != 1)
		return E_SYNTAX;
	m->changed = true;
	return 1;
}

int fetch_modifiers_parse(struct cur *c, struct fetch_modifiers *out)
{
	struct fetch_modifiers m = { .since = 0 };
	struct cur w = *c;

	*out = m;
	if (!cur_word(&w, " ("))
		return 0;
	do {
		if (parse_fetch_modifier(&w, &m) != 1)
			return E_SYNTAX;
	} while (cur_take(&w, ' '));
	if (!cur_take(&w, ')'))
		return E_SYNTAX;
	*c = w;
	*out = m;
	return 1;
}

int store_modifiers_parse(struct cur *c, struct store_modifiers *out)
{
	struct store_modifiers m = { .since = 0 };
	struct cur w = *c;

	*out = m;
	if (!cur_take(&w, '('))
		return 0;
	if (!cur_iword(&w, "UNCHANGEDSINCE ") || imap_parse_modseq(&w, &m.since) != 1 || !cur_word(&w, ") "))
		return E_SYNTAX;
	m.unchanged = true;
	*c = w;
	*out = m;
	return 1;
}
