/* SPDX-License-Identifier: ISC
 *
 * json.h: JSON and queries to the fields of a verb, and rows of an answer to JSON
 * (RFC 8259). Pure functions; nothing in here knows HTTP.
 */
#ifndef MANSIO_WEBADMIN_JSON_H
#define MANSIO_WEBADMIN_JSON_H

#include "conf/verbs.h"

/* A flat JSON object: strings, numbers, booleans (yes, no), and arrays of these for
 * what may be repeated, as fields prefix+NAME of m; null: as if not there. 0, or
 * E_SYNTAX, E_LIMIT (depth, number of values) with a sentence in why. */
int json_fields(struct str body, const char *prefix, struct ipc_msg *m, struct buf *why);

/* application/x-www-form-urlencoded, a query: the same. */
int query_fields(struct str query, const char *prefix, struct ipc_msg *m, struct buf *why);

/* The fields prefix+NAME of `given` are arguments of v, each of its type, none twice
 * that may not be, none missing: added to m as prefix+NAME (sizes in bytes). */
int verb_fields(const struct verb *v, const char *prefix, const struct ipc_msg *given, struct ipc_msg *m,
	struct buf *why);

void json_text(struct buf *out, struct str s); /* quoted; broken UTF-8 byte by byte */
/* One row: numbers for the columns that are, a repeated field as an array. Without
 * done, code and error. */
void json_row(struct buf *out, const struct ipc_msg *row);
void json_error(struct buf *out, struct str sentence, int code);

#endif
