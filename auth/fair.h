/* SPDX-License-Identifier: ISC
 *
 * fair.h: a queue in which no network waits behind another's crowd: one lane a
 * network, one job of each lane in turn.
 */
#ifndef MANSIO_AUTH_FAIR_H
#define MANSIO_AUTH_FAIR_H

#include <sys/queue.h>

#include "base/table.h"

struct fair_lane;
/* Lies in what is queued. */
struct fair_job {
	TAILQ_ENTRY(fair_job) link;
	struct fair_lane *lane; /* NULL: not queued */
	uint64_t number; /* its place in the lane */
};

struct fair {
	struct table lanes;
	TAILQ_HEAD(fair_lanes, fair_lane) turn; /* lanes with jobs, next one first */
	size_t n;
	uint64_t last; /* number */
};

void fair_init(struct fair *f);
void fair_done(struct fair *f); /* jobs are forgotten, not freed */
void fair_add(struct fair *f, struct str lane, struct fair_job *job);
/* One that was taken and could not be done: before those that came after it, and its lane is the next. */
void fair_again(struct fair *f, struct str lane, struct fair_job *job);
struct fair_job *fair_take(struct fair *f); /* NULL: empty */
/* The first one, in turn, of a lane that may; NULL: none. */
struct fair_job *fair_take_if(struct fair *f, bool (*may)(struct str lane, void *arg), void *arg);
size_t fair_waiting(const struct fair *f, struct str lane); /* jobs of this lane */
void fair_remove(struct fair *f, struct fair_job *job); /* not queued: nothing happens */

#endif
