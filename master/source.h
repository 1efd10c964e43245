/* SPDX-License-Identifier: ISC
 *
 * source.h: private to the mansio command: files for an import or export (source.c).
 */
#ifndef MANSIO_MASTER_SOURCE_H
#define MANSIO_MASTER_SOURCE_H

#include "base/clock.h"
#include "master/client.h"

struct source {
	int base; /* -1: this verb needs none */
	bool makes; /* writes, reads nothing */
	bool is_file;
	bool quiet; /* standard output is the export itself */
};
/* What the verb names. 0, or negative: the answer says why. Before the folder is changed. */
int source_open(const struct ipc_msg *question, struct source *out, struct answer *a);
void source_close(struct source *s);
/* true: it was a question for files, and is answered. */
bool source_asked(const struct source *s, int link, const struct ipc_msg *q);
/* Draws the bar on a terminal; NULL: takes it away. */
void source_progress(const struct ipc_msg *m);

#endif
