/* SPDX-License-Identifier: ISC
 *
 * rulefile.h: rules of access and rewriting from files of the admin, beside those of the
 * verbs.
 *
 *   access_file, rewrite_file --auth_rules_compile (a child of master)--> table, sealed memory
 *   table --descriptor "rules"--> authd --> workers: mapped by each, shared by all
 *
 * The table is text, a rule a line, sorted by its bytes: KIND TAB WHO TAB ACTION TAB TEXT TAB
 * COMMENT LF, KIND a letter. It is searched in halves where it lies: no index, no copy, and
 * whatever stands in it, nothing outside it is read.
 */
#ifndef MANSIO_AUTH_RULEFILE_H
#define MANSIO_AUTH_RULEFILE_H

#include "auth/directory.h"

#define RULEFILE_LINE 2000 /* bytes of a line in a file */
#define RULEFILE_ERRORS 20 /* that are told */

/* The row of exactly this key, its strings in the table: 0, or E_NOTFOUND. */
int rulefile_find(struct str table, struct str kind, struct str who, struct directory_rule *out);
/* Is there any of this kind? */
bool rulefile_has(struct str table, struct str kind);
/* All of them in the order of kind and who, until fn returns false. */
void rulefile_each(struct str table, bool (*fn)(const struct directory_rule *v, void *arg), void *arg);

#endif
