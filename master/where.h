/* SPDX-License-Identifier: ISC
 *
 * where.h: private to the commands: which settings file and which state folder
 * they are about.
 *
 * Who names a state folder alone means the suite of that folder, and its settings file: master writes down which one that is
 * (STATE/run/config, state.c) at every start.
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
#define WHERE_RECORD "config" /* in STATE/run: path of the settings file that the suite was last started with */
/* Where a state folder was named (--state, $MANSIO_STATE) and no file: the file of its suite becomes w->config (in a), and the
 * folder w->state. That is the one of its last start, else mansio.conf in the folder, else the default file if that names the folder.
 * E_NOTFOUND with a sentence in why: nobody knows; w->config is then a file that is not there. */
int where_find(struct arena *a, struct where *w, struct buf *why);
/* The settings as the file has them; a missing default file means defaults. Negative
 * with every error as a line. */
int where_conf(const struct where *w, struct conf **out, struct buf *errors);
/* --state, $MANSIO_STATE, the settings, the default: in this order. */
const char *where_state(struct arena *a, const struct where *w);

#endif
