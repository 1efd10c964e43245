/* SPDX-License-Identifier: ISC
 *
 * value.h: one value of a setting between text and memory. Sizes are also
 * what the mansio command takes as arguments (quota=2G).
 */
#ifndef MANSIO_CONF_VALUE_H
#define MANSIO_CONF_VALUE_H

#include "conf/conf.h"

#define CONF_LIST_MAX 256

/* "64k", "50M", "2G", "1T" or plain bytes. E_SYNTAX, E_LIMIT (overflow). */
int conf_size_parse(struct str text, uint64_t *out);
/* The largest unit that leaves no rest: "2G", "1500". */
void conf_size_print(uint64_t bytes, struct buf *out);
/* "500ms", "30s", "5m", "2h", "7d", and "0". In ms. E_SYNTAX, E_LIMIT. */
int conf_time_parse(struct str text, int64_t *out);
/* A moment, in UTC: "2026-11-21", "2026-11-21T14:30", with seconds, a Z behind it or not. Unix time; a day is its
 * beginning, and *day_out (may be NULL) says that it was a day. E_SYNTAX. */
int conf_date_parse(struct str text, int64_t *out, bool *day_out);
void conf_time_print(int64_t ms, struct buf *out);

/* The field of row k in c. */
void *conf_field(struct conf *c, const struct conf_key *k);
const void *conf_field_of(const struct conf *c, const struct conf_key *k);

/* Parses and range-checks text for row k into *field; strings go to the arena.
 * On failure E_SYNTAX or E_LIMIT, and `why` has what the value must be. */
int conf_value_parse(const struct conf_key *k, struct str text, struct arena *a, void *field,
	struct buf *why);
void conf_value_print(const struct conf_key *k, const void *field, struct buf *out);
/* The same, of a limit (lo or hi of the row). */
void conf_limit_print(const struct conf_key *k, int64_t limit, struct buf *out);

#endif
