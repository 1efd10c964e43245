/* SPDX-License-Identifier: ISC
 *
 * where.h: private to the commands: which settings file and which state folder
 * they are about.
 */
#ifndef MANSIO_MASTER_WHERE_H
#define MANSIO_MASTER_WHERE_H

#include "base/arena.h"
#include "conf/conf.h"

struct where {
	const char *config, *state; /* as given on the command line, NULL: not */
};

/* master and client change their folder: what was given relative is made absolute. */
const char *where_absolute(struct arena *a, const char *path);
const char *where_config(const struct where *w);
/* The settings as the file has them; a missing default file means defaults. Negative
 * with every error as a line. */
int where_conf(const struct where *w, struct conf **out, struct buf *errors);
/* --state, $MANSIO_STATE, the settings, the default: in this order. */
const char *where_state(struct arena *a, const struct where *w);

#endif
