/* SPDX-License-Identifier: ISC
 *
 * check.h: private to conf/: what a range of one value cannot say.
 */
#ifndef MANSIO_CONF_CHECK_H
#define MANSIO_CONF_CHECK_H

#include "conf/conf.h"

struct conf_report {
	const char *file_name;
	const unsigned *line; /* of each row in the file; 0: not set there */
	struct buf *errors; /* NULL: only counted */
	size_t count;
};

/* One error, at a line (0: the file as a whole). */
void conf_error(struct conf_report *r, unsigned line, const char *fmt, ...) PRINTF(3, 4);
/* Text of a stranger to the table, short and printable, for a message. */
const char *conf_shown(struct str s, char out[80]);
/* The line of a field: its row is found by the offset. */
#define CONF_LINE(r, section, name) conf_line((r), offsetof(struct conf, section##_##name))
unsigned conf_line(const struct conf_report *r, size_t offset);
/* Each must be one of those. */
void conf_check_words(struct conf_report *r, unsigned line, const char *name, const struct conf_list *l,
	const char *const *known, size_t nknown);
void conf_check_oauth(const struct conf *c, struct conf_report *r); /* oauth.c */

/* Values that must fit one another, and texts with a grammar of their own
 * (addresses, networks, host names). Every mistake is reported. */
void conf_check(const struct conf *c, struct conf_report *r);
/* check_people.c: where people are kept */
void conf_check_people(const struct conf *c, struct conf_report *r);

#endif
