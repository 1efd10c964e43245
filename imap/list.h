/* SPDX-License-Identifier: ISC
 *
 * list.h: what LIST and LSUB share.
 */
#ifndef MANSIO_IMAP_LIST_H
#define MANSIO_IMAP_LIST_H

#include "imap/list_parse.h"
#include "imap/session.h"

/* Parses the arguments and reads the folders. False: the reply is set (an error, or the
 * separator was all that was asked for). */
bool list_begin(struct imap_session *s, const char *verb, struct list_args *args, struct store_folder **f_out,
	size_t *n_out);
/* One line; extra: extended data with a space in front, or "". */
void list_tell(struct imap_session *s, const char *verb, const char *attributes, struct str name,
	const char *extra);

#endif
