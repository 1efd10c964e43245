/* SPDX-License-Identifier: ISC
 *
 * edit.h: changes one setting in the text of a settings file and leaves all the
 * rest of it, comments, order, spacing, byte for byte as the admin wrote it.
 * Pure functions; whether the new text is good is for conf_parse to say.
 */
#ifndef MANSIO_CONF_EDIT_H
#define MANSIO_CONF_EDIT_H

#include "conf/conf.h"

/* Line number of the key, from 1; 0: the text does not set it. */
unsigned conf_edit_line(struct str text, const char *section, const char *name);
/* The text with "name = value" appended to out: in place if it is set, else behind the
 * last setting of its section, else in a new section at the end. E_SYNTAX: the value
 * cannot stand in a file (a line end, a control character). */
int conf_edit_set(struct str text, const char *section, const char *name, struct str value, struct buf *out);
/* The text without that line. E_NOTFOUND: it was not set. */
int conf_edit_unset(struct str text, const char *section, const char *name, struct buf *out);

/* "section.name": its row, or NULL. */
const struct conf_key *conf_key_named(struct str full);
/* Only who may edit the file on this host may set it: what names files, programs,
 * ports or users, so that an administrator of the page does not become root. */
bool conf_host_only(const struct conf_key *k);

#endif
