/* SPDX-License-Identifier: ISC
 *
 * keeper.h: private to traced: its second process, which keeps the events and
 * answers the verbs, so that neither a slow disk nor a long search holds up
 * the log or anybody who writes to it.
 *
 *     programs --packets--> traced --lines (stream)--> keeper --> trace.db, stats
 *     master --control--> traced --verbs, reloads (packets)--> keeper --> reply
 *
 * traced writes to the keeper without waiting, and counts what does not fit. If
 * the keeper ends, traced ends, and master starts both again.
 */
#ifndef MANSIO_TRACE_KEEPER_H
#define MANSIO_TRACE_KEEPER_H

#include "conf/conf.h"
#include "trace/reader.h"

struct flights;
struct stats;
struct keeper {
	const struct conf *conf;
	int lines, control; /* from traced */
	struct keep keep;
	struct flights *flights;
	struct stats *stats;
	struct readers readers;
	deadline commit; /* something waits for it */
	deadline expire;
};

/* The child's life: until traced closes its ends. dir: the folder of its files. link: its own
 * link to traced, for what it has to say itself. */
int keeper_run(struct conf *conf, int dir, int lines, int control, int link);

/* A verb of the mansio command (verbs.c). */
void keeper_verb(struct keeper *k, struct ipc_msg *m);
/* One event, as a line of a block. */
void keeper_line(struct keeper *k, struct str line);

#endif
